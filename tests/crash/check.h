/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small e2fsck that repairs nothing: does an image contradict itself anywhere, and what tree of files does it hold?
 * tests/crash compares it with the real one on a sample of the images.
 */
#ifndef TESTS_CRASH_CHECK_H
#define TESTS_CRASH_CHECK_H

#include "tests/crash/tree.h"
#include "tests/crash/view.h"

/* What can be wrong. Those from FINDING_FIRST_MILD on `e2fsck -p` repairs without asking. */
enum finding {
    FINDING_SUPER,
    FINDING_RANGE,     /* a block number beyond the file system */
    FINDING_SHARED,    /* a block with two owners */
    FINDING_DIRECTORY, /* entries that make no sense, no `.` or `..` */
    FINDING_DUPLICATE, /* a name twice in a directory */
    FINDING_TWO_NAMES, /* of a directory */
    FINDING_LOST,      /* in use, without a name, and e2fsck -p would not just remove it */
    FINDING_TREE,      /* too much to look at */
    FINDING_FIRST_MILD,
    FINDING_UNUSED = FINDING_FIRST_MILD, /* an entry for an inode that is not in use */
    FINDING_TYPE,                        /* the entry's idea of the inode's type */
    FINDING_DOTDOT,                      /* leads elsewhere than to the parent */
    FINDING_UNATTACHED,                  /* an empty file without a name */
    FINDING_LINKS,
    FINDING_BITMAP,
    FINDING_COUNTS,  /* of free blocks, inodes, directories */
    FINDING_SIZE,    /* against the blocks */
    FINDING_BLOCKS,  /* i_blocks */
    FINDING_ORPHANS, /* the list is not empty */
    FINDINGS
};

struct report {
    uint32_t count[FINDINGS];
    char first[160]; /* the first of the worst, in words */
    int worst;
    struct tree tree;
};

/* TREE has the entries whose inodes are in use. */
void check_image(const uint8_t *bytes, size_t size, struct report *report);
bool report_is_clean(const struct report *report);
/* e2fsck -p would go through. */
bool report_is_mild(const struct report *report);

#endif
