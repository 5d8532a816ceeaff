/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces: there are two, lo and eth0. What addresses the latter has is in the file `if/eth0/addr` of the network
 * directory, a line "ADDR~BITS" for each; a program that was not granted it sees the loopback addresses only.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "libc/net/net.h"

#define TEXT_MAX 1024

static const char *const names[] = {"lo", "eth0"}; /* numbers are indices + 1 */
#define INTERFACES (sizeof(names) / sizeof(names[0]))

unsigned int if_nametoindex(const char *name)
{
    for (unsigned i = 0; i < INTERFACES; i++) {
        if (strcmp(names[i], name) == 0)
            return i + 1;
    }
    errno = ENXIO;
    return 0;
}

char *if_indextoname(unsigned int index, char *name)
{
    if (index == 0 || index > INTERFACES) {
        errno = ENXIO;
        return NULL;
    }
    return strcpy(name, names[index - 1]);
}

struct if_nameindex *if_nameindex(void)
{
    struct if_nameindex *list = calloc(INTERFACES + 1, sizeof(*list));

    for (unsigned i = 0; list != NULL && i < INTERFACES; i++)
        list[i] = (struct if_nameindex){i + 1, (char *)names[i]};
    return list;
}

void if_freenameindex(struct if_nameindex *list)
{
    free(list);
}

/* One result: the structure, and what it points to. */
struct found {
    struct ifaddrs info;
    struct sockaddr_in6 address, mask;
};

static unsigned char *bytes_of(struct sockaddr_in6 *address)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;

    return address->sin6_family == AF_INET ? (unsigned char *)&in4->sin_addr
                                           : address->sin6_addr.s6_addr;
}

static bool add(struct ifaddrs ***end, unsigned index, const char *address, unsigned bits)
{
    struct found *found = calloc(1, sizeof(*found));
    int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

    if (found == NULL)
        return false;
    found->address.sin6_family = found->mask.sin6_family = (sa_family_t)family;
    (void)inet_pton(family, address, bytes_of(&found->address));
    for (unsigned i = 0; i < bits; i++)
        bytes_of(&found->mask)[i / 8] |= (unsigned char)(0x80 >> i % 8);
    if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&found->address.sin6_addr))
        found->address.sin6_scope_id = index;
    found->info = (struct ifaddrs){
        .ifa_name = (char *)names[index - 1],
        .ifa_flags = IFF_UP | IFF_RUNNING | (index == 1 ? IFF_LOOPBACK : IFF_BROADCAST),
        .ifa_addr = (struct sockaddr *)&found->address,
        .ifa_netmask = (struct sockaddr *)&found->mask,
    };
    **end = &found->info;
    *end = &found->info.ifa_next;
    return true;
}

static size_t read_addresses(char text[TEXT_MAX])
{
    cloudabi_fd_t fd;

    if (__net_open(grant_fd("net"), "if/eth0/addr", 0, 0, &fd) != 0)
        return 0;
    ssize_t len = read((int)fd, text, TEXT_MAX - 1);
    close((int)fd);
    return len > 0 ? (size_t)len : 0;
}

int getifaddrs(struct ifaddrs **list)
{
    struct ifaddrs **end = list;
    char text[TEXT_MAX];
    char *rest;

    *list = NULL;
    text[read_addresses(text)] = '\0';
    bool all = add(&end, 1, "127.0.0.1", 8) && add(&end, 1, "::1", 128);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL && all;
         line = strtok_r(NULL, "\n", &rest)) {
        size_t len = strcspn(line, "~%");
        const char *bits = strchr(line, '~');
        line[len] = '\0';
        all = bits != NULL && add(&end, NET_INTERFACE, line, (unsigned)atoi(bits + 1));
    }
    if (!all) {
        freeifaddrs(*list);
        errno = ENOMEM;
    }
    return all ? 0 : -1;
}

void freeifaddrs(struct ifaddrs *list)
{
    while (list != NULL) {
        struct ifaddrs *next = list->ifa_next;
        free(list);
        list = next;
    }
}
