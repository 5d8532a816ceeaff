/* SPDX-License-Identifier: BSD-2-Clause */
/* The compiled manifest (images/README.md), as structures. Strings and bytes point into the
 * argument data. */
#ifndef SERVICES_INIT_MANIFEST_H
#define SERVICES_INIT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/argdata/argdata.h"

#define MANIFEST_VERSION 1
#define MANIFEST_NODES   64u
#define MANIFEST_GRANTS  64u /* of one node */

enum grant_op { GRANT_PORT, GRANT_OPEN, GRANT_PCI };

struct grant {
    const char *name;
    enum grant_op op;
    cloudabi_rights_t base, inheriting;
    const char *from; /* OPEN: "" = the kernel's directory, else a service before this node */
    const char *path;
    bool directory, create;
    bool optional;        /* the node starts without it, too */
    uint32_t class, mask; /* PCI */
};

struct manifest_node {
    const char *name;
    const char *program;
    bool service, restart, power_off;
    uint32_t memory;      /* percent of the machine's; 0: not said */
    uint64_t size;        /* bytes that the files of a service may hold; 0: not said */
    struct grant *grants; /* number i becomes descriptor i */
    size_t grants_count;
    const void *argdata;
    size_t argdata_len;
};

struct manifest {
    struct manifest_node *nodes; /* in starting order */
    size_t count;
};

/* Reads DATA, which must stay. EBADMSG, EINVAL, ENOENT: not a manifest of this version; ENOMEM;
 * E2BIG. The memory of a failed or of a used manifest is not given back: init has one for its
 * life. */
cloudabi_errno_t manifest_read(struct argdata data, struct manifest *manifest);

#endif
