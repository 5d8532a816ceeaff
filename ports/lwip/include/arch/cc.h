/* SPDX-License-Identifier: BSD-2-Clause */
/* What lwIP asks of the compiler and the platform. */
#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define LWIP_ERRNO_INCLUDE <errno.h>
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_NO_UNISTD_H 1

#ifndef BYTE_ORDER
#define LITTLE_ENDIAN 1234
#define BIG_ENDIAN 4321
#define BYTE_ORDER LITTLE_ENDIAN
#endif

/* A broken invariant: the supervisor starts the service again. */
void lwip_port_assert(const char *message, const char *file, int line) __attribute__((noreturn));
#define LWIP_PLATFORM_ASSERT(message) lwip_port_assert(message, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(arguments) ((void)0)

uint32_t lwip_port_random(void);
#define LWIP_RAND() lwip_port_random()

uint16_t lwip_port_checksum(const void *data, int length);
#define LWIP_CHKSUM lwip_port_checksum

#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

#endif
