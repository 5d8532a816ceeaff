/* SPDX-License-Identifier: BSD-2-Clause */
/* Grants, start-up, and the loop. README.md beside this lists the grants. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tessera/grants.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "drivers/pci/pci_fd.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"
#include "services/net/datagram.h"
#include "services/net/echo.h"
#include "services/net/hold.h"
#include "services/net/listener.h"
#include "services/net/net.h"
#include "services/net/resolver.h"
#include "services/net/tree.h"
#include "services/net/unreachable.h"

#define LINE_MAX_BYTES              256
#define SUBSCRIPTIONS_MAX           256
#define NANOSECONDS_PER_MILLISECOND 1000000
/* The wait delivers; a long row of rounds without one does so too. */
#define DELIVER_ROUNDS 4
/* How often the link is looked at. */
#define LINK_INTERVAL 2000
#define LOOPBACK_MTU  65535

static struct net net;
static struct pci_fd pci;
static cloudabi_subscription_t subscriptions[SUBSCRIPTIONS_MAX];
static cloudabi_event_t events[SUBSCRIPTIONS_MAX];

/* What a subscription is for: kept in its userdata's low bits, the object above. */
enum source {
    SOURCE_PORT,
    SOURCE_IRQ,
    SOURCE_CLOCK,
    SOURCE_LISTENER,
    SOURCE_DATAGRAM,
    SOURCE_ECHO
};
#define SOURCE_MASK 7

void net_log(struct net *self, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0 || self->log < 0)
        return;
    if ((size_t)length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length++] = '\n';
    (void)write(self->log, line, (size_t)length);
}

void net_give(struct net *self, struct call *call, int fd)
{
    if (self->closing_count == PORT_SLOTS)
        net_deliver(self);
    call_fd(call, fd);
    self->closing[self->closing_count++] = fd;
}

static void close_given(struct net *self)
{
    for (unsigned i = 0; i < self->closing_count; i++)
        cloudabi_sys_fd_close((cloudabi_fd_t)self->closing[i]);
    self->closing_count = 0;
}

void net_deliver(struct net *self)
{
    server_flush(&self->server);
    close_given(self);
}

static void open_card(int directory)
{
    struct pci_function function;
    net.card.net = &net;
    if (directory < 0) {
        net_log(&net, "net: no grant 'pci': there will be no network card");
        return;
    }
    int error = pci_fd_find(directory, card_matches, CARD_MATCHES, &pci);
    if (error != 0) {
        net_log(&net, "net: no network card that there is a driver for (%s)", strerror(error));
        return;
    }
    pci_fd_function(&pci, &function);
    error = card_open(&net.card, &function, net.config.settings.hostname);
    if (error != 0) {
        net_log(&net, "net: the network card does not come up (%s)", strerror(error));
        return;
    }
    config_start(&net);
}

static void subscribe_fd(size_t *count, cloudabi_eventtype_t type, cloudabi_fd_t fd,
                         enum source source, void *object)
{
    if (*count == SUBSCRIPTIONS_MAX)
        return;
    subscriptions[(*count)++] = (cloudabi_subscription_t){
        .userdata = (uintptr_t)object | source,
        .type = type,
        .fd_readwrite = {.fd = fd, .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL},
    };
}

static size_t subscribe(void)
{
    size_t count = 0;
    uint32_t sleep = sys_timeouts_sleeptime();
    if (sleep != SYS_TIMEOUTS_SLEEPTIME_INFINITE)
        subscriptions[count++] = (cloudabi_subscription_t){
            .userdata = SOURCE_CLOCK,
            .type = CLOUDABI_EVENTTYPE_CLOCK,
            .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC,
                      .timeout = (uint64_t)sleep * NANOSECONDS_PER_MILLISECOND},
        };
    subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_READ, (cloudabi_fd_t)net.server.port, SOURCE_PORT,
                 NULL);
    if (net.card.present && !net.card.failed)
        subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_READ, (cloudabi_fd_t)net.card.irq, SOURCE_IRQ,
                     NULL);
    for (struct listener *l = net.listeners; l != NULL; l = l->next) {
        subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_READ, l->fd, SOURCE_LISTENER, l);
        if (l->blocked)
            subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_WRITE, l->fd, SOURCE_PORT, NULL);
    }
    for (struct datagram *d = net.datagrams; d != NULL; d = d->next)
        subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_READ, d->fd, SOURCE_DATAGRAM, d);
    for (struct echo *e = net.echoes; e != NULL; e = e->next)
        subscribe_fd(&count, CLOUDABI_EVENTTYPE_FD_READ, e->fd, SOURCE_ECHO, e);
    return count;
}

static void handle(const cloudabi_event_t *event)
{
    void *object = (void *)(uintptr_t)(event->userdata & ~(uint64_t)SOURCE_MASK);
    bool hangup =
        event->error != 0 || (event->fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;
    switch (event->userdata & SOURCE_MASK) {
    case SOURCE_IRQ:
        card_acknowledge(&net.card);
        break;
    case SOURCE_LISTENER:
        listener_event(object, hangup);
        break;
    case SOURCE_DATAGRAM:
        datagram_event(object, hangup);
        break;
    case SOURCE_ECHO:
        echo_event(object, hangup);
        break;
    default:
        break;
    }
}

/* True if something was sent to this machine itself in this round. */
static bool looped(void)
{
    struct netif *netif;
    NETIF_FOREACH(netif)
    {
        if (netif->loop_first != NULL)
            return true;
    }
    return false;
}

/* One round without waiting. True: there is more to do. */
static bool work(void)
{
    bool more = card_poll(&net.card);
    sys_check_timeouts();
    card_trust_loop(&net.card);
    netif_poll_all();
    server_step(&net.server);
    hold_run(&net);
    listener_run(&net);
    connection_run(&net);
    resolver_run(&net);
    return card_settle(&net.card) || more || net.work != NULL || looped();
}

/* Waits for the port (which delivers), the card, the clock and the clients' sockets. */
static void wait_for_events(void)
{
    size_t got = 0;
    size_t count = subscribe();
    net.server.dirty = false;
    cloudabi_errno_t error = cloudabi_sys_poll(subscriptions, events, count, &got);
    close_given(&net);
    if (error != 0)
        return;
    for (size_t i = 0; i < got; i++)
        handle(&events[i]);
}

/* Over loopback a segment is as long as a pbuf can be described; TCP_MSS is less. */
static void widen_loopback(void)
{
    struct netif *loop = netif_find("lo0");
    if (loop == NULL)
        return;
    loop->mtu = LOOPBACK_MTU;
#if LWIP_ND6_ALLOW_RA_UPDATES
    loop->mtu6 = LOOPBACK_MTU;
#endif
}

static void complain(const char *text)
{
    net_log(&net, "net: %s", text);
}

static void check_link(void *unused)
{
    (void)unused;
    card_check_link(&net.card);
    config_watch(&net);
    sys_timeout(LINK_INTERVAL, check_link, NULL);
}

static bool read_settings(void)
{
    char wrong[SETTINGS_ERROR];
    size_t length = 0;
    const void *arguments = program_argbytes(&length);
    if (settings_read(argdata_from(arguments, length), &net.config.settings, wrong))
        return true;
    net_log(&net, "net: %s", wrong);
    return false;
}

int main(void)
{
    net.log = grant_fd("log");
    int port = grant_fd("port");
    if (port < 0) {
        net_log(&net, "net: no grant 'port': nothing to serve");
        return 1;
    }
    if (!read_settings())
        return 1;
    cloudabi_errno_t error = server_init(&net.server, port, &tree_ops, &net, true);
    if (error != 0) {
        net_log(&net, "net: the port cannot be mapped (error %u)", (unsigned)error);
        return 1;
    }
    lwip_port_complaints(complain);
    lwip_port_admission(stream_admit);
    lwip_init();
    widen_loopback();
    unreachable_start();
    open_card(grant_fd("pci"));
    if (net.card.present)
        check_link(NULL);
    timekeeper_start(&net, grant_fd("clock"));
    for (;;) {
        for (unsigned rounds = 1; work(); rounds++) {
            if (rounds % DELIVER_ROUNDS == 0)
                net_deliver(&net);
        }
        if (net.card.failed) {
            /* The next instance starts with a card that was reset. */
            net_log(&net, "net: the network card broke its protocol");
            return 1;
        }
        wait_for_events();
    }
}
