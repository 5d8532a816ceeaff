# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_shell_parse,tests/host/test_shell_parse.c apps/shell/parse.c))
$(eval $(call fuzztarget,fuzz_shell_parse,tests/fuzz/fuzz_shell_parse.c apps/shell/parse.c))
