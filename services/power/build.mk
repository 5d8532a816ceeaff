# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,power,services/power/main.c,pseudofd common))
BOOT_FILES += bin/power=build/user/power
