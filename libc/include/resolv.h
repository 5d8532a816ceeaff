/* SPDX-License-Identifier: BSD-2-Clause */
/* The network directory asks name servers; there is nothing to set up. */
#ifndef _RESOLV_H
#define _RESOLV_H

#include <netinet/in.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline int res_init(void)
{
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
