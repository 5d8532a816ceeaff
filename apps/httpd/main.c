/* SPDX-License-Identifier: BSD-2-Clause */
/* Grants, accepting, and the loop. README.md beside this lists the grants. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "apps/httpd/httpd.h"

#define CLIENTS_MAX 256
/* Milliseconds between looks at who has been silent too long. */
#define LOOK_INTERVAL 1000
/* New connections taken in one round. */
#define ACCEPT_BUDGET 16

static struct {
    int listener, root;
    struct client *clients[CLIENTS_MAX];
    struct pollfd entries[CLIENTS_MAX + 1]; /* the listener is the last */
    size_t count;
} server;

static void tell(const char *text)
{
    char line[128];
    int log = grant_fd("log");
    int length = snprintf(line, sizeof(line), "httpd: %s\n", text);
    if (log >= 0 && length > 0)
        (void)!write(log, line, (size_t)length);
}

static void drop(size_t index)
{
    client_destroy(server.clients[index]);
    server.clients[index] = server.clients[--server.count];
}

/* False: the listener is gone. */
static bool take_connections(void)
{
    struct pollfd entry = {.fd = server.listener, .events = POLLIN};
    for (int i = 0; i < ACCEPT_BUDGET && server.count < CLIENTS_MAX; i++) {
        int fd = accept(server.listener, NULL, NULL);
        if (fd < 0)
            return errno != EBADF && errno != EPIPE && errno != ECONNABORTED;
        struct client *client = client_create(fd);
        if (client != NULL) {
            server.clients[server.count++] = client;
            if (!client_run(client, server.root))
                drop(server.count - 1);
        }
        if (poll(&entry, 1, 0) <= 0 || entry.revents != POLLIN)
            return true;
    }
    return true;
}

static size_t subscribe(int *timeout)
{
    *timeout = LOOK_INTERVAL;
    for (size_t i = 0; i < server.count; i++) {
        if (server.clients[i]->more)
            *timeout = 0;
        server.entries[i] = (struct pollfd){.fd = server.clients[i]->fd,
                                            .events = client_waits_for(server.clients[i])};
    }
    size_t count = server.count;
    if (count < CLIENTS_MAX)
        server.entries[count++] = (struct pollfd){.fd = server.listener, .events = POLLIN};
    return count;
}

/* From the last to the first, for the last takes the place of one that goes. */
static void run_clients(size_t count)
{
    static uint64_t looked;
    uint64_t now = now_milliseconds();
    bool look = now - looked >= LOOK_INTERVAL;
    if (look)
        looked = now;
    for (size_t i = count; i-- > 0;) {
        bool ready = server.entries[i].revents != 0 || server.clients[i]->more;
        if ((ready && !client_run(server.clients[i], server.root)) ||
            (look && now > server.clients[i]->deadline))
            drop(i);
    }
}

int main(void)
{
    server.listener = grant_fd("listener");
    server.root = grant_fd("root");
    if (server.listener < 0 || server.root < 0) {
        tell("it needs the grants `listener` and `root`");
        return 1;
    }
    for (;;) {
        int timeout;
        size_t count = subscribe(&timeout), clients = server.count;
        if (poll(server.entries, count, timeout) < 0) {
            tell(strerror(errno));
            return 1;
        }
        bool new = count > clients &&server.entries[clients].revents != 0;
        run_clients(clients);
        if (new && !take_connections()) {
            tell("the listener is gone");
            return 1;
        }
    }
}
