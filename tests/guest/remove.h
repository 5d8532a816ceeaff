/* SPDX-License-Identifier: BSD-2-Clause */
/* Emptying a directory with all that is in it. */
#ifndef TESTS_GUEST_REMOVE_H
#define TESTS_GUEST_REMOVE_H

#include <stdbool.h>

#include "tests/guest/call.h"

static inline void remove_all(cloudabi_fd_t directory);

static inline void remove_name(cloudabi_fd_t directory, const char *name, size_t len,
                               cloudabi_filetype_t type)
{
    cloudabi_fdstat_t want = {.fs_rights_base = DIR_BASE, .fs_rights_inheriting = DIR_BELOW};
    cloudabi_fd_t sub;
    bool is_dir = type == CLOUDABI_FILETYPE_DIRECTORY;

    if (is_dir && cloudabi_sys_file_open((cloudabi_lookup_t){.fd = directory}, name, len,
                                         CLOUDABI_O_DIRECTORY, &want, &sub) == 0) {
        remove_all(sub);
        cloudabi_sys_fd_close(sub);
    }
    cloudabi_sys_file_unlink(directory, name, len, is_dir ? CLOUDABI_UNLINK_REMOVEDIR : 0);
}

/* Removes all names below DIRECTORY, as far as that is possible. */
static inline void remove_all(cloudabi_fd_t directory)
{
    char buf[1024];
    cloudabi_dirent_t entry;
    cloudabi_dircookie_t cookie = CLOUDABI_DIRCOOKIE_START;
    size_t used = sizeof(buf);

    while (used == sizeof(buf) &&
           cloudabi_sys_file_readdir(directory, buf, sizeof(buf), cookie, &used) == 0) {
        for (size_t at = 0; at + sizeof(entry) <= used; at += sizeof(entry) + entry.d_namlen) {
            memcpy(&entry, buf + at, sizeof(entry));
            const char *name = buf + at + sizeof(entry);
            if (at + sizeof(entry) + entry.d_namlen > used)
                break;
            cookie = entry.d_next;
            if (name[0] != '.' || entry.d_namlen > 2 || (entry.d_namlen == 2 && name[1] != '.'))
                remove_name(directory, name, entry.d_namlen, entry.d_type);
        }
    }
}

#endif
