# SPDX-License-Identifier: BSD-2-Clause
# Rules for what the rooms declared with hosttest and fuzztarget: pure parts of the system, compiled for
# the host under the address and undefined-behaviour sanitizers.

HOST_FLAGS := -std=gnu11 -O1 -g $(WARNINGS) $(INCLUDES) -D_GNU_SOURCE -DTESSERA_HOST=1 \
    -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# $(call host_rules,KIND,OUT,NAME,FLAGS,LINK): KIND is hosttest or fuzztarget.
define host_rules
$(call remember,$(2)-$(3),$(HOST_FLAGS) $(4) $($(1)_$(3)_cflags))
$(foreach s,$($(1)_$(3)_sources),$(eval $(call compile,build/$(2)/obj/$(3),$(s),\
    $(CLANG) $(HOST_FLAGS) $(4) $($(1)_$(3)_cflags),,$(2)-$(3))))
build/$(2)/$(3): $(call objects,build/$(2)/obj/$(3),$($(1)_$(3)_sources))
	$$(call say,LINK,$$@)
	$$(Q)$(CLANG) $(HOST_FLAGS) $(4) -o $$@ $$^ $(5) $($(1)_$(3)_libs)
endef

$(foreach t,$(HOSTTESTS),$(eval $(call host_rules,hosttest,host,$(t),,-lcmocka -lpthread)))
$(foreach t,$(FUZZTARGETS),$(eval $(call host_rules,fuzztarget,fuzz,$(t),-fsanitize=fuzzer -Wno-missing-prototypes,)))

.PHONY: host
host: $(addprefix build/host/,$(HOSTTESTS)) ## build the host tests (build/host)

-include $(wildcard $(ALL_DEPS))
