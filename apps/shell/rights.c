/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "apps/shell/shell.h"

static const struct {
    cloudabi_rights_t right;
    const char *name;
} names[] = {
#define ENTRY(right)                   \
    {                                  \
        CLOUDABI_RIGHT_##right, #right \
    }
    ENTRY(FD_READ),
    ENTRY(FD_WRITE),
    ENTRY(FD_SEEK),
    ENTRY(FD_TELL),
    ENTRY(FD_SYNC),
    ENTRY(FD_DATASYNC),
    ENTRY(FD_STAT_PUT_FLAGS),
    ENTRY(POLL_FD_READWRITE),
    ENTRY(POLL_PROC_TERMINATE),
    ENTRY(FILE_OPEN),
    ENTRY(FILE_READDIR),
    ENTRY(FILE_READLINK),
    ENTRY(FILE_STAT_GET),
    ENTRY(FILE_STAT_FGET),
    ENTRY(FILE_CREATE_FILE),
    ENTRY(FILE_CREATE_DIRECTORY),
    ENTRY(FILE_UNLINK),
    ENTRY(FILE_RENAME_SOURCE),
    ENTRY(FILE_RENAME_TARGET),
    ENTRY(FILE_LINK_SOURCE),
    ENTRY(FILE_LINK_TARGET),
    ENTRY(FILE_SYMLINK),
    ENTRY(FILE_STAT_FPUT_SIZE),
    ENTRY(FILE_STAT_FPUT_TIMES),
    ENTRY(FILE_STAT_PUT_TIMES),
    ENTRY(FILE_ALLOCATE),
    ENTRY(FILE_ADVISE),
    ENTRY(MEM_MAP),
    ENTRY(MEM_MAP_EXEC),
    ENTRY(PROC_EXEC),
    ENTRY(SOCK_SHUTDOWN),
};

void rights_text(cloudabi_rights_t rights, const char *separator, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at < size; i++) {
        if ((rights & names[i].right) == 0)
            continue;
        int len = snprintf(text + at, size - at, "%s%s", at != 0 ? separator : "", names[i].name);
        at += len > 0 ? (size_t)len : 0;
    }
}

const char *type_name(cloudabi_filetype_t type)
{
    switch (type) {
    case CLOUDABI_FILETYPE_BLOCK_DEVICE:
        return "disk";
    case CLOUDABI_FILETYPE_CHARACTER_DEVICE:
        return "device";
    case CLOUDABI_FILETYPE_DIRECTORY:
        return "directory";
    case CLOUDABI_FILETYPE_PROCESS:
        return "process";
    case CLOUDABI_FILETYPE_REGULAR_FILE:
        return "file";
    case CLOUDABI_FILETYPE_SHARED_MEMORY:
        return "memory";
    case CLOUDABI_FILETYPE_SOCKET_DGRAM:
        return "datagram";
    case CLOUDABI_FILETYPE_SOCKET_STREAM:
        return "stream";
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return "link";
    default:
        return "unknown";
    }
}
