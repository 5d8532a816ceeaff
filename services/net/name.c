/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/name.h"

#include <string.h>

#include "services/net/dns_message.h"

struct entry {
    enum name_kind directory;
    enum name_kind kind;
    const char *name;
};

static const struct entry entries[] = {
    {NAME_ROOT, NAME_TCP, "tcp"},
    {NAME_ROOT, NAME_UDP, "udp"},
    {NAME_ROOT, NAME_ICMP, "icmp"},
    {NAME_ROOT, NAME_DNS, "dns"},
    {NAME_ROOT, NAME_IF, "if"},
    {NAME_TCP, NAME_TCP_CONNECT, "connect"},
    {NAME_TCP, NAME_TCP_LISTEN, "listen"},
    {NAME_UDP, NAME_UDP_CONNECT, "connect"},
    {NAME_UDP, NAME_UDP_BIND, "bind"},
    {NAME_ICMP, NAME_ICMP_ECHO, "echo"},
    {NAME_IF, NAME_INTERFACE, "eth0"},
    {NAME_INTERFACE, NAME_IF_ADDR, "addr"},
    {NAME_INTERFACE, NAME_IF_MAC, "mac"},
    {NAME_INTERFACE, NAME_IF_MTU, "mtu"},
    {NAME_INTERFACE, NAME_IF_LINK, "link"},
    {NAME_INTERFACE, NAME_IF_STATS, "stats"},
    {NAME_INTERFACE, NAME_IF_CTL, "ctl"},
};

#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

bool name_is_set(enum name_kind kind)
{
    return kind >= NAME_SETS && kind < NAME_SETS_END;
}

bool name_is_directory(enum name_kind kind)
{
    return kind <= NAME_DNS_SUFFIX;
}

const char *name_entry(enum name_kind directory, unsigned index, enum name_kind *kind)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].directory != directory || index-- != 0)
            continue;
        *kind = entries[i].kind;
        return entries[i].name;
    }
    return NULL;
}

static cloudabi_errno_t step_fixed(enum name_kind directory, const char *component, size_t length,
                                   struct name *to)
{
    enum name_kind kind;
    const char *name;
    for (unsigned i = 0; (name = name_entry(directory, i, &kind)) != NULL; i++) {
        if (strlen(name) == length && memcmp(name, component, length) == 0) {
            *to = (struct name){.kind = kind, .set = net_set_all};
            return 0;
        }
    }
    return CLOUDABI_ENOENT;
}

/* Local addresses may name port 0, remote ones may not. */
static bool is_local(enum name_kind kind)
{
    return kind == NAME_TCP_LISTEN || kind == NAME_UDP_BIND;
}

static bool read_set(const struct name *from, const char *component, size_t length,
                     struct net_set *set)
{
    uint16_t port;
    if (from->kind != NAME_ICMP_ECHO && net_set_one_host(&from->set) &&
        net_port_parse(component, length, &port)) {
        *set = net_set_all;
        set->port_free = port == 0;
        if (port != 0)
            set->port_low = set->port_high = port;
    } else if (!net_set_parse(component, length, set)) {
        return false;
    }
    if (from->kind == NAME_ICMP_ECHO)
        return net_set_every_port(set);
    return !set->port_free || is_local(from->kind);
}

static cloudabi_errno_t step_set(const struct name *from, const char *component, size_t length,
                                 struct name *to)
{
    struct net_set set, both;
    if (!read_set(from, component, length, &set))
        return CLOUDABI_ENOENT;
    if (!net_set_intersect(&from->set, &set, &both))
        return CLOUDABI_ENOTCAPABLE;
    *to = (struct name){.kind = from->kind, .set = both};
    return 0;
}

/* `text` is a name below `suffix`. */
static bool is_below(const char *text, size_t length, const char *suffix)
{
    size_t size = strlen(suffix);
    return length > size + 1 && text[length - size - 1] == '.' &&
           memcmp(text + length - size, suffix, size) == 0;
}

static cloudabi_errno_t step_suffix(const struct name *from, const char *suffix, size_t length,
                                    struct name *to)
{
    if (!dns_name_valid(suffix, length))
        return CLOUDABI_ENOENT;
    if (length > NAME_SUFFIX_MAX)
        return CLOUDABI_ENAMETOOLONG;
    bool same = strlen(from->suffix) == length && memcmp(from->suffix, suffix, length) == 0;
    if (from->kind == NAME_DNS_SUFFIX && !same && !is_below(suffix, length, from->suffix))
        return CLOUDABI_ENOTCAPABLE;
    *to = (struct name){.kind = NAME_DNS_SUFFIX, .set = net_set_all};
    memcpy(to->suffix, suffix, length);
    return 0;
}

static cloudabi_errno_t step_dns(const struct name *from, const char *component, size_t length,
                                 struct name *to)
{
    if (length > 2 && component[0] == '*' && component[1] == '.')
        return step_suffix(from, component + 2, length - 2, to);
    if (!dns_name_valid(component, length))
        return CLOUDABI_ENOENT;
    if (from->kind == NAME_DNS_SUFFIX && !is_below(component, length, from->suffix))
        return CLOUDABI_ENOTCAPABLE;
    *to = (struct name){
        .kind = NAME_DNS_HOST, .set = net_set_all, .host = component, .host_length = length};
    return 0;
}

cloudabi_errno_t name_step(const struct name *from, const char *component, size_t length,
                           struct name *to)
{
    if (name_is_set(from->kind))
        return step_set(from, component, length, to);
    if (from->kind == NAME_DNS || from->kind == NAME_DNS_SUFFIX)
        return step_dns(from, component, length, to);
    if (!name_is_directory(from->kind))
        return CLOUDABI_ENOTDIR;
    return step_fixed(from->kind, component, length, to);
}

cloudabi_errno_t name_resolve(const struct name *from, const char *path, size_t length,
                              struct name *to)
{
    struct name at = *from;
    while (length > 0) {
        const char *slash = memchr(path, '/', length);
        size_t part = slash != NULL ? (size_t)(slash - path) : length;
        struct name next;
        cloudabi_errno_t error = name_step(&at, path, part, &next);
        if (error != 0)
            return error;
        at = next;
        part += slash != NULL;
        path += part;
        length -= part;
    }
    *to = at;
    return 0;
}

bool name_is_endpoint(const struct name *name)
{
    if (name->kind == NAME_ICMP_ECHO)
        return net_set_one_host(&name->set);
    if (!name_is_set(name->kind) || !net_set_one_port(&name->set))
        return false;
    return is_local(name->kind) ? net_set_bindable(&name->set) : net_set_one_host(&name->set);
}

/* A set as it lies in a cookie, behind the kind. */
#define SET_COOKIE 32

size_t name_encode(const struct name *name, uint8_t cookie[NAME_COOKIE_MAX])
{
    const struct net_set *set = &name->set;
    cookie[0] = (uint8_t)name->kind;
    if (name->kind == NAME_DNS_SUFFIX) {
        size_t length = strlen(name->suffix);
        memcpy(cookie + 1, name->suffix, length);
        return 1 + length;
    }
    cookie[1] = set->family;
    cookie[2] = set->bits;
    cookie[3] = set->port_free;
    memcpy(cookie + 4, &set->port_low, 2);
    memcpy(cookie + 6, &set->port_high, 2);
    memcpy(cookie + 8, set->address, 16);
    memcpy(cookie + 24, set->zone, NET_ZONE_MAX);
    return SET_COOKIE;
}

static bool set_is_valid(const struct net_set *set)
{
    uint8_t most = set->family == 4 ? 32 : set->family == 6 ? 128 : 0;
    return (set->family == 0 || most != 0) && set->bits <= most && set->port_low != 0 &&
           set->port_low <= set->port_high && memchr(set->zone, '\0', NET_ZONE_MAX) != NULL;
}

static bool decode_suffix(const uint8_t *text, size_t length, struct name *name)
{
    static const struct name dns = {.kind = NAME_DNS};
    return step_suffix(&dns, (const char *)text, length, name) == 0;
}

bool name_decode(const uint8_t *cookie, size_t length, struct name *name)
{
    if (length > 1 && cookie[0] == NAME_DNS_SUFFIX)
        return decode_suffix(cookie + 1, length - 1, name);
    if (length != SET_COOKIE || cookie[0] >= NAME_SETS_END)
        return false;
    struct name found = {.kind = cookie[0]};
    found.set.family = cookie[1];
    found.set.bits = cookie[2];
    found.set.port_free = cookie[3] != 0;
    memcpy(&found.set.port_low, cookie + 4, 2);
    memcpy(&found.set.port_high, cookie + 6, 2);
    memcpy(found.set.address, cookie + 8, 16);
    memcpy(found.set.zone, cookie + 24, NET_ZONE_MAX);
    if (!set_is_valid(&found.set))
        return false;
    *name = found;
    return true;
}
