/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP connection: lwIP's pcb on one side, a channel of the port and a directory on the other.
 *
 * lwIP's callbacks only take note of what happened and queue the connection as work; connection_run then
 * acts, outside of lwIP. So no pcb is closed or aborted inside its own callback.
 *
 *   pcb      valid until lwIP says error, or until `connection_detach`: when both sides have sent FIN and
 *            all data is acknowledged, lwIP finishes alone (TIME_WAIT) and says nothing more.
 *   channel  from creation until the client closed it and nothing of its ring is with lwIP.
 *   holders  references of the kernel to the connection's directory and files.
 *
 * Sent data is not copied: lwIP's segments point into the channel's ring, whose head moves on
 * acknowledgement. Received data is copied from lwIP's buffers into the ring; what does not fit stays
 * queued. window.c says how wide TCP's window is.
 */
#ifndef SERVICES_NET_CONNECTION_H
#define SERVICES_NET_CONNECTION_H

#include "lwip/tcp.h"
#include "services/net/endpoint.h"
#include "services/net/net.h"
#include "services/net/node.h"
#include "services/net/share.h"

struct connection {
    struct node node;
    struct net *net;
    struct tcp_pcb *pcb;
    int channel; /* -1: none */
    bool given;  /* a client got the channel */
    bool connected;
    bool remote_eof; /* the peer sends no more */
    bool eof_told;
    bool fin_sent;    /* we send no more */
    bool closing;     /* tcp_close was called */
    bool reset;       /* end now, with RST */
    bool linger_zero; /* closing is a reset */
    bool error_told;
    bool waiting;        /* `ticket` is an open to be answered when connected */
    bool queued;         /* in net->work */
    bool used;           /* bytes went in either direction */
    unsigned offered_by; /* number of the listener whose client was sent it; 0: none */
    uint64_t ticket;
    uint32_t started; /* sys_now */
    cloudabi_errno_t error;
    struct pbuf *received; /* not yet in the ring; linked by next, tot_len is not kept */
    struct pbuf *received_last;
    size_t received_offset; /* into `received`, bytes already in the ring */
    size_t received_bytes;  /* in `received`, without those */
    struct share unread, unsent;
    bool moved, untrimmed; /* window.c: bytes went through the rings since the last look, trim */
    size_t in_flight;      /* bytes of the ring that lwIP holds */
    struct listener *listener; /* accepted and not yet handed over */
    struct connection *next_accepted;
    struct connection *next_work;
    struct endpoint local, peer;
};

/* The connection whose bytes go over the channel, or NULL. */
struct connection *connection_at(unsigned channel);

/* Starts a connection to the one endpoint of the set. */
cloudabi_errno_t connection_start(struct net *net, const struct net_set *set,
                                  struct connection **connection);
/* Takes over an accepted pcb; NULL: no memory. */
struct connection *connection_accepted(struct net *net, struct tcp_pcb *pcb);

/* Opens the data stream, once (EBUSY). With `wait` the answer comes when the connection is settled. */
cloudabi_errno_t connection_open_data(struct connection *connection, struct call *call, bool wait);

/* References of the kernel. */
void connection_hold(struct connection *connection);
void connection_release(struct connection *connection, uint64_t count);

/* Something happened: look at it in this round of the loop. */
void connection_queue(struct connection *connection);
void connection_run(struct net *net);

/* Requests of the port. */
void connection_channel_event(struct server *server, unsigned channel);
void connection_flush(struct server *server, uint64_t ticket);

/* The files of the connection's directory. */
size_t connection_status(const struct connection *connection, char *text, size_t size);
cloudabi_errno_t connection_control(struct connection *connection, const char *text, size_t size);

/* stream.c */
void stream_attach(struct connection *connection);
/* Before lwIP takes a segment with data (lwip_port_admission). */
err_t stream_admit(struct tcp_pcb *pcb, uint32_t sequence);
void stream_push(struct connection *connection);
void stream_pump(struct connection *connection);
void stream_discard(struct connection *connection);
/* Everything that the client wrote is with lwIP. */
bool stream_all_pushed(const struct connection *connection);
/* Lets go of the pcb; lwIP finishes it. */
void connection_detach(struct connection *connection);

#endif
