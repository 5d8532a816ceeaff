# SPDX-License-Identifier: BSD-2-Clause
# The reader of executables.
$(eval $(call hosttest,test_elf,tests/host/test_elf.c kernel/proc/elf.c))
$(eval $(call fuzztarget,fuzz_elf,tests/fuzz/fuzz_elf.c kernel/proc/elf.c))
