# SPDX-License-Identifier: BSD-2-Clause
# What is generated from the definition of the ABI: headers, the kernel's decoders,
# the vDSO. All of it goes into build/gen/abi.

ABI_OUT       := build/gen/abi
ABI_GENERATOR := abi/generate.py $(wildcard abi/generator/*.py)
ABI_HEADERS   := $(addprefix $(ABI_OUT)/,cloudabi_types.h cloudabi_syscalls.h kernel_calls.h refusals.h)
ABI_KERNEL    := $(addprefix $(ABI_OUT)/,kernel_dispatch.c kernel_missing.c)

# The generator leaves unchanged files alone; the stamp is what make looks at.
$(ABI_OUT)/.stamp: abi/cloudabi.def $(ABI_GENERATOR)
	$(call say,GEN,$(ABI_OUT))
	$(Q)$(PYTHON) abi/generate.py abi/cloudabi.def $(ABI_OUT)
	$(Q)touch $@

$(ABI_HEADERS) $(ABI_KERNEL) $(ABI_OUT)/vdso_stubs.S: $(ABI_OUT)/.stamp ;

GENERATED += $(ABI_OUT)/.stamp

.PHONY: abi-doc
abi-doc: ## write docs/abi.md from the definition of the ABI
	$(call say,GEN,docs/abi.md)
	$(Q)$(PYTHON) abi/generate.py abi/cloudabi.def --doc docs/abi.md
KERNEL_EXTRA_SOURCES += $(ABI_KERNEL)

# The vDSO. The kernel maps it into each process as it is; it holds the only system call instructions.
VDSO_FLAGS := --target=x86_64-unknown-none-elf -std=gnu11 -O2 $(WARNINGS) $(INCLUDES) -ffreestanding \
    -nostdlibinc -fPIC -fvisibility=hidden -mno-sse -mno-mmx -mno-red-zone -fomit-frame-pointer \
    -fno-stack-protector -fno-asynchronous-unwind-tables
VDSO_OBJECTS := $(ABI_OUT)/obj/time.o $(ABI_OUT)/obj/vdso_stubs.o

$(ABI_OUT)/obj/time.o: abi/vdso/time.c abi/time_page.h $(ABI_OUT)/.stamp
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(VDSO_FLAGS) -c -o $@ $<

$(ABI_OUT)/obj/vdso_stubs.o: $(ABI_OUT)/vdso_stubs.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(VDSO_FLAGS) -c -o $@ $<

$(ABI_OUT)/vdso.so: $(VDSO_OBJECTS) abi/vdso/vdso.ld abi/vdso/check.py
	$(call say,LINK,$@)
	$(Q)$(LLD) -shared -nostdlib --hash-style=sysv -Bsymbolic --build-id=none -z noexecstack \
	    -z norelro -z max-page-size=4096 -T abi/vdso/vdso.ld -o $@ $(VDSO_OBJECTS)
	$(Q)$(OBJCOPY) --strip-sections $@
	$(Q)$(PYTHON) abi/vdso/check.py abi/cloudabi.def $@

# The image inside the kernel, from vdso_image_start to vdso_image_end, in pages of its own.
$(ABI_OUT)/vdso_image.S: abi/vdso/image.S $(ABI_OUT)/vdso.so
	$(Q)cp $< $@

KERNEL_EXTRA_SOURCES += $(ABI_OUT)/vdso_image.S

ARGDATA_SOURCES := $(addprefix abi/argdata/,read.c map.c write.c utf8.c)
$(eval $(call library,argdata,$(ARGDATA_SOURCES)))
