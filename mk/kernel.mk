# SPDX-License-Identifier: BSD-2-Clause
# The kernel: every .c and .S below kernel/, and the request protocol's codec, which it shares with services.
# Rooms may add to KERNEL_EXTRA_SOURCES (generated ones); kernel/build.mk to KERNEL_CFLAGS,
# KERNEL_EXTRA_OBJECTS and KERNEL_LDFLAGS, or set
# KERNEL_LINK (a command that makes $@ from $(KERNEL_OBJECTS)) if one pass of the linker is not enough.

KERNEL_OUT     := $(if $(filter 1,$(DEBUG)),build/debug-kernel,build/kernel)
KERNEL_ELF     := $(KERNEL_OUT)/tessera.elf
KERNEL_SOURCES := $(sort $(foreach e,c S,$(wildcard kernel/*.$(e) kernel/*/*.$(e) kernel/*/*/*.$(e) \
                  kernel/*/*/*/*.$(e)) $(wildcard pseudofd/proto/*.$(e)))) $(KERNEL_EXTRA_SOURCES)
KERNEL_SCRIPT  := $(firstword $(wildcard kernel/arch/x86_64/*.ld kernel/*.ld))

KERNEL_FLAGS := --target=x86_64-unknown-none-elf -std=gnu11 -O2 -g $(WARNINGS) $(INCLUDES) \
    -ffreestanding -nostdlibinc -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mno-sse -mno-mmx \
    -msoft-float -fno-omit-frame-pointer -fno-stack-protector -fno-asynchronous-unwind-tables \
    -fno-strict-aliasing -fno-common -DTESSERA_KERNEL=1 \
    $(if $(filter 1,$(DEBUG)),-DKERNEL_DEBUG=1) $(KERNEL_CFLAGS)

KERNEL_OBJECTS := $(call objects,$(KERNEL_OUT)/obj,$(KERNEL_SOURCES)) $(KERNEL_EXTRA_OBJECTS)
KERNEL_LINK ?= $(LLD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
    $(if $(KERNEL_SCRIPT),-T $(KERNEL_SCRIPT)) $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJECTS)

KERNEL_UNIT := $(notdir $(KERNEL_OUT))
$(call remember,$(KERNEL_UNIT),$(KERNEL_FLAGS))
$(foreach s,$(KERNEL_SOURCES),$(eval $(call compile,$(KERNEL_OUT)/obj,$(s),$(CLANG) $(KERNEL_FLAGS),,$(KERNEL_UNIT))))

$(KERNEL_ELF): $(KERNEL_OBJECTS) $(KERNEL_SCRIPT)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(KERNEL_LINK)

.PHONY: kernel
kernel: $(if $(KERNEL_SOURCES),$(KERNEL_ELF)) ## build the kernel only (build/kernel/tessera.elf)

