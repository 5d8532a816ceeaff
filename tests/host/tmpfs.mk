# SPDX-License-Identifier: BSD-2-Clause
# tmpfs above a port that is plain memory.
$(eval $(call hosttest,test_tmpfs,tests/host/test_tmpfs.c tests/host/fake_port.c $(TMPFS_SOURCES) \
    $(wildcard pseudofd/server/*.c)))
# The server library by itself.
$(eval $(call hosttest,test_pseudofd,tests/host/test_pseudofd.c tests/host/fake_port.c $(wildcard pseudofd/server/*.c)))
# Any requests; and operations that make sense, against a model.
$(eval $(call fuzztarget,fuzz_pseudofd,tests/fuzz/fuzz_pseudofd.c tests/host/fake_port.c $(TMPFS_SOURCES) \
    $(wildcard pseudofd/server/*.c)))
$(eval $(call fuzztarget,fuzz_tmpfs,tests/fuzz/fuzz_tmpfs.c tests/host/fake_port.c $(TMPFS_SOURCES) \
    $(wildcard pseudofd/server/*.c)))
