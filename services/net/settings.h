/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the manifest says about the network, in the service's arguments:
 *
 *   addresses: [10.0.2.15/24, "fd00::5/64"]   an IPv4 one takes the place of DHCP
 *   gateway: 10.0.2.2                         of IPv4
 *   dns: [10.0.2.3]                           name servers; ADDR!PORT for another port than 53
 *   ntp: [10.0.2.2!123]                       time servers; they need the grant `clock`
 *   hostname: tessera                         what DHCP servers are told
 *   ports: 49152-65535                        local ports of connections that this machine makes
 *
 * All may be missing. Pure.
 */
#ifndef SERVICES_NET_SETTINGS_H
#define SERVICES_NET_SETTINGS_H

#include "abi/argdata/argdata.h"
#include "services/net/netset.h"

#define SETTINGS_LIST_MAX 4
#define SETTINGS_HOSTNAME 64
#define SETTINGS_ERROR    160

struct settings_list {
    struct net_set items[SETTINGS_LIST_MAX]; /* one host each; every port: the usual one */
    unsigned count;
};

struct settings_address {
    struct net_set host;
    uint8_t prefix;
};

struct settings {
    struct settings_address addresses[SETTINGS_LIST_MAX];
    unsigned address_count;
    bool has_gateway;
    struct net_set gateway;
    struct settings_list dns, ntp;
    char hostname[SETTINGS_HOSTNAME];
    uint16_t port_low, port_high;
};

/* Reads the arguments. False: `error` says what is wrong with them. */
bool settings_read(struct argdata arguments, struct settings *settings, char error[SETTINGS_ERROR]);

/* The first address of the family, or NULL. */
const struct settings_address *settings_address(const struct settings *settings, uint8_t family);

#endif
