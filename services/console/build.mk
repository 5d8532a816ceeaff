# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,console,services/console/main.c,pseudofd common))
BOOT_FILES += bin/console=build/user/console
