# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call program,httpd,$(addprefix apps/httpd/,main.c client.c answer.c request.c types.c),))
BOOT_FILES += bin/httpd=build/user/httpd
