/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * With rights.h the only place where rights are compared, and the table of what each type of descriptor can have
 * at most.
 * Pure: no locks, no memory.
 */
#include "kernel/fd/rights.h"

#include <stddef.h>

#define OR(name, value) | (value)
#define ALL_RIGHTS      (0 CLOUDABI_ALL_RIGHTS(OR))

/* A port (fd_create2(0xE0)): its ring is mapped, waited on, delivered by read and write. */
#define FILETYPE_PORT 0xe0

static const struct {
    cloudabi_filetype_t type;
    struct rights most;
} of_type[] = {
    /* docs/executables.md section 11 has these numbers. */
    {CLOUDABI_FILETYPE_REGULAR_FILE, {0x11c3801ff, 0}},
    {CLOUDABI_FILETYPE_DIRECTORY, {0x13eff698, 0x11ffff7ff | CLOUDABI_RIGHT_SOCK_SHUTDOWN}},
    {CLOUDABI_FILETYPE_SOCKET_STREAM, {0x801008004a, ALL_RIGHTS}},
    {CLOUDABI_FILETYPE_SOCKET_DGRAM, {0x801008004a, ALL_RIGHTS}},
    {CLOUDABI_FILETYPE_SHARED_MEMORY, {0x0c180042, 0}},
    {CLOUDABI_FILETYPE_CHARACTER_DEVICE, {0x1008004a, 0}},
    /* A regular file's, less running and mapping. */
    {CLOUDABI_FILETYPE_BLOCK_DEVICE,
     {0x11c3801ff &
          ~(CLOUDABI_RIGHT_PROC_EXEC | CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_MEM_MAP_EXEC),
      0}},
    {CLOUDABI_FILETYPE_PROCESS, {0x40080000, 0}},
    {FILETYPE_PORT,
     {CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS |
          CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_POLL_FD_READWRITE | CLOUDABI_RIGHT_FILE_STAT_FGET,
      0}},
};

struct rights rights_of_type(cloudabi_filetype_t type)
{
    for (size_t i = 0; i < sizeof(of_type) / sizeof(of_type[0]); i++)
        if (of_type[i].type == type)
            return of_type[i].most;
    return (struct rights){0, 0};
}

cloudabi_errno_t rights_narrow(struct rights *have, const struct rights *wanted)
{
    cloudabi_errno_t error = rights_check(have->base, wanted->base);
    if (error == 0)
        error = rights_check(have->inheriting, wanted->inheriting);
    if (error == 0)
        *have = *wanted;
    return error;
}

struct rights rights_of_open(const struct rights *asked, cloudabi_rights_t dir_inheriting,
                             const struct rights *given, cloudabi_filetype_t type)
{
    struct rights result = rights_of_type(type);
    result.base &= asked->base & dir_inheriting;
    result.inheriting &= asked->inheriting & dir_inheriting;
    if (given != NULL) {
        result.base &= given->base;
        result.inheriting &= given->inheriting;
    }
    return result;
}
