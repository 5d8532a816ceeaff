# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,shell,$(wildcard apps/shell/*.c),))
BOOT_FILES += bin/shell=build/user/shell
