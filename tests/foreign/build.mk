# SPDX-License-Identifier: BSD-2-Clause
# Foreign programs: no part of our C library or start-up code is in them, and they are linked in ways of their own.
# Each tests/foreign/test_NAME.c becomes foreign_NAME (segments on pages of their own, one writable segment with
# RELRO in it, as an
# older linker did it); foreign_start also becomes foreign_start_packed (segments packed as newer linkers do).

FOREIGN_CFLAGS := --target=x86_64-unknown-cloudabi -std=gnu11 -O2 -g $(WARNINGS) $(INCLUDES) -ffreestanding -nostdlib \
    -fPIE -fvisibility=hidden -fsanitize=safe-stack -fstack-protector-strong -fno-use-init-array -Wno-missing-prototypes
FOREIGN_LINK   := $(LLD) -pie --no-dynamic-linker --eh-frame-hdr -z relro -z now --hash-style=sysv --build-id=none
FOREIGN_COMMON := crt tap call heap threads
FOREIGN_TESTS  := $(patsubst tests/foreign/test_%.c,%,$(wildcard tests/foreign/test_*.c))

$(call remember,foreign,$(FOREIGN_CFLAGS))
$(foreach s,$(wildcard tests/foreign/*.c),\
    $(eval $(call compile,build/foreign,$(s),$(CLANG) $(FOREIGN_CFLAGS),,foreign)))
foreign_objects = build/foreign/tests/foreign/crt.c.o build/foreign/tests/foreign/test_$(1).c.o \
    $(patsubst %,build/foreign/tests/foreign/%.c.o,tap call heap threads crtend)

define foreign_rules
build/user/foreign_$(1): $(call foreign_objects,$(1)) tests/foreign/relayout.py
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(FOREIGN_LINK) -z separate-loadable-segments -o $$@ $(call foreign_objects,$(1))
	$$(Q)$(PYTHON) tests/foreign/relayout.py $$@
endef
$(foreach t,$(FOREIGN_TESTS),$(eval $(call foreign_rules,$(t))))

build/user/foreign_start_packed: $(call foreign_objects,start)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FOREIGN_LINK) -z noseparate-code -o $@ $^

FOREIGN_PROGRAMS := $(addprefix foreign_,$(FOREIGN_TESTS)) foreign_start_packed
GUESTTESTS += $(FOREIGN_PROGRAMS)
user: $(addprefix build/user/,$(FOREIGN_PROGRAMS))
guest_grants_foreign_spawn := tests/foreign/spawn.yaml
guest_grants_foreign_sync  := tests/foreign/threads.yaml
guest_grants_foreign_stress := tests/foreign/threads.yaml
