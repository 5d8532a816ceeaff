/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device that the service was granted: a disk's directory of block, or one file (a device, a partition, a RAM
 * disk).
 *
 * When block is started again, descriptors of its devices are dead but its directories go on. So a device that was
 * found in a directory is opened anew after an error, and the request made again: a restart of block is not seen
 * above. A single file stays dead.
 */
#ifndef SERVICES_EXT2_BACKING_H
#define SERVICES_EXT2_BACKING_H

#include "services/ext2/device.h"

struct backing {
    struct device device; /* first */
    int granted;          /* a directory or a file */
    const char *name;     /* in the directory; NULL: GRANTED is the device itself */
    int fd; /* the device, for pagers too; another one after backing_revive(), under this number */
    uint8_t uuid[16]; /* of the file system, to know it again */
    bool known;       /* uuid is set */
};

/* NAME: which device of the directory; NULL: the first partition if there is one, else the whole disk. ENOENT: no such
 * device. */
cloudabi_errno_t backing_open(struct backing *backing, int granted, const char *name);
/* From now on only a device with this file system is taken for ours. */
cloudabi_errno_t backing_know(struct backing *backing);
/* Makes sure that the device answers, opening it anew if need be. EIO: it can not be had. */
cloudabi_errno_t backing_revive(struct backing *backing);

#endif
