/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a file system lies: a disk, a partition, a RAM disk, or a test's model of one. */
#ifndef SERVICES_EXT2_DEVICE_H
#define SERVICES_EXT2_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"

struct device {
    uint64_t size; /* bytes */
    bool read_only;
    /*
     * Offsets and lengths are multiples of 512. All or an error (EIO). A write may be lost by a power cut, and may
     * reach the medium in any order with others, until the next flush has returned 0.
     */
    cloudabi_errno_t (*read)(struct device *, uint64_t offset, void *to, size_t len);
    cloudabi_errno_t (*write)(struct device *, uint64_t offset, const void *from, size_t len);
    cloudabi_errno_t (*flush)(struct device *);
};

#endif
