# SPDX-License-Identifier: BSD-2-Clause
# The functions with which a room's build.mk declares what it builds. They only record; mk/user.mk and
# mk/host.mk make the rules once every room has been read, so the order of the rooms does not matter.
#
#   $(eval $(call program,NAME,SOURCES,LIBS[,EXTRA_CFLAGS]))    build/user/NAME, for the SDK's target
#   $(eval $(call library,NAME,SOURCES[,EXTRA_CFLAGS]))         build/user/libNAME.a
#   $(eval $(call hosttest,NAME,SOURCES[,EXTRA_CFLAGS]))        build/host/NAME: cmocka, ASan and UBSan
#   $(eval $(call fuzztarget,NAME,SOURCES[,EXTRA_CFLAGS]))      build/fuzz/NAME: libFuzzer, ASan and UBSan
#   $(eval $(call guesttest,NAME,SOURCES,LIBS[,EXTRA_CFLAGS]))  a program that prints TAP, run in the guest
#   GENERATED  += FILE            a generated file that must exist before anything is compiled
#   SDK_FILES  += FILE            a file of the SDK (compiler wrapper, crt, libc.a, a header stamp)
#   BOOT_FILES += bin/NAME=FILE   a file of the boot archive
#
# SOURCES are paths from the repository's root, .c or .S. They may lie in build/ if a rule makes them.

define program
PROGRAMS += $(1)
program_$(1)_sources := $(2)
program_$(1)_libs := $(3)
program_$(1)_cflags := $(4)
endef

define library
LIBRARIES += $(1)
library_$(1)_sources := $(2)
library_$(1)_cflags := $(3)
endef

define hosttest
HOSTTESTS += $(1)
hosttest_$(1)_sources := $(2)
hosttest_$(1)_cflags := $(3)
hosttest_$(1)_libs := $(4)
endef

define fuzztarget
FUZZTARGETS += $(1)
fuzztarget_$(1)_sources := $(2)
fuzztarget_$(1)_cflags := $(3)
endef

define guesttest
GUESTTESTS += $(1)
$(call program,$(1),$(2),$(3),$(4))
endef

PROGRAMS    :=
LIBRARIES   :=
HOSTTESTS   :=
FUZZTARGETS :=
GUESTTESTS  :=

# $(call objects,DIR,SOURCES): the object files of SOURCES below DIR.
objects = $(addprefix $(1)/,$(addsuffix .o,$(2)))

# $(call remember,UNIT,COMMAND): a file that changes when the COMMAND for UNIT's objects does; they depend on it.
remember = $(if $(findstring [$(strip $(2))],[$(strip $(file <build/flags/$(1)))]),,$(file >build/flags/$(1),$(2)))
$(shell mkdir -p build/flags)

# $(call compile,DIR,SOURCE,COMMAND,NEEDS[,UNIT]): the rule for one object of SOURCE below DIR. The dependency
# file beside it names the headers it included; deleted headers do not stop the build (-MP).
define compile
$(1)/$(2).o: $(2) $(if $(5),build/flags/$(5)) | generated $(4)
	$$(call say,CC,$(2))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(3) -MMD -MP -MF $$@.d -c -o $$@ $$<
ALL_DEPS += $(1)/$(2).o.d
endef
ALL_DEPS :=
