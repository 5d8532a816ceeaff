/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpfs: a service that keeps files in memory. It keeps the names; what the files hold are
 * memory objects of the kernel, which never leave memory and live until this service revokes
 * them.
 *
 * Grants: see README.md.
 */
#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/tmpfs/ops.h"

static uint64_t now(void)
{
    cloudabi_timestamp_t time = 0;
    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_REALTIME, 1, &time);
    return time;
}

int main(void)
{
    static struct server server;
    static struct tree tree;
    uint64_t instance = 0;
    log_open("tmpfs", grant_fd("log"));
    (void)cloudabi_sys_random_get(&instance, sizeof(instance));
    if (!tree_init(&tree, instance, now())) {
        log_line("no memory");
        return 1;
    }
    cloudabi_errno_t error = server_init(&server, grant_fd("port"), &tmpfs_ops, &tree, false);
    if (error == 0)
        error = server_run(&server);
    log_line("serving ended: errno %u", error);
    return 1;
}
