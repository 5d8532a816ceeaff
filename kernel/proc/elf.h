/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the head of an executable (docs/executables.md section 1). Pure: looks at bytes, takes nothing on trust,
 * keeps nothing.
 */
#ifndef KERNEL_PROC_ELF_H
#define KERNEL_PROC_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_HEAD_MAX     4096 /* ELF header and program headers lie in the first so many bytes */
#define ELF_SEGMENTS_MAX 16   /* loadable ones */
#define ELF_SPAN_MAX     (1ul << 36) /* bytes of address space from the first to the last page */

struct elf_segment {
    uint64_t vaddr, memsz;   /* as in the file: not page aligned */
    uint64_t offset, filesz; /* (vaddr - offset) is a whole number of pages */
    uint8_t prot;            /* CLOUDABI_PROT_*, never WRITE and EXEC together */
};

struct elf_image {
    uint64_t entry; /* all addresses are relative to the load bias */
    uint64_t phdr;  /* where the program headers are mapped */
    unsigned phnum;
    uint64_t start, end; /* pages that the image covers */
    unsigned count;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* by rising address, no page twice */
};

/* HEAD is the first LEN bytes of a file of FILE_SIZE bytes. False: not an executable of this ABI. */
bool elf_parse(const void *head, size_t len, uint64_t file_size, struct elf_image *image);

#endif
