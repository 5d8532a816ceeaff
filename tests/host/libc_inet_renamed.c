/* SPDX-License-Identifier: BSD-2-Clause */
/* libc/net/inet.c under other names, beside the host's own functions. */
#include <arpa/inet.h>

#define inet_pton        tm_inet_pton
#define inet_ntop        tm_inet_ntop
#define inet_aton        tm_inet_aton
#define inet_addr        tm_inet_addr
#define inet_ntoa        tm_inet_ntoa
#define in6addr_any      tm_in6addr_any
#define in6addr_loopback tm_in6addr_loopback

int inet_pton(int family, const char *text, void *out);
const char *inet_ntop(int family, const void *address, char *out, socklen_t size);
int inet_aton(const char *text, struct in_addr *address);
in_addr_t inet_addr(const char *text);
char *inet_ntoa(struct in_addr address);

#include "libc/net/inet.c"
