# SPDX-License-Identifier: BSD-2-Clause
# The fuzzer of system calls runs in the guest: ten seconds of it with the guest tests (its own defaults), and
# `make fuzz-syscall` for FUZZ_TIME seconds under the debug kernel.

$(eval $(call guesttest,fuzz-syscall,$(wildcard tests/fuzz/syscall/*.c),,-fno-sanitize=safe-stack))

guest_grants_fuzz-syscall := tests/fuzz/syscall/fuzz.yaml

FUZZ_SEED ?= 1
FUZZ_CPUS ?= 1 4

.PHONY: fuzz-syscall
fuzz-syscall: user $(BOOT_STRIPPED) ## hostile system calls under a debug kernel; FUZZ_TIME=600 FUZZ_SEED=1
	@$(MAKE) --no-print-directory kernel DEBUG=1
	@for cpus in $(FUZZ_CPUS); do \
	    tools/vm exec --smp $$cpus --timeout $$(($(FUZZ_TIME) + 60)) --kernel build/debug-kernel/tessera.elf \
	        --grants tests/fuzz/syscall/fuzz.yaml build/user/fuzz-syscall seconds=$(FUZZ_TIME) seed=$(FUZZ_SEED) \
	        || exit 1; \
	done
