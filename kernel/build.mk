# SPDX-License-Identifier: BSD-2-Clause
# The kernel is linked twice: from the first result tools/ksyms makes the table of function names, which is
# part of the second (kernel/debug/ksyms.c).

KERNEL_LINK_ONCE = $(LLD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
    -T $(KERNEL_SCRIPT) $(KERNEL_LDFLAGS) $(KERNEL_OBJECTS)

KERNEL_LINK = $(KERNEL_LINK_ONCE) -o $@.first && \
    $(PYTHON) tools/ksyms $(NM) $@.first $@.ksyms.S && \
    $(CLANG) --target=x86_64-unknown-none-elf -c -o $@.ksyms.o $@.ksyms.S && \
    $(KERNEL_LINK_ONCE) $@.ksyms.o -o $@

$(if $(filter 1,$(DEBUG)),build/debug-kernel,build/kernel)/tessera.elf: tools/ksyms
