/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses of the interface: IPv4 by DHCP, IPv6 by router advertisements. What happens goes to the log. */
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "services/net/net.h"

/* Milliseconds without an address after which the log says so. */
#define PATIENCE 5000

/* The log says each thing once. */
static ip4_addr_t told_address;
static bool told_link;

static void on_status(struct netif *netif)
{
    struct net *net = netif->state == NULL ? NULL : ((struct card *)netif->state)->net;
    char address[IP4ADDR_STRLEN_MAX], gateway[IP4ADDR_STRLEN_MAX];
    if (net == NULL || ip4_addr_cmp(&told_address, netif_ip4_addr(netif)))
        return;
    ip4_addr_copy(told_address, *netif_ip4_addr(netif));
    if (ip4_addr_isany_val(told_address)) {
        net_log(net, "net: eth0 has no IPv4 address");
        return;
    }
    ip4addr_ntoa_r(netif_ip4_addr(netif), address, sizeof(address));
    ip4addr_ntoa_r(netif_ip4_gw(netif), gateway, sizeof(gateway));
    net_log(net, "net: eth0 has address %s, gateway %s", address, gateway);
}

static void on_link(struct netif *netif)
{
    struct net *net = ((struct card *)netif->state)->net;
    if (netif_is_link_up(netif) == told_link)
        return;
    told_link = netif_is_link_up(netif);
    net_log(net, "net: eth0 link %s", told_link ? "up" : "down");
}

static void on_patience(void *state)
{
    const struct netif *netif = state;
    if (ip4_addr_isany(netif_ip4_addr(netif)))
        net_log(
            ((struct card *)netif->state)->net,
            "net: eth0: no DHCP server has answered; asking on, there is no IPv4 until one does");
}

void config_start(struct net *net)
{
    struct netif *netif = &net->card.netif;
    netif_set_status_callback(netif, on_status);
    netif_set_link_callback(netif, on_link);
    told_link = netif_is_link_up(netif) != 0;
    if (!told_link)
        net_log(net, "net: eth0 has no link; DHCP starts when it comes up");
    if (dhcp_start(netif) != ERR_OK)
        net_log(net, "net: no memory for DHCP");
    sys_timeout(PATIENCE, on_patience, netif);
}
