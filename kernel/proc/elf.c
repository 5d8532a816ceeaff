/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF64 for this ABI: position independent, no interpreter.  Segments may be page-aligned or packed
 * (address and offset equal modulo the page size); p_align plays no role.  Everything is checked before
 * an address space is built, so a hostile file costs one page read.
 */
#include "kernel/proc/elf.h"

#include "abi/cloudabi_types.h"
#include "kernel/lib/string.h"

#define PAGE        4096ul
#define ADDRESS_MAX (1ul << 46)

enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62, PT_LOAD = 1, PT_INTERP = 3 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };
enum { OSABI_FREEBSD = 9, OSABI_CLOUDABI = 17 };

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF64");
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF64");

static uint64_t page_down(uint64_t n)
{
    return n & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t n)
{
    return page_down(n + PAGE - 1);
}

static bool header_valid(const struct elf_header *header, size_t len)
{
    static const uint8_t magic[7] = {0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little endian */,
                                     1};
    uint8_t osabi = header->ident[7];
    return memcmp(header->ident, magic, sizeof(magic)) == 0 &&
           (osabi == OSABI_CLOUDABI || osabi == OSABI_FREEBSD) &&
           (header->type == ET_DYN || header->type == ET_EXEC) && header->machine == EM_X86_64 &&
           header->phentsize == sizeof(struct elf_program_header) && header->phnum != 0 &&
           header->phoff <= len &&
           header->phnum <= (len - header->phoff) / sizeof(struct elf_program_header);
}

static uint8_t prot_of(uint32_t flags)
{
    return (uint8_t)((flags & PF_R ? CLOUDABI_PROT_READ : 0) |
                     (flags & PF_W ? CLOUDABI_PROT_WRITE : 0) |
                     (flags & PF_X ? CLOUDABI_PROT_EXEC : 0));
}

/* The last page of the file may be claimed whole: what lies past the end reads as zero. */
static bool segment_valid(const struct elf_program_header *load, uint64_t file_size)
{
    uint64_t end_of_file = page_up(file_size);
    return load->filesz <= load->memsz && load->memsz <= ELF_SPAN_MAX &&
           load->vaddr <= ADDRESS_MAX && (load->vaddr - load->offset) % PAGE == 0 &&
           load->offset <= end_of_file && load->filesz <= end_of_file - load->offset &&
           !((load->flags & PF_W) && (load->flags & PF_X));
}

static bool add_segment(struct elf_image *image, const struct elf_program_header *load)
{
    uint64_t start = page_down(load->vaddr);
    if (image->count == ELF_SEGMENTS_MAX || (image->count != 0 && start < image->end))
        return false;
    if (image->count == 0)
        image->start = start;
    image->end = page_up(load->vaddr + load->memsz);
    if (image->end - image->start > ELF_SPAN_MAX)
        return false;
    image->segments[image->count++] = (struct elf_segment){.vaddr = load->vaddr,
                                                           .memsz = load->memsz,
                                                           .offset = load->offset,
                                                           .filesz = load->filesz,
                                                           .prot = prot_of(load->flags)};
    return true;
}

/* Where the LEN bytes at OFFSET of the file are mapped readable. */
static bool locate(const struct elf_image *image, uint64_t offset, uint64_t len, uint64_t *vaddr)
{
    for (unsigned i = 0; i < image->count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (offset < segment->offset || offset - segment->offset > segment->filesz ||
            len > segment->filesz - (offset - segment->offset) ||
            !(segment->prot & (CLOUDABI_PROT_READ | CLOUDABI_PROT_EXEC)))
            continue;
        *vaddr = segment->vaddr + (offset - segment->offset);
        return true;
    }
    return false;
}

static bool entry_valid(const struct elf_image *image)
{
    for (unsigned i = 0; i < image->count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if ((segment->prot & CLOUDABI_PROT_EXEC) && image->entry >= segment->vaddr &&
            image->entry - segment->vaddr < segment->filesz)
            return true;
    }
    return false;
}

bool elf_parse(const void *head, size_t len, uint64_t file_size, struct elf_image *image)
{
    struct elf_header header;
    if (len < sizeof(header) || len > file_size)
        return false;
    memcpy(&header, head, sizeof(header));
    if (!header_valid(&header, len))
        return false;
    *image = (struct elf_image){.entry = header.entry, .phnum = header.phnum};
    for (unsigned i = 0; i < header.phnum; i++) {
        struct elf_program_header load;
        memcpy(&load, (const char *)head + header.phoff + i * sizeof(load), sizeof(load));
        if (load.type == PT_INTERP)
            return false;
        if (load.type != PT_LOAD || load.memsz == 0)
            continue;
        if (!segment_valid(&load, file_size) || !add_segment(image, &load))
            return false;
    }
    /* A fixed-address image can only run where it wants to be; from address 0 on it is hand-made and
     * position independent by necessity. */
    if (image->count == 0 || (header.type == ET_EXEC && image->start != 0))
        return false;
    return entry_valid(image) &&
           locate(image, header.phoff, header.phnum * sizeof(struct elf_program_header),
                  &image->phdr);
}
