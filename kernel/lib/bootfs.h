/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot archive: little endian; a header {"TESSBOOT", u32 version 1, u32 count}, then COUNT entries of
 * {char name[96], u64 offset, u64 size, u64 reserved[2]}; offsets are multiples of 4096 from the start,
 * data padded with zeros to 4096.  Pure: checks everything once, then look-ups can not go wrong.
 */
#ifndef KERNEL_LIB_BOOTFS_H
#define KERNEL_LIB_BOOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOTFS_NAME 96

struct bootfs_entry {
    char name[BOOTFS_NAME]; /* NUL-padded, '/'-separated, no leading slash */
    uint64_t offset, size;
    uint64_t reserved[2];
};

struct bootfs {
    const struct bootfs_entry *entries;
    uint32_t count;
};

/* Checks the archive of LEN bytes at START (8-byte aligned). NULL, or what is wrong with it. */
const char *bootfs_open(struct bootfs *fs, const void *start, size_t len);
/* The file of exactly this name, or NULL. */
const struct bootfs_entry *bootfs_find(const struct bootfs *fs, const char *name, size_t len);
/* Names below the directory PREFIX ("" or "bin/"): the INDEXth different first component. */
struct bootfs_name {
    const char *name; /* of the component, not NUL-terminated */
    size_t len;
    const struct bootfs_entry *file; /* NULL: a directory */
};
bool bootfs_list(const struct bootfs *fs, const char *prefix, size_t prefix_len, uint64_t index,
                 struct bootfs_name *out);

#endif
