# SPDX-License-Identifier: BSD-2-Clause
# Running the tests. tests/run counts and prints the summary line.

GUEST_CPUS ?= 1 2 4
FUZZ_TIME  ?= 20
# A room may say with guest_grants_NAME := FILE.yaml... with which grants its guest test NAME is run.
GUEST_RUNS  = $(foreach t,$(sort $(GUESTTESTS)),$(if $(guest_grants_$(t)),$(guest_grants_$(t):%=$(t)=%),$(t)))
# Those that look for what only a kernel with assertions and lock ranks tells are run under that one, too.
DEBUG_GUESTS := fuzz-syscall test_bombs test_pager_mad test_port_scribble test_races test_stress
DEBUG_KERNEL := build/debug-kernel/tessera.elf
TEST_ARGS   = --cpus "$(GUEST_CPUS)" --host "$(sort $(HOSTTESTS))" --fuzz "$(sort $(FUZZTARGETS))" \
    --guest "$(GUEST_RUNS)"

.PHONY: test test-host test-guest test-scenario test-build model fuzz bench
##@ Testing
test: setup ## build and run everything; ends with one line "N passed, N failed"
	@$(MAKE) --no-print-directory $(JOBS) test-build
	@$(MAKE) --no-print-directory $(JOBS) kernel DEBUG=1
	@$(PYTHON) tests/run $(TEST_ARGS) --debug-kernel $(DEBUG_KERNEL) --debug-guest "$(DEBUG_GUESTS)" \
	    lint host model fuzz guest scenario

IMAGES := build/boot.img build/tessera.iso build/tessera-disk.raw build/tessera-disk.qcow2
test-build: host kernel user $(IMAGES) $(addprefix build/fuzz/,$(FUZZTARGETS))

test-host: host ## unit tests of the pure parts, under ASan and UBSan
	@$(PYTHON) tests/run $(TEST_ARGS) host

test-guest: kernel user $(BOOT_STRIPPED) ## programs run inside, at each of GUEST_CPUS (1 2 4); ONLY=NAME
	@$(PYTHON) tests/run $(TEST_ARGS) --kernel $(KERNEL_ELF) $(if $(ONLY),--only $(ONLY)) guest

test-scenario: kernel $(IMAGES) build/user/workload ## boot, and drive over TCP and serial; ONLY=EXPRESSION
	@$(PYTHON) tests/run $(TEST_ARGS) $(if $(ONLY),--only '$(ONLY)') scenario

model: ## check the models of tests/model with spin; ONLY=NAME
	@tests/model/run $(ONLY)

# Each target gets FUZZ_TIME seconds; what it learns is kept in build/corpus.
fuzz: $(addprefix build/fuzz/,$(FUZZTARGETS)) ## run each fuzz target for FUZZ_TIME seconds (20); ONLY=NAME
	@for t in $(if $(ONLY),$(ONLY),$(sort $(FUZZTARGETS))); do \
	    printf '  %-9s%s\n' FUZZ $$t; \
	    mkdir -p build/corpus/$$t build/crashes; \
	    seeds=; [ -d tests/fuzz/corpus/$$t ] && seeds=tests/fuzz/corpus/$$t; \
	    build/fuzz/$$t -max_total_time=$(FUZZ_TIME) -timeout=10 -print_final_stats=0 -verbosity=0 \
	        -artifact_prefix=build/crashes/$$t- build/corpus/$$t $$seeds || exit 1; \
	done

peer: user boot ## TCP against Linux over a bad cable, PEER_KIB (65536) each way
	@PEER_KIB=$(or $(PEER_KIB),65536) SCENARIO_TIMEOUT=18000 tests/run --only test_peer scenario
.PHONY: peer

BENCHES = $(filter bench-%,$(sort $(PROGRAMS)))
bench: kernel user build/boot.img build/tessera.iso ## measure: instructions (counted by QEMU) and the time to boot
	@for b in $(BENCHES); do for g in $$(ls tests/bench/$$b*.yaml 2>/dev/null || echo none); do \
	    grants="--grants $$g"; [ $$g = none ] && grants=; echo "$$b (grants: $$g):"; \
	    tools/vm exec --icount --timeout 120 $$grants build/user/$$b || exit 1; \
	done; done
	@$(PYTHON) tests/bench/boot.py
