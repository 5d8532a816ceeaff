/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_CRASH_CHECK_PRIV_H
#define TESTS_CRASH_CHECK_PRIV_H

#include "tests/crash/check.h"

#define CHECK_BLOCKS 16384
#define CHECK_INODES 4096

struct check {
    struct view view;
    struct report *report;
    uint32_t owner[CHECK_BLOCKS];   /* inode, or OWNER_META */
    uint16_t names[CHECK_INODES];   /* entries that lead to it; `.` and `..` as well */
    uint32_t node[CHECK_INODES];    /* of the tree, + 1 */
    uint32_t ino;                   /* whose blocks are visited */
    uint32_t held;                  /* how many it has */
    int64_t last;                   /* the last block of the file that is there */
    const uint8_t *file_block[320]; /* of the file that is read: its first blocks */
};

#define OWNER_META UINT32_MAX

__attribute__((format(printf, 3, 4))) void found(struct check *check, enum finding finding,
                                                 const char *format, ...);
bool check_in_use(const struct check *check, uint32_t ino);
/* check_tree.c: from the root on, directories, names, contents. */
void check_tree(struct check *check);

#endif
