/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in the header of IPv4. Programs here never see one. */
#ifndef _NETINET_IP_H
#define _NETINET_IP_H

#include <netinet/in.h>

#define IPVERSION 4
#define IPDEFTTL  64

#define IPTOS_LOWDELAY    0x10
#define IPTOS_THROUGHPUT  0x08
#define IPTOS_RELIABILITY 0x04
#define IPTOS_LOWCOST     0x02
#define IPTOS_MINCOST     IPTOS_LOWCOST

#define IPOPT_EOL  0
#define IPOPT_NOP  1
#define IPOPT_RR   7
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137

#define IPOPT_OPTVAL 0
#define IPOPT_OLEN   1
#define IPOPT_OFFSET 2
#define IPOPT_MINOFF 4

#endif
