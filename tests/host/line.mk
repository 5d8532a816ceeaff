# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_line,tests/host/test_line.c services/common/line.c services/common/line_keys.c))
