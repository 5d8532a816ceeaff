# SPDX-License-Identifier: BSD-2-Clause
# Cuts of the power at every block that ext2 writes: a slice with the host tests, all of it by `make crash`.
$(eval $(call hosttest,test_ext2_crash,$(wildcard tests/crash/*.c) $(EXT2_CORE_SOURCES),-O2))

.PHONY: crash
crash: build/host/test_ext2_crash ## all cuts of the power by blocks on the host, some minutes; CRASH_ARGS=
	@build/host/test_ext2_crash --all $(CRASH_ARGS)
