# SPDX-License-Identifier: BSD-2-Clause
# Small programs, each of one file.
SMALL_TOOLS := hello cat wc grep spin crash
$(foreach t,$(SMALL_TOOLS),$(eval $(call program,$(t),apps/tools/$(t).c,)))
BOOT_FILES += $(foreach t,$(SMALL_TOOLS),bin/$(t)=build/user/$(t))
