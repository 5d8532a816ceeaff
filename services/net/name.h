/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the network directory, one component at a time:
 *
 *   tcp/{connect,listen}/SET...   udp/{connect,bind}/SET...   icmp/echo/SET...
 *   dns/HOST   dns/[*.]SUFFIX/...   if/eth0/{addr,mac,mtu,link,stats,ctl}
 *
 * Each further SET narrows the one before; inside a set of one host a bare number is a port. Sets of
 * icmp/echo have no ports. A `*.SUFFIX` narrows to the names that end in `.SUFFIX`, which are still given in
 * full. Pure.
 */
#ifndef SERVICES_NET_NAME_H
#define SERVICES_NET_NAME_H

#include "abi/cloudabi_types.h"
#include "services/net/netset.h"

enum name_kind {
    NAME_ROOT,
    NAME_TCP,
    NAME_UDP,
    NAME_ICMP,
    NAME_DNS,
    NAME_IF,
    NAME_INTERFACE,
    NAME_SETS, /* kinds from here on are no fixed directories */
    NAME_TCP_CONNECT = NAME_SETS,
    NAME_TCP_LISTEN,
    NAME_UDP_CONNECT,
    NAME_UDP_BIND,
    NAME_ICMP_ECHO,
    NAME_SETS_END,
    NAME_DNS_SUFFIX = NAME_SETS_END,
    NAME_DNS_HOST,
    NAME_FILES,
    NAME_IF_ADDR = NAME_FILES,
    NAME_IF_MAC,
    NAME_IF_MTU,
    NAME_IF_LINK,
    NAME_IF_STATS,
    NAME_IF_CTL,
    NAME_KINDS
};

#define NAME_SUFFIX_MAX 62

struct name {
    enum name_kind kind;
    struct net_set set;               /* of the kinds from NAME_SETS to NAME_SETS_END */
    char suffix[NAME_SUFFIX_MAX + 1]; /* of NAME_DNS_SUFFIX; NUL-terminated */
    const char *host;                 /* of NAME_DNS_HOST: in the path that was resolved */
    size_t host_length;
};

#define NAME_COOKIE_MAX (1 + NAME_SUFFIX_MAX)

bool name_is_set(enum name_kind kind);
bool name_is_directory(enum name_kind kind);

/* ENOENT, ENOTDIR, ENAMETOOLONG; ENOTCAPABLE: outside of the directory's set. */
cloudabi_errno_t name_step(const struct name *from, const char *component, size_t length,
                           struct name *to);
cloudabi_errno_t name_resolve(const struct name *from, const char *path, size_t length,
                              struct name *to);

/* True if the name stands for one endpoint, which can be opened. */
bool name_is_endpoint(const struct name *name);

/* Entry `index` of a directory with fixed entries; NULL after the last. */
const char *name_entry(enum name_kind directory, unsigned index, enum name_kind *kind);

/* The bytes by which a directory is found again after a restart of the service; returns how many. */
size_t name_encode(const struct name *name, uint8_t cookie[NAME_COOKIE_MAX]);
bool name_decode(const uint8_t *cookie, size_t length, struct name *name);

#endif
