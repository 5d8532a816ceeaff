/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers in network order, as the older headers call them. */
#ifndef _NETINET_IN_SYSTM_H
#define _NETINET_IN_SYSTM_H

#include <stdint.h>

typedef uint16_t n_short;
typedef uint32_t n_long;
typedef uint32_t n_time;

#endif
