/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and servers: what the manifest says (settings.h), else what DHCP and routers say. */
#ifndef SERVICES_NET_CONFIG_H
#define SERVICES_NET_CONFIG_H

#include "services/net/endpoint.h"
#include "services/net/settings.h"

struct net;

#define CONFIG_TIME_SERVERS 2

struct config {
    struct settings settings;
    struct endpoint time_servers[CONFIG_TIME_SERVERS]; /* from DHCP */
    unsigned time_server_count;
    bool hopeful; /* DHCP was started a short time ago */
};

/* Gives the interface its addresses, or starts asking for them. */
void config_start(struct net *net);

/* The first answer of a DHCP server is still to come, and there is hope. */
bool config_is_pending(const struct net *net);

/* Tells the log of addresses that came by themselves; now and then. */
void config_watch(struct net *net);

/* The server for the attempt of this number, from 0 on. False: none is known. */
bool config_name_server(const struct config *config, unsigned attempt, struct endpoint *server);
bool config_time_server(const struct config *config, unsigned attempt, struct endpoint *server);

/* Asks the DHCP server anew. ENOTSUP: the address is not from one. */
cloudabi_errno_t config_renew(struct net *net);

#endif
