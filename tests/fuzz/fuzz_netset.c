/* SPDX-License-Identifier: BSD-2-Clause */
/* A name that parses is the name of its set; an intersection lies in both and is the same from each side. */
#include <stdlib.h>
#include <string.h>

#include "services/net/netset.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const char *text = (const char *)input;
    const char *split = memchr(text, '\n', size);
    size_t first = split != NULL ? (size_t)(split - text) : size;
    struct net_set a, b, both, reverse;
    char name[NET_SET_TEXT_MAX];
    if (!net_set_parse(text, first, &a))
        return 0;
    size_t length = net_set_format(&a, name);
    require(length < NET_SET_TEXT_MAX && length <= first && memcmp(name, text, length) == 0);
    require(net_set_subset(&a, &net_set_all) && net_set_subset(&a, &a));
    if (split == NULL || !net_set_parse(split + 1, size - first - 1, &b))
        return 0;
    bool meets = net_set_intersect(&a, &b, &both);
    require(meets == net_set_intersect(&b, &a, &reverse));
    if (meets) {
        require(net_set_subset(&both, &a) && net_set_subset(&both, &b));
        require(net_set_subset(&both, &reverse) && net_set_subset(&reverse, &both));
    }
    return 0;
}
