# SPDX-License-Identifier: BSD-2-Clause
# Small programs for the network, each of one file.
NET_TOOLS := resolve ping nc
$(foreach t,$(NET_TOOLS),$(eval $(call program,$(t),apps/net/$(t).c,)))
BOOT_FILES += $(foreach t,$(NET_TOOLS),bin/$(t)=build/user/$(t))
