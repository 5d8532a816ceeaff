/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: the first process. It holds the kernel's directory and hands out from it and from the
 * services' directories just what the manifest says, starts every node, and starts again what
 * ends and should not.
 *
 * It opens nothing that the manifest does not name, but for the manifest itself, the log, `pci/`
 * to choose functions, `jobs/NAME` for each node, and `power` for a node whose end is the
 * machine's.
 */
#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/init/init.h"

static cloudabi_errno_t load(const struct init *init, struct manifest *manifest)
{
    void *data;
    size_t len;
    cloudabi_errno_t error = read_file(init->kernel, "boot/etc/manifest", &data, &len);
    return error != 0 ? error : manifest_read(argdata_from(data, len), manifest);
}

int main(void)
{
    static struct init init;
    static struct manifest manifest;
    cloudabi_errno_t error;
    init.kernel = grant_fd("kernel");
    log_open("init", open_below(init.kernel, "log", 0, CLOUDABI_RIGHT_FD_WRITE, 0, &error));
    error = load(&init, &manifest);
    if (error != 0) {
        log_line("no manifest: errno %u", error);
        return 1;
    }
    error = supervise_begin(&init, &manifest);
    if (error != 0) {
        log_line("no port: errno %u", error);
        return 1;
    }
    supervise(&init);
}
