/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform of lwIP's own unit tests: the host. An assertion that fails ends the test. */
#ifndef LWIP_CHECK_ARCH_CC_H
#define LWIP_CHECK_ARCH_CC_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define LWIP_TIMEVAL_PRIVATE      0
#define LWIP_ERRNO_STDINCLUDE     1
#define LWIP_RAND()               ((unsigned)rand())
#define LWIP_PLATFORM_DIAG(x)     do { printf x; } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                      \
    do {                                                             \
        printf("assertion: %s (%s:%d)\n", x, __FILE__, __LINE__);    \
        abort();                                                     \
    } while (0)

#endif
