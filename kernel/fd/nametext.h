/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a look-up, which namei.c rewrites as it goes.  Pure: no locks, no memory, tested on the host.
 *
 * A text always is components separated by single slashes, none of them "." or empty, without NUL, at most
 * PORT_PATH_MAX bytes.  An empty text is the directory itself.
 */
#ifndef KERNEL_FD_NAMETEXT_H
#define KERNEL_FD_NAMETEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/cloudabi_types.h"
#include "pseudofd/proto/port.h"

#define NAME_TEXT_MAX PORT_PATH_MAX

struct name_text {
    size_t len;
    bool ends_dot; /* ended in ".": no operation on a name can be meant */
    bool must_dir; /* ended in a slash or ".": what it names must be a directory */
    bool has_dotdot;
    char bytes[NAME_TEXT_MAX];
};

/* Begins with PATH, which has no NUL. ENAMETOOLONG. */
cloudabi_errno_t name_text_set(struct name_text *text, const char *path, size_t len);
/* The first component: its length; 0 at the end. */
size_t name_text_first(const struct name_text *text);
bool name_text_first_is_dotdot(const struct name_text *text);
/* Drops the first LEN bytes, which end a component, and the slash behind them. */
void name_text_drop(struct name_text *text, size_t len);
/* Do the first LEN bytes of PATH end a component of it? */
bool name_ends_component(const char *path, size_t path_len, size_t len);
/* The component that ends at CONSUMED is a symbolic link: it gives way to its target. ENOENT: empty target;
 * ENOTCAPABLE: an absolute one; EINVAL: one with NUL; ENAMETOOLONG.  After an error the text is as before. */
cloudabi_errno_t name_text_replace(struct name_text *text, size_t consumed, const char *target,
                                   size_t target_len);

#endif
