/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of hosts: `dns/NAME` of the network directory holds a line "A|AAAA ADDRESS TTL" for each address.
 * Services are numbers, or among the few names of names.c.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libc/net/net.h"

#define ANSWER_MAX 4096

struct wanted {
    int family;
    int type;
    int flags;
    uint16_t port; /* network order */
};

/* One result: the structure, and its address behind it. */
struct found {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

static int add(struct addrinfo ***end, const struct wanted *wanted, int family, const void *bytes)
{
    struct found *found;
    struct sockaddr_in *in4;

    if (wanted->family != AF_UNSPEC && wanted->family != family)
        return 0;
    found = calloc(1, sizeof(*found));
    if (found == NULL)
        return EAI_MEMORY;
    in4 = (struct sockaddr_in *)&found->address;
    found->address.sin6_family = (sa_family_t)family;
    found->address.sin6_port = wanted->port;
    if (family == AF_INET)
        memcpy(&in4->sin_addr, bytes, 4);
    else
        memcpy(&found->address.sin6_addr, bytes, 16);
    found->info = (struct addrinfo){
        .ai_family = family,
        .ai_socktype = wanted->type,
        .ai_protocol = wanted->type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP,
        .ai_addrlen = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
        .ai_addr = (struct sockaddr *)&found->address,
    };
    **end = &found->info;
    *end = &found->info.ai_next;
    return 0;
}

/* 1 if the text is an address, 0 if not, or a negated error. */
static int add_literal(struct addrinfo ***end, const struct wanted *wanted, const char *text)
{
    unsigned char bytes[16];
    int family = inet_pton(AF_INET, text, bytes) == 1    ? AF_INET
                 : inet_pton(AF_INET6, text, bytes) == 1 ? AF_INET6
                                                         : AF_UNSPEC;

    if (family == AF_UNSPEC)
        return 0;
    int error = add(end, wanted, family, bytes);
    return error != 0 ? -error : 1;
}

static int add_unnamed(struct addrinfo ***end, const struct wanted *wanted)
{
    static const unsigned char any[16];
    static const unsigned char loopback4[4] = {127, 0, 0, 1};
    bool passive = (wanted->flags & AI_PASSIVE) != 0;
    int error = add(end, wanted, AF_INET, passive ? any : loopback4);

    if (error == 0)
        error = add(end, wanted, AF_INET6, passive ? any : in6addr_loopback.s6_addr);
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
    if (*service == '\0' || *end != '\0' || port > 65535)
        return EAI_SERVICE;
    wanted->port = htons((uint16_t)port);
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **results)
{
    struct wanted wanted = {.family = AF_UNSPEC, .type = SOCK_STREAM};
    struct addrinfo **end = results;

    *results = NULL;
    if (hints != NULL) {
        wanted.family = hints->ai_family;
        wanted.flags = hints->ai_flags;
        if (hints->ai_socktype != 0)
            wanted.type = hints->ai_socktype;
    }
    if (wanted.family != AF_UNSPEC && wanted.family != AF_INET && wanted.family != AF_INET6)
        return EAI_FAMILY;
    int error = parse_service(service, &wanted);
    if (error == 0 && host == NULL)
        error = service == NULL ? EAI_NONAME : add_unnamed(&end, &wanted);
    else if (error == 0) {
        int literal = add_literal(&end, &wanted, host);
        if (literal < 0)
            error = -literal;
        else if (literal == 0)
            error =
                (wanted.flags & AI_NUMERICHOST) != 0 ? EAI_NONAME : look_up(&end, &wanted, host);
    }
    if (error == 0 && *results == NULL)
        error = EAI_NONAME;
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
        free(list);
        list = next;
    }
}

int getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags)
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    bool four = address->sa_family == AF_INET;

    if ((!four && address->sa_family != AF_INET6) || len < (four ? sizeof(*in4) : sizeof(*in6)))
        return EAI_FAMILY;
    if ((flags & NI_NAMEREQD) != 0)
        return EAI_NONAME;
    const void *bytes = four ? (const void *)&in4->sin_addr : (const void *)&in6->sin6_addr;
    if (host != NULL && host_size > 0 &&
        inet_ntop(address->sa_family, bytes, host, host_size) == NULL)
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
