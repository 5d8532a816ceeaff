/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The older names of hosts, services and protocols: results are each thread's own, until its next such call.
 * Services are the few that a program may ask for by name; for everything else there are numbers.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libc/net/net.h"

#define ADDRESSES_MAX 16

struct service {
    const char *name;
    unsigned short port;
    bool datagrams; /* udp as well as tcp */
};

static const struct service services[] = {
    {"ftp", 21, false},   {"ssh", 22, false},   {"telnet", 23, false}, {"smtp", 25, false},
    {"domain", 53, true}, {"tftp", 69, true},   {"http", 80, false},   {"pop3", 110, false},
    {"ntp", 123, true},   {"imap", 143, false}, {"snmp", 161, true},   {"https", 443, false},
};

static const struct protoent protocols[] = {
    {.p_name = (char *)"icmp", .p_proto = IPPROTO_ICMP},
    {.p_name = (char *)"tcp", .p_proto = IPPROTO_TCP},
    {.p_name = (char *)"udp", .p_proto = IPPROTO_UDP},
};

static __thread struct {
    struct hostent host;
    char name[NI_MAXHOST];
    unsigned char addresses[ADDRESSES_MAX][16];
    char *list[ADDRESSES_MAX + 1];
    char *aliases[1];
    struct servent service;
    struct protoent protocol;
} own;

static __thread int host_errno;

int *__h_errno_location(void)
{
    return &host_errno;
}

static int host_error(int error)
{
    switch (error) {
    case EAI_NONAME:
        return HOST_NOT_FOUND;
    case EAI_AGAIN:
        return TRY_AGAIN;
    default:
        return NO_RECOVERY;
    }
}

static struct hostent *fill_host(const char *name, int family)
{
    own.host = (struct hostent){
        .h_name = own.name,
        .h_aliases = own.aliases,
        .h_addrtype = family,
        .h_length = family == AF_INET ? 4 : 16,
        .h_addr_list = own.list,
    };
    strncpy(own.name, name, sizeof(own.name) - 1);
    own.name[sizeof(own.name) - 1] = '\0';
    own.aliases[0] = NULL;
    return &own.host;
}

struct hostent *gethostbyname2(const char *name, int family)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    size_t count = 0;
    int error = getaddrinfo(name, NULL, &hints, &list);

    if (error != 0) {
        h_errno = host_error(error);
        return NULL;
    }
    for (const struct addrinfo *i = list; i != NULL && count < ADDRESSES_MAX; i = i->ai_next) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)i->ai_addr;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)i->ai_addr;
        if (family == AF_INET)
            memcpy(own.addresses[count], &in4->sin_addr, 4);
        else
            memcpy(own.addresses[count], &in6->sin6_addr, 16);
        own.list[count] = (char *)own.addresses[count];
        count++;
    }
    own.list[count] = NULL;
    freeaddrinfo(list);
    return fill_host(name, family);
}

struct hostent *gethostbyname(const char *name)
{
    return gethostbyname2(name, AF_INET);
}

/* Names of addresses are not looked up: the name is the address as text. */
struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
    char text[INET6_ADDRSTRLEN];

    if (len != (family == AF_INET ? 4 : 16) ||
        inet_ntop(family, address, text, sizeof(text)) == NULL) {
        h_errno = NO_RECOVERY;
        return NULL;
    }
    memcpy(own.addresses[0], address, len);
    own.list[0] = (char *)own.addresses[0];
    own.list[1] = NULL;
    return fill_host(text, family);
}

const char *hstrerror(int error)
{
    static const char *const texts[] = {"Success", "Host not found", "Try again", "No recovery",
                                        "No address"};

    return error >= 0 && error < (int)(sizeof(texts) / sizeof(texts[0])) ? texts[error]
                                                                         : "Unknown error";
}

static bool serves(const struct service *service, const char *protocol)
{
    return protocol == NULL || strcmp(protocol, "tcp") == 0 ||
           (service->datagrams && strcmp(protocol, "udp") == 0);
}

bool __net_service(const char *name, bool datagrams, uint16_t *port)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (strcmp(services[i].name, name) != 0 || (datagrams && !services[i].datagrams))
            continue;
        *port = htons(services[i].port);
        return true;
    }
    return false;
}

static struct servent *fill_service(const struct service *service, const char *protocol)
{
    own.aliases[0] = NULL;
    own.service = (struct servent){
        .s_name = (char *)service->name,
        .s_aliases = own.aliases,
        .s_port = htons(service->port),
        .s_proto = (char *)(protocol != NULL && strcmp(protocol, "udp") == 0 ? "udp" : "tcp"),
    };
    return &own.service;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (strcmp(services[i].name, name) == 0 && serves(&services[i], protocol))
            return fill_service(&services[i], protocol);
    }
    return NULL;
}

struct servent *getservbyport(int port, const char *protocol)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (htons(services[i].port) == port && serves(&services[i], protocol))
            return fill_service(&services[i], protocol);
    }
    return NULL;
}

static struct protoent *fill_protocol(const struct protoent *protocol)
{
    own.aliases[0] = NULL;
    own.protocol = *protocol;
    own.protocol.p_aliases = own.aliases;
    return &own.protocol;
}

struct protoent *getprotobyname(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i].p_name, name) == 0)
            return fill_protocol(&protocols[i]);
    }
    return NULL;
}

struct protoent *getprotobynumber(int number)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (protocols[i].p_proto == number)
            return fill_protocol(&protocols[i]);
    }
    return NULL;
}
