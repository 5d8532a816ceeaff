# SPDX-License-Identifier: BSD-2-Clause
# The boot archive, the ISO image, and running it. MANIFEST=FILE.yaml chooses another manifest.

MANIFEST   ?= images/default.yaml
DISK       ?=
SMP        ?= 1
MEM        ?= 128
PORT       ?= 2626
PYTHON_LIB := $(wildcard tools/tessera/*.py)

BOOT_NAMES    := $(foreach p,$(BOOT_FILES),$(firstword $(subst =, ,$(p))))
BOOT_STRIPPED := $(addprefix build/boot/,$(BOOT_NAMES))

# $(call boot_file,NAME,FILE): a file as it lies in the archive. Executables go in without symbols.
define boot_file
build/boot/$(1): $(2)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(STRIP) --strip-all -o $$@ $$< 2>/dev/null || cp $$< $$@
endef
$(foreach p,$(BOOT_FILES),$(eval $(call boot_file,$(firstword $(subst =, ,$(p))),$(lastword $(subst =, ,$(p))))))

.PHONY: FORCE
FORCE:

# Changes when the choice of manifest or the list of files does.
build/boot.choice: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(MANIFEST) $(BOOT_NAMES)' | cmp -s - $@ || echo '$(MANIFEST) $(BOOT_NAMES)' > $@

build/manifest: $(MANIFEST) tools/manifest $(PYTHON_LIB) build/boot.choice | generated
	$(call say,MANIFEST,$<)
	$(Q)$(PYTHON) tools/manifest -o $@ $< $(BOOT_NAMES)

build/boot.img: $(BOOT_STRIPPED) build/manifest tools/bootfs $(PYTHON_LIB)
	$(call say,BOOTFS,$@)
	$(Q)$(PYTHON) tools/bootfs -o $@ etc/manifest=build/manifest $(foreach n,$(BOOT_NAMES),$(n)=build/boot/$(n))

build/boot/tessera.elf: $(KERNEL_ELF)
	$(Q)mkdir -p $(@D)
	$(Q)$(STRIP) --strip-all -o $@ $<

# GRUB gets only the modules that it needs: it reads each from the CD at boot.
build/tessera.iso: build/boot/tessera.elf build/boot.img images/grub.cfg images/mkiso
	$(call say,ISO,$@)
	$(Q)images/mkiso $@ build/boot/tessera.elf build/boot.img images/grub.cfg

# A disk that boots without the ISO image: GRUB, the system and room for data on one ext2.
DISK_MIB ?= 128
build/tessera-disk.raw: build/boot/tessera.elf build/boot.img images/mkdisk
	$(call say,DISK,$@)
	$(Q)images/mkdisk $@ $(DISK_MIB) build/boot/tessera.elf build/boot.img

build/tessera-disk.qcow2: build/tessera-disk.raw
	$(call say,DISK,$@)
	$(Q)qemu-img convert -O qcow2 $< $@

.PHONY: boot image image-disk run setup services-for-exec
boot: kernel build/boot.img ## build what tools/vm boots directly (build/boot.img)
image: build/tessera.iso ## build the BIOS and UEFI ISO image (build/tessera.iso)

image-disk: build/tessera-disk.raw build/tessera-disk.qcow2 ## build a disk that boots on its own (raw and qcow2)

setup: ## install missing Debian packages (as root or with sudo)
	@tools/setup

# The packages must be there before anything else is looked at, so the rest is a make of its own.
JOBS := $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

##@ Running
run: setup ## build and boot the image: console here, TCP port 2626 leads to the network shell
	@$(MAKE) --no-print-directory $(JOBS) image
	@tools/vm run --iso build/tessera.iso --smp $(SMP) --mem $(MEM) --forward $(PORT):26 $(if $(DISK),--disk $(DISK))
