# SPDX-License-Identifier: BSD-2-Clause
# Rules for what the rooms declared with program, library and guesttest.

# What is part of the system is optimised as a whole at the link (LTO=0: not); tests keep their files apart.
USER_LTO   := $(if $(filter 0,$(LTO)),,-flto=full)
USER_FLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(INCLUDES)

# $(call user_lto,SOURCES)
user_lto = $(if $(filter tests/%,$(1)),,$(USER_LTO))

# $(call user_objects,UNIT,SOURCES,EXTRA_CFLAGS): objects lie in a directory of the unit's own, because
# two units may compile one source with different flags. All are compiled again when a header of the SDK changes, which
# the compiler does not note down.
define user_objects
$(call remember,user-$(1),$(USER_FLAGS) $(3))
$(foreach s,$(2),$(eval $(call compile,build/user/obj/$(1),$(s),$(TESSERACC) $(USER_FLAGS) $(3),sdk,user-$(1))))
$(call objects,build/user/obj/$(1),$(2)): $(SDK)/include/.stamp
endef

define library_rules
$(call user_objects,lib$(1),$(library_$(1)_sources),$(USER_LTO) $(library_$(1)_cflags))
build/user/lib$(1).a: $(call objects,build/user/obj/lib$(1),$(library_$(1)_sources))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef

comma := ,
# $(call user_order,FILE): the order of functions and data in the image, a name a line
user_order = $(if $(1),-Wl$(comma)--symbol-ordering-file=$(1)$(comma)--no-warn-symbol-ordering)

# program_NAME_order is such a file, if there is one.
define program_rules
$(call user_objects,$(1),$(program_$(1)_sources),$(call user_lto,$(program_$(1)_sources)) $(program_$(1)_cflags))
build/user/$(1): $(call objects,build/user/obj/$(1),$(program_$(1)_sources)) \
    $(foreach l,$(program_$(1)_libs),build/user/lib$(l).a) $(program_$(1)_order) $(SDK_FILES)
	$$(call say,LINK,$$@)
	$$(Q)$(TESSERACC) $(USER_LTO) -O2 $(call user_order,$(program_$(1)_order)) -o $$@ \
	    $(call objects,build/user/obj/$(1),$(program_$(1)_sources)) \
	    -Wl,--start-group $(foreach l,$(program_$(1)_libs),build/user/lib$(l).a) -Wl,--end-group
endef

$(foreach l,$(LIBRARIES),$(eval $(call library_rules,$(l))))
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

.PHONY: user
user: $(addprefix build/user/,$(PROGRAMS)) ## build all programs (build/user)


