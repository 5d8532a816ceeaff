# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_line,tests/host/test_line.c services/common/line.c services/common/line_keys.c))
$(eval $(call fuzztarget,fuzz_line,tests/fuzz/fuzz_line.c services/common/line.c services/common/line_keys.c))
