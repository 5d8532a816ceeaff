/* SPDX-License-Identifier: BSD-2-Clause */
/* The only place where rights are compared (here and in rights.c). They only shrink. */
#ifndef KERNEL_FD_RIGHTS_H
#define KERNEL_FD_RIGHTS_H

#include "abi/cloudabi_types.h"

struct rights {
    cloudabi_rights_t base, inheriting;
};

/* The widest rights a descriptor of TYPE can have (docs/executables.md section 11). */
struct rights rights_of_type(cloudabi_filetype_t type);
/* ENOTCAPABLE unless NEEDED is within HAVE. */
static inline cloudabi_errno_t rights_check(cloudabi_rights_t have, cloudabi_rights_t needed)
{
    return (needed & ~have) == 0 ? 0 : CLOUDABI_ENOTCAPABLE;
}
/* Narrow HAVE to WANTED: ENOTCAPABLE if WANTED is not a subset. */
cloudabi_errno_t rights_narrow(struct rights *have, const struct rights *wanted);
/* Rights of an opened thing: asked, and the directory's inheriting, and the given descriptor's
 * (NULL: none given), and the type's mask. */
struct rights rights_of_open(const struct rights *asked, cloudabi_rights_t dir_inheriting,
                             const struct rights *given, cloudabi_filetype_t type);

#endif
