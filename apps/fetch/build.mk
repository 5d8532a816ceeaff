# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,fetch,apps/fetch/main.c apps/fetch/url.c,))
BOOT_FILES += bin/fetch=build/user/fetch
