/* SPDX-License-Identifier: BSD-2-Clause */
/* resolve NAME...: prints `resolved NAME -> ADDRESS` for each address. Needs: net (with dns/), stdout, stderr. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int resolve(const char *name)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char address[NI_MAXHOST];
    int error = getaddrinfo(name, NULL, &hints, &list);
    if (error != 0) {
        fprintf(stderr, "resolve: %s: %s\n", name,
                error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return 1;
    }
    for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
        if (getnameinfo(i->ai_addr, i->ai_addrlen, address, sizeof(address), NULL, 0,
                        NI_NUMERICHOST) == 0)
            printf("resolved %s -> %s\n", name, address);
    }
    freeaddrinfo(list);
    return 0;
}

int main(int argc, char **argv)
{
    int failures = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: resolve NAME...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++)
        failures += resolve(argv[i]);
    return failures != 0;
}
