# SPDX-License-Identifier: BSD-2-Clause
# The kernel is linked twice: from the first result tools/ksyms makes the table of function names, which is
# part of the second (kernel/debug/ksyms.c).  The first link also optimises the kernel as a whole (LTO=0: not;
# debug kernels
# never) and leaves what it made of all C files in $@.lto.o, so that the second only links.

KERNEL_LTO := $(if $(filter 1,$(DEBUG)),,$(if $(filter 0,$(LTO)),,1))
KERNEL_CFLAGS += $(if $(KERNEL_LTO),-flto=full)

# More inlining than by default: a few percent fewer instructions on all short paths, for 40 KiB.
KERNEL_INLINE := -mllvm -inline-threshold=300

KERNEL_LD = $(LLD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
    -T $(KERNEL_SCRIPT) --symbol-ordering-file kernel/hot.order --no-warn-symbol-ordering $(KERNEL_LDFLAGS)

KERNEL_LINK = $(KERNEL_LD) $(if $(KERNEL_LTO),--lto-O2 $(KERNEL_INLINE) --lto-obj-path=$@.lto.o) \
    $(KERNEL_OBJECTS) -o $@.first && \
    $(PYTHON) tools/ksyms $(NM) $@.first $@.ksyms.S && \
    $(CLANG) --target=x86_64-unknown-none-elf -c -o $@.ksyms.o $@.ksyms.S && \
    $(KERNEL_LD) $(if $(KERNEL_LTO),$(filter %.S.o,$(KERNEL_OBJECTS)) $@.lto.o,$(KERNEL_OBJECTS)) $@.ksyms.o -o $@

$(if $(filter 1,$(DEBUG)),build/debug-kernel,build/kernel)/tessera.elf: tools/ksyms kernel/hot.order
