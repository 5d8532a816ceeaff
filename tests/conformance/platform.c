/* SPDX-License-Identifier: BSD-2-Clause */
/* The suite's surroundings on Tessera. */
#include "tests/conformance/platform.h"

#include <tessera/grants.h>

cloudabi_fd_t platform_grant(const char *name)
{
    return (cloudabi_fd_t)grant_fd(name);
}

const char *platform_argument(unsigned n)
{
    char **argv;
    int argc = program_args(&argv);

    return (int)n + 1 < argc ? argv[n + 1] : NULL;
}

const uint8_t *platform_argdata(size_t *len)
{
    return program_argbytes(len);
}

int main(void)
{
    return (int)suite_main();
}
