/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/settings.h"

#include <stdio.h>
#include <string.h>

#include "services/net/dns_message.h"

#define DEFAULT_HOSTNAME "tessera"
/* The dynamic ports of RFC 6335. */
#define DEFAULT_PORTS "49152-65535"

/* What reads one string of a list into its place. */
typedef bool read_item(const char *text, size_t length, struct settings *settings);

static bool read_host(const char *text, size_t length, struct net_set *set)
{
    return net_set_parse(text, length, set) && net_set_one_host(set) &&
           (net_set_one_port(set) || net_set_every_port(set)) && !set->port_free;
}

static bool read_address(const char *text, size_t length, struct settings *settings)
{
    const char *slash = memchr(text, '/', length);
    struct settings_address *address = &settings->addresses[settings->address_count];
    uint16_t prefix;
    if (slash == NULL || settings->address_count == SETTINGS_LIST_MAX ||
        !read_host(text, (size_t)(slash - text), &address->host) ||
        !net_set_every_port(&address->host))
        return false;
    if (!net_port_parse(slash + 1, length - (size_t)(slash + 1 - text), &prefix) || prefix == 0 ||
        prefix > (address->host.family == 4 ? 32 : 128))
        return false;
    address->prefix = (uint8_t)prefix;
    settings->address_count++;
    return true;
}

static bool add_server(struct settings_list *list, const char *text, size_t length)
{
    return list->count < SETTINGS_LIST_MAX && read_host(text, length, &list->items[list->count]) &&
           ++list->count != 0;
}

static bool read_dns(const char *text, size_t length, struct settings *settings)
{
    return add_server(&settings->dns, text, length);
}

static bool read_ntp(const char *text, size_t length, struct settings *settings)
{
    return add_server(&settings->ntp, text, length);
}

static bool refuse(char error[SETTINGS_ERROR], const char *key, const char *text)
{
    snprintf(error, SETTINGS_ERROR, "argument '%s': '%.60s' is not understood", key, text);
    return false;
}

static bool read_list(struct argdata arguments, const char *key, read_item *read,
                      struct settings *settings, char error[SETTINGS_ERROR])
{
    struct argdata list, element;
    if (argdata_map_get(arguments, key, &list) != 0)
        return true;
    struct argdata_iter iter = argdata_seq_iter(list);
    while (argdata_seq_next(&iter, &element)) {
        const char *text = "";
        size_t length = 0;
        if (argdata_get_str(element, &text, &length) != 0 || !read(text, length, settings))
            return refuse(error, key, text);
    }
    return iter.error == 0 || refuse(error, key, "(no list)");
}

static bool read_gateway(struct argdata arguments, struct settings *settings,
                         char error[SETTINGS_ERROR])
{
    const char *text = "";
    struct argdata value;
    if (argdata_map_get(arguments, "gateway", &value) != 0)
        return true;
    settings->has_gateway = argdata_get_str(value, &text, NULL) == 0 &&
                            read_host(text, strlen(text), &settings->gateway) &&
                            settings->gateway.family == 4;
    return settings->has_gateway || refuse(error, "gateway", text);
}

static bool read_hostname(struct argdata arguments, struct settings *settings,
                          char error[SETTINGS_ERROR])
{
    const char *text = DEFAULT_HOSTNAME;
    struct argdata value;
    if (argdata_map_get(arguments, "hostname", &value) == 0 &&
        (argdata_get_str(value, &text, NULL) != 0 || strlen(text) >= SETTINGS_HOSTNAME ||
         !dns_name_valid(text, strlen(text))))
        return refuse(error, "hostname", text);
    strcpy(settings->hostname, text);
    return true;
}

static bool read_ports(struct argdata arguments, struct settings *settings,
                       char error[SETTINGS_ERROR])
{
    const char *text = DEFAULT_PORTS;
    struct argdata value;
    if (argdata_map_get(arguments, "ports", &value) == 0 &&
        argdata_get_str(value, &text, NULL) != 0)
        return refuse(error, "ports", "(no text)");
    const char *dash = strchr(text, '-');
    if (dash == NULL || !net_port_parse(text, (size_t)(dash - text), &settings->port_low) ||
        !net_port_parse(dash + 1, strlen(dash + 1), &settings->port_high) ||
        settings->port_low == 0 || settings->port_low > settings->port_high)
        return refuse(error, "ports", text);
    return true;
}

bool settings_read(struct argdata arguments, struct settings *settings, char error[SETTINGS_ERROR])
{
    memset(settings, 0, sizeof(*settings));
    return read_list(arguments, "addresses", read_address, settings, error) &&
           read_list(arguments, "dns", read_dns, settings, error) &&
           read_list(arguments, "ntp", read_ntp, settings, error) &&
           read_gateway(arguments, settings, error) && read_hostname(arguments, settings, error) &&
           read_ports(arguments, settings, error);
}

const struct settings_address *settings_address(const struct settings *settings, uint8_t family)
{
    for (unsigned i = 0; i < settings->address_count; i++) {
        if (settings->addresses[i].host.family == family)
            return &settings->addresses[i];
    }
    return NULL;
}
