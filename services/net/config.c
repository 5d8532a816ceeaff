/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens to the interface goes to the log, each thing once. */
#include "services/net/config.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/netif.h"
#include "lwip/timeouts.h"
#include "services/net/net.h"

/* Milliseconds without an address after which the log says so. */
#define PATIENCE 5000
/* The same until which opens wait for one (hold.h). */
#define HOPE 3000

#define PORT_DNS 53
#define PORT_NTP 123

static ip4_addr_t told_address;
static ip6_addr_t told_address6;
static bool told_link;
/* DHCP's callback for time servers has no argument of its own. */
static struct config *time_config;

static struct net *net_of(const struct netif *netif)
{
    return netif->state == NULL ? NULL : ((struct card *)netif->state)->net;
}

static void tell_ipv4(struct net *net, const struct netif *netif)
{
    char address[IP4ADDR_STRLEN_MAX], gateway[IP4ADDR_STRLEN_MAX];
    if (ip4_addr_cmp(&told_address, netif_ip4_addr(netif)))
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

/* The address that routers advertise; the link-local one goes without saying. */
static void tell_ipv6(struct net *net, const struct netif *netif)
{
    char text[ENDPOINT_TEXT_MAX];
    for (int i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        struct endpoint endpoint = {.port = 0};
        if (!ip6_addr_ispreferred(netif_ip6_addr_state(netif, i)) ||
            ip6_addr_cmp_zoneless(&told_address6, netif_ip6_addr(netif, i)))
            continue;
        ip6_addr_copy(told_address6, *netif_ip6_addr(netif, i));
        ip_addr_copy_from_ip6(endpoint.address, told_address6);
        endpoint_format(&endpoint, text);
        net_log(net, "net: eth0 has address %s", text);
        return;
    }
}

static void on_status(struct netif *netif)
{
    struct net *net = net_of(netif);
    if (net != NULL)
        tell_ipv4(net, netif);
}

void config_watch(struct net *net)
{
    if (net->card.present)
        tell_ipv6(net, &net->card.netif);
}

static void on_link(struct netif *netif)
{
    if (netif_is_link_up(netif) == told_link)
        return;
    told_link = netif_is_link_up(netif);
    net_log(net_of(netif), "net: eth0 link %s", told_link ? "up" : "down");
}

static void on_hope(void *state)
{
    net_of(state)->config.hopeful = false;
}

bool config_is_pending(const struct net *net)
{
    return net->config.hopeful && !net->card.failed &&
           ip4_addr_isany(netif_ip4_addr(&net->card.netif));
}

static void on_patience(void *state)
{
    const struct netif *netif = state;
    if (ip4_addr_isany(netif_ip4_addr(netif)))
        net_log(net_of(netif), "net: eth0: no DHCP server has answered; asking on, there is no "
                               "IPv4 until one does");
}

static void set_ipv4(struct netif *netif, const struct settings_address *address,
                     const struct settings *settings)
{
    struct endpoint own, gateway = {.port = 0};
    ip4_addr_t mask;
    (void)endpoint_from_set(&address->host, &own);
    ip_addr_set_any(false, &gateway.address);
    if (settings->has_gateway)
        (void)endpoint_from_set(&settings->gateway, &gateway);
    mask.addr = lwip_htonl(UINT32_MAX << (32 - address->prefix));
    netif_set_addr(netif, ip_2_ip4(&own.address), &mask, ip_2_ip4(&gateway.address));
}

/* lwIP takes 64 bits of each of its addresses to be the link's. */
static void set_ipv6(struct netif *netif, const struct settings_address *address)
{
    struct endpoint own;
    s8_t index;
    if (endpoint_from_set(&address->host, &own))
        (void)netif_add_ip6_address(netif, ip_2_ip6(&own.address), &index);
}

void config_start(struct net *net)
{
    struct netif *netif = &net->card.netif;
    const struct settings *settings = &net->config.settings;
    const struct settings_address *address4 = settings_address(settings, 4);
    time_config = &net->config;
    netif_set_status_callback(netif, on_status);
    netif_set_link_callback(netif, on_link);
    told_link = netif_is_link_up(netif) != 0;
    if (!told_link)
        net_log(net, "net: eth0 has no link; DHCP starts when it comes up");
    for (unsigned i = 0; i < settings->address_count; i++) {
        if (settings->addresses[i].host.family == 6)
            set_ipv6(netif, &settings->addresses[i]);
    }
    if (address4 != NULL) {
        set_ipv4(netif, address4, settings);
        return;
    }
    if (dhcp_start(netif) != ERR_OK)
        net_log(net, "net: no memory for DHCP");
    net->config.hopeful = true;
    sys_timeout(HOPE, on_hope, netif);
    sys_timeout(PATIENCE, on_patience, netif);
}

cloudabi_errno_t config_renew(struct net *net)
{
    struct netif *netif = &net->card.netif;
    if (!net->card.present || netif_dhcp_data(netif) == NULL)
        return CLOUDABI_ENOTSUP;
    return dhcp_supplied_address(netif) ? net_error(dhcp_renew(netif)) : CLOUDABI_EAGAIN;
}

/* lwIP calls it with what a DHCP server says. */
void dhcp_set_ntp_servers(u8_t count, const ip4_addr_t *addresses)
{
    if (time_config == NULL)
        return;
    time_config->time_server_count = 0;
    for (u8_t i = 0; i < count && i < CONFIG_TIME_SERVERS; i++) {
        struct endpoint *server = &time_config->time_servers[time_config->time_server_count++];
        ip_addr_copy_from_ip4(server->address, addresses[i]);
        server->port = PORT_NTP;
    }
}

static bool from_list(const struct settings_list *list, unsigned attempt, uint16_t port,
                      struct endpoint *server)
{
    if (list->count == 0 || !endpoint_from_set(&list->items[attempt % list->count], server))
        return false;
    if (net_set_every_port(&list->items[attempt % list->count]))
        server->port = port;
    return true;
}

bool config_name_server(const struct config *config, unsigned attempt, struct endpoint *server)
{
    unsigned count = 0;
    if (config->settings.dns.count != 0)
        return from_list(&config->settings.dns, attempt, PORT_DNS, server);
    while (count < DNS_MAX_SERVERS && !ip_addr_isany(dns_getserver((u8_t)count)))
        count++;
    if (count == 0)
        return false;
    server->address = *dns_getserver((u8_t)(attempt % count));
    server->port = PORT_DNS;
    return true;
}

bool config_time_server(const struct config *config, unsigned attempt, struct endpoint *server)
{
    if (config->settings.ntp.count != 0)
        return from_list(&config->settings.ntp, attempt, PORT_NTP, server);
    if (config->time_server_count == 0)
        return false;
    *server = config->time_servers[attempt % config->time_server_count];
    return true;
}
