/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the network directory, one component at a time:
 *
 *   tcp/{connect,listen}/SET...   udp/{connect,bind}/SET...   if/eth0/{addr,mac,mtu,link,stats}
 *
 * Each further SET narrows the one before; inside a set of one host a bare number is a port. Pure.
 */
#ifndef SERVICES_NET_NAME_H
#define SERVICES_NET_NAME_H

#include "abi/cloudabi_types.h"
#include "services/net/netset.h"

enum name_kind {
    NAME_ROOT,
    NAME_TCP,
    NAME_UDP,
    NAME_IF,
    NAME_INTERFACE,
    NAME_DIRECTORIES, /* kinds from here on are no fixed directories */
    NAME_TCP_CONNECT = NAME_DIRECTORIES,
    NAME_TCP_LISTEN,
    NAME_UDP_CONNECT,
    NAME_UDP_BIND,
    NAME_FILES,
    NAME_IF_ADDR = NAME_FILES,
    NAME_IF_MAC,
    NAME_IF_MTU,
    NAME_IF_LINK,
    NAME_IF_STATS,
    NAME_KINDS
};

struct name {
    enum name_kind kind;
    struct net_set set; /* of the kinds from NAME_TCP_CONNECT to NAME_UDP_BIND */
};

#define NAME_COOKIE_SIZE 32

bool name_is_set(enum name_kind kind);

/* ENOENT, ENOTDIR; ENOTCAPABLE: outside of the directory's set. */
cloudabi_errno_t name_step(const struct name *from, const char *component, size_t length,
                           struct name *to);
cloudabi_errno_t name_resolve(const struct name *from, const char *path, size_t length,
                              struct name *to);

/* True if the name stands for one endpoint, which can be opened. */
bool name_is_endpoint(const struct name *name);

/* Entry `index` of a directory with fixed entries; NULL after the last. */
const char *name_entry(enum name_kind directory, unsigned index, enum name_kind *kind);

/* The bytes by which a directory is found again after a restart of the service. */
void name_encode(const struct name *name, uint8_t cookie[NAME_COOKIE_SIZE]);
bool name_decode(const uint8_t *cookie, size_t length, struct name *name);

#endif
