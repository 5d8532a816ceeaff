/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever the bytes are, an image that is accepted obeys what the loader relies on. */
#include <stdlib.h>

#include "abi/cloudabi_types.h"
#include "kernel/proc/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_image image;
    size_t head = size < ELF_HEAD_MAX ? size : ELF_HEAD_MAX;
    if (!elf_parse(data, head, size, &image))
        return 0;
    uint64_t end = image.start;
    require(image.count > 0 && image.count <= ELF_SEGMENTS_MAX &&
            image.end - image.start <= ELF_SPAN_MAX);
    require(image.start % 4096 == 0 && image.end % 4096 == 0 && image.start < image.end);
    for (unsigned i = 0; i < image.count; i++) {
        const struct elf_segment *s = &image.segments[i];
        require(s->filesz <= s->memsz && (s->vaddr & ~4095ul) >= end);
        require((s->vaddr - s->offset) % 4096 == 0 &&
                s->offset + s->filesz <= ((size + 4095) & ~4095ul));
        require((s->prot & (CLOUDABI_PROT_WRITE | CLOUDABI_PROT_EXEC)) !=
                (CLOUDABI_PROT_WRITE | CLOUDABI_PROT_EXEC));
        end = (s->vaddr + s->memsz + 4095) & ~4095ul;
    }
    require(end == image.end && image.entry >= image.start && image.entry < image.end);
    return 0;
}
