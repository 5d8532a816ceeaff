/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in a set, and in two. netset_text.c reads and writes their names. */
#include "services/net/netset.h"

#include <string.h>

const struct net_set net_set_all = {.port_low = 1, .port_high = NET_PORT_LAST};

bool net_set_every_port(const struct net_set *set)
{
    return set->port_low == 1 && set->port_high == NET_PORT_LAST && !set->port_free;
}

bool net_set_one_host(const struct net_set *set)
{
    return (set->family == 4 && set->bits == 32) || (set->family == 6 && set->bits == 128);
}

bool net_set_one_port(const struct net_set *set)
{
    return set->port_free || set->port_low == set->port_high;
}

bool net_set_bindable(const struct net_set *set)
{
    return set->bits == 0 || net_set_one_host(set);
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    for (unsigned i = 0; 8 * i < bits; i++) {
        unsigned keep = bits - 8 * i;
        uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00 >> keep);
        if (((a[i] ^ b[i]) & mask) != 0)
            return false;
    }
    return true;
}

static bool intersect_hosts(const struct net_set *a, const struct net_set *b, struct net_set *both)
{
    if (a->family == 0 || b->family == 0) {
        *both = a->family == 0 ? *b : *a;
        return true;
    }
    const struct net_set *narrow = a->bits >= b->bits ? a : b;
    const struct net_set *wide = narrow == a ? b : a;
    if (a->family != b->family || !prefix_equal(a->address, b->address, wide->bits))
        return false;
    *both = *narrow;
    if (wide->zone[0] == '\0')
        return true;
    if (narrow->zone[0] != '\0')
        return strcmp(narrow->zone, wide->zone) == 0;
    memcpy(both->zone, wide->zone, sizeof(both->zone));
    return true;
}

bool net_set_intersect(const struct net_set *a, const struct net_set *b, struct net_set *both)
{
    struct net_set found;
    if (!intersect_hosts(a, b, &found))
        return false;
    found.port_low = a->port_low > b->port_low ? a->port_low : b->port_low;
    found.port_high = a->port_high < b->port_high ? a->port_high : b->port_high;
    found.port_free = a->port_free || b->port_free;
    if (found.port_low > found.port_high)
        return false;
    *both = found;
    return true;
}

bool net_set_subset(const struct net_set *inner, const struct net_set *outer)
{
    if (inner->port_low < outer->port_low || inner->port_high > outer->port_high)
        return false;
    if (outer->family == 0)
        return true;
    if (inner->family != outer->family || inner->bits < outer->bits ||
        !prefix_equal(inner->address, outer->address, outer->bits))
        return false;
    return outer->zone[0] == '\0' || strcmp(inner->zone, outer->zone) == 0;
}
