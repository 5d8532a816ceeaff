# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,init,$(wildcard services/init/*.c),common argdata))
BOOT_FILES += bin/init=build/user/init
