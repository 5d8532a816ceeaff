/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader tells, in one form for both ways of booting: Multiboot2 (GRUB) and PVH (QEMU
 * -kernel).  Pure: the parsers read physical memory through a callback, check every length, and copy
 * all they keep, so the loader's structures may be overwritten afterwards.
 */
#ifndef KERNEL_LIB_BOOTINFO_H
#define KERNEL_LIB_BOOTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_RANGES       64
#define BOOT_COMMAND_LINE 512

struct boot_range {
    uint64_t start, end; /* physical bytes */
};

struct boot_info {
    struct boot_range
        usable[BOOT_RANGES]; /* RAM, sorted, whole pages, not overlapping each other */
    size_t usable_count;
    struct boot_range module; /* the boot archive; empty if none was given */
    uint64_t rsdp; /* physical address of the ACPI root pointer (or its copy), 0: unknown */
    char command_line[BOOT_COMMAND_LINE]; /* NUL-terminated, cut if longer */
};

/* Readable memory at physical PA for LEN bytes, or NULL. */
typedef const void *(*boot_memory)(void *ctx, uint64_t pa, size_t len);

/* False: malformed, or without memory. The info is then not to be used. */
bool bootinfo_multiboot2(struct boot_info *info, uint64_t pa, boot_memory memory, void *ctx);
bool bootinfo_pvh(struct boot_info *info, uint64_t pa, boot_memory memory, void *ctx);
/* Takes [start, end) out of the usable memory. Ranges that do not fit the table any more are lost. */
void bootinfo_reserve(struct boot_info *info, uint64_t start, uint64_t end);

/* What this kernel was booted with; constant after boot. */
extern struct boot_info boot_info;

#endif
