/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/conformance/child.h"

#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define BINARY 1 /* the type byte of argument data */

bool child_is_meant(const uint8_t *argdata, size_t len)
{
    return len >= 2 && argdata[0] == BINARY && argdata[1] < CHILD_MODES;
}

static uint32_t count_descriptors(void)
{
    cloudabi_fdstat_t stat;
    uint32_t count = 0;

    for (cloudabi_fd_t fd = 0; fd < 64; fd++)
        count += cloudabi_sys_fd_stat_get(fd, &stat) == 0;
    return count;
}

static uint32_t read_byte(void)
{
    uint8_t byte = 0;
    size_t done = 0;
    cloudabi_errno_t error = get(0, &byte, 1, &done);

    return error != 0 ? 500u + error : done == 1 ? byte : 400u;
}

static uint32_t check_data(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != (uint8_t)(i * 7))
            return 1;
    return 0;
}

static uint32_t check_rights(const uint8_t *data, size_t len)
{
    cloudabi_fdstat_t stat;
    uint64_t want;

    if (len != sizeof(want) || cloudabi_sys_fd_stat_get(0, &stat) != 0)
        return 2;
    memcpy(&want, data, sizeof(want));
    return stat.fs_rights_base != want;
}

static uint32_t check_lock(void)
{
    static _Atomic(cloudabi_lock_t) lock;

    return take_lock(&lock, CLOUDABI_EVENTTYPE_LOCK_WRLOCK, CLOUDABI_SCOPE_PRIVATE, 0) != 0 ||
           cloudabi_sys_lock_unlock(&lock, CLOUDABI_SCOPE_PRIVATE) != 0;
}

uint32_t child_main(const uint8_t *argdata, size_t len)
{
    switch (argdata[1]) {
    case CHILD_COUNTS:
        return count_descriptors();
    case CHILD_READS:
        return read_byte();
    case CHILD_CHECKS_DATA:
        return check_data(argdata + 2, len - 2);
    case CHILD_RIGHTS:
        return check_rights(argdata + 2, len - 2);
    case CHILD_THREADS:
        return check_lock();
    default:
        return 42;
    }
}
