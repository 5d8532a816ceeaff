# SPDX-License-Identifier: BSD-2-Clause
# Argument data, on the host.
$(eval $(call hosttest,test_argdata,tests/host/test_argdata.c $(ARGDATA_SOURCES)))
$(eval $(call fuzztarget,fuzz_argdata,tests/fuzz/fuzz_argdata.c $(ARGDATA_SOURCES)))
