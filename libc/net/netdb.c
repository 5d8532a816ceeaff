/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of hosts: `dns/NAME` of the network directory holds a line "A|AAAA ADDRESS TTL" for each address.
 * Services are numbers, or among the few names of names.c.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libc/net/net.h"

#define ANSWER_MAX 4096
#define FLAGS                                                                             \
    (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_NUMERICSERV | AI_V4MAPPED | AI_ALL | \
     AI_ADDRCONFIG)

struct wanted {
    int family;
    int type; /* 0: streams and datagrams */
    int flags;
    uint16_t port; /* network order */
};

/* One result: the structure, and its address behind it. */
struct found {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

static int add_typed(struct addrinfo ***end, const struct wanted *wanted, int type,
                     const struct sockaddr_in6 *address)
{
    struct found *found = calloc(1, sizeof(*found));
    bool four = address->sin6_family == AF_INET;

    if (found == NULL)
        return EAI_MEMORY;
    found->address = *address;
    found->address.sin6_port = wanted->port;
    found->info = (struct addrinfo){
        .ai_flags = wanted->flags,
        .ai_family = address->sin6_family,
        .ai_socktype = type,
        .ai_protocol = type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP,
        .ai_addrlen = four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
        .ai_addr = (struct sockaddr *)&found->address,
    };
    **end = &found->info;
    *end = &found->info.ai_next;
    return 0;
}

/* An entry for each type of socket that was asked for. */
static int add(struct addrinfo ***end, const struct wanted *wanted, int family, const void *bytes,
               unsigned scope)
{
    struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family, .sin6_scope_id = scope};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
    int error = 0;

    if (wanted->family != AF_UNSPEC && wanted->family != family)
        return 0;
    if (family == AF_INET)
        memcpy(&in4->sin_addr, bytes, 4);
    else
        memcpy(&address.sin6_addr, bytes, 16);
    if (wanted->type != SOCK_DGRAM)
        error = add_typed(end, wanted, SOCK_STREAM, &address);
    if (error == 0 && wanted->type != SOCK_STREAM)
        error = add_typed(end, wanted, SOCK_DGRAM, &address);
    return error;
}

/* "ADDR%IF": splits off the interface; false: there is none of that name. */
static bool take_zone(const char *text, char address[INET6_ADDRSTRLEN], unsigned *scope)
{
    const char *zone = strchr(text, '%');
    size_t len = zone != NULL ? (size_t)(zone - text) : strlen(text);
    char *end;

    *scope = 0;
    if (len >= INET6_ADDRSTRLEN)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (zone == NULL)
        return true;
    *scope = if_nametoindex(zone + 1);
    if (*scope == 0) {
        *scope = (unsigned)strtoul(zone + 1, &end, 10);
        return zone[1] != '\0' && *end == '\0';
    }
    return true;
}

/* 1 if the text is an address, 0 if not, or a negated error. */
static int add_literal(struct addrinfo ***end, const struct wanted *wanted, const char *text)
{
    unsigned char bytes[16];
    char address[INET6_ADDRSTRLEN];
    unsigned scope;
    int family = AF_UNSPEC;

    if (inet_pton(AF_INET, text, bytes) == 1)
        family = AF_INET;
    else if (take_zone(text, address, &scope) && inet_pton(AF_INET6, address, bytes) == 1)
        family = AF_INET6;
    if (family == AF_UNSPEC)
        return 0;
    int error = add(end, wanted, family, bytes, family == AF_INET ? 0 : scope);
    return error != 0 ? -error : 1;
}

static int add_unnamed(struct addrinfo ***end, const struct wanted *wanted)
{
    static const unsigned char any[16];
    static const unsigned char loopback4[4] = {127, 0, 0, 1};
    bool passive = (wanted->flags & AI_PASSIVE) != 0;
    int error = add(end, wanted, AF_INET, passive ? any : loopback4, 0);

    if (error == 0)
        error = add(end, wanted, AF_INET6, passive ? any : in6addr_loopback.s6_addr, 0);
    return error;
}

/* "dns/NAME" in the form that the directory knows: lower case, no dot at the end. */
static void name_path(const char *host, char path[NI_MAXHOST + 8])
{
    size_t at = (size_t)snprintf(path, NI_MAXHOST + 8, "dns/%s", host);

    if (at >= NI_MAXHOST + 8)
        at = NI_MAXHOST + 7;
    for (size_t i = 0; i < at; i++)
        path[i] = path[i] >= 'A' && path[i] <= 'Z' ? (char)(path[i] + 32) : path[i];
    if (path[at - 1] == '.')
        path[at - 1] = '\0';
}

static int name_error(cloudabi_errno_t error)
{
    switch (error) {
    case ENOENT:
    case ENAMETOOLONG:
        return EAI_NONAME;
    case ETIMEDOUT: /* nobody answered; the servers cannot tell; there is no way to them */
    case EIO:
    case ENETUNREACH:
        return EAI_AGAIN;
    case ENOMEM:
        return EAI_MEMORY;
    default:
        errno = (int)error;
        return EAI_SYSTEM;
    }
}

static int look_up(struct addrinfo ***end, const struct wanted *wanted, const char *host)
{
    char path[NI_MAXHOST + 8];
    cloudabi_fd_t fd;
    int error = 0;
    char *rest;

    if (strchr(host, '/') != NULL)
        return EAI_NONAME;
    char *answer = malloc(ANSWER_MAX);
    if (answer == NULL)
        return EAI_MEMORY;
    name_path(host, path);
    cloudabi_errno_t failure = __net_open_name(path, 0, 0, &fd);
    if (failure != 0) {
        free(answer);
        return name_error(failure);
    }
    ssize_t len = read((int)fd, answer, ANSWER_MAX - 1);
    close((int)fd);
    answer[len > 0 ? len : 0] = '\0';
    for (char *line = strtok_r(answer, "\n", &rest); line != NULL && error == 0;
         line = strtok_r(NULL, "\n", &rest)) {
        char address[INET6_ADDRSTRLEN];
        if (sscanf(line, "A%*[A ]%45s", address) == 1)
            error = add_literal(end, wanted, address) < 0 ? EAI_MEMORY : 0;
    }
    free(answer);
    return error;
}

static int parse_service(const char *service, struct wanted *wanted)
{
    char *end;

    if (service == NULL)
        return 0;
    if ((wanted->flags & AI_NUMERICSERV) == 0 &&
        __net_service(service, wanted->type == SOCK_DGRAM, &wanted->port))
        return 0;
    unsigned long port = strtoul(service, &end, 10);
    if (*service < '0' || *service > '9' || *end != '\0' || port > 65535)
        return (wanted->flags & AI_NUMERICSERV) != 0 ? EAI_NONAME : EAI_SERVICE;
    wanted->port = htons((uint16_t)port);
    return 0;
}

/* What the hints ask for; EAI_*. */
static int read_hints(const struct addrinfo *hints, struct wanted *wanted)
{
    *wanted = (struct wanted){.family = AF_UNSPEC};
    if (hints == NULL)
        return 0;
    wanted->family = hints->ai_family;
    wanted->flags = hints->ai_flags;
    wanted->type = hints->ai_socktype;
    if ((wanted->flags & ~FLAGS) != 0)
        return EAI_BADFLAGS;
    if (wanted->family != AF_UNSPEC && wanted->family != AF_INET && wanted->family != AF_INET6)
        return EAI_FAMILY;
    int of_protocol = hints->ai_protocol == IPPROTO_TCP   ? SOCK_STREAM
                      : hints->ai_protocol == IPPROTO_UDP ? SOCK_DGRAM
                                                          : 0;
    if (wanted->type == 0)
        wanted->type = of_protocol;
    if ((wanted->type != 0 && wanted->type != SOCK_STREAM && wanted->type != SOCK_DGRAM) ||
        (hints->ai_protocol != 0 && of_protocol != wanted->type))
        return EAI_SOCKTYPE;
    return 0;
}

static int find_host(const struct wanted *wanted, const char *host, struct addrinfo **results)
{
    struct addrinfo **end = results;

    if (host == NULL)
        return add_unnamed(&end, wanted);
    int literal = add_literal(&end, wanted, host);
    if (literal != 0)
        return literal < 0 ? -literal : 0;
    return (wanted->flags & AI_NUMERICHOST) != 0 ? EAI_NONAME : look_up(&end, wanted, host);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **results)
{
    struct wanted wanted;
    int error = read_hints(hints, &wanted);

    *results = NULL;
    if (error == 0)
        error = host == NULL && service == NULL ? EAI_NONAME : parse_service(service, &wanted);
    if (error == 0)
        error = find_host(&wanted, host, results);
    if (error == 0 && *results == NULL)
        error = EAI_NONAME;
    if (error == 0 && (wanted.flags & AI_CANONNAME) != 0) {
        (*results)->ai_canonname = strdup(host != NULL ? host : "localhost");
        error = (*results)->ai_canonname == NULL ? EAI_MEMORY : 0;
    }
    if (error != 0) {
        freeaddrinfo(*results);
        *results = NULL;
    }
    return error;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

/* The address as text, with its interface if it means something on one only. */
static bool host_text(const struct sockaddr *address, char *host, socklen_t size)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    char name[IF_NAMESIZE];

    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &in4->sin_addr, host, size) != NULL;
    if (inet_ntop(AF_INET6, &in6->sin6_addr, host, size) == NULL)
        return false;
    size_t len = strlen(host);
    return if_indextoname(in6->sin6_scope_id, name) == NULL ||
           snprintf(host + len, size - len, "%%%s", name) < (int)(size - len);
}

int getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    bool four = address->sa_family == AF_INET;
    socklen_t needed = four ? sizeof(*in4) : sizeof(struct sockaddr_in6);

    if ((!four && address->sa_family != AF_INET6) || len < needed)
        return EAI_FAMILY;
    if ((flags & NI_NAMEREQD) != 0)
        return EAI_NONAME;
    if (host != NULL && host_size > 0 && !host_text(address, host, host_size))
        return EAI_OVERFLOW;
    if (service != NULL && service_size > 0 &&
        snprintf(service, service_size, "%u", ntohs(in4->sin_port)) >= (int)service_size)
        return EAI_OVERFLOW;
    return 0;
}

const char *gai_strerror(int error)
{
    static const char *const texts[] = {
        [0] = "Success",
        [EAI_AGAIN] = "Temporary failure in name resolution",
        [EAI_BADFLAGS] = "Bad flags",
        [EAI_FAIL] = "Failure in name resolution",
        [EAI_FAMILY] = "Address family not supported",
        [EAI_MEMORY] = "Out of memory",
        [EAI_NONAME] = "Name or service not known",
        [EAI_OVERFLOW] = "Buffer too small",
        [EAI_SERVICE] = "Service not known: give its number",
        [EAI_SOCKTYPE] = "Socket type not supported",
        [EAI_SYSTEM] = "System error",
    };

    if (error < 0 || error >= (int)(sizeof(texts) / sizeof(texts[0])))
        return "Unknown error";
    return texts[error];
}
