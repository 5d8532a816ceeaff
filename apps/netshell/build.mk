# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,netshell,apps/netshell/main.c,))
BOOT_FILES += bin/netshell=build/user/netshell
