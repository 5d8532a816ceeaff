/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/window.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "lwip_hooks.h"
#include "services/net/connection.h"

/* Of each direction. */
#define POOL_SIZE (16u * 1024 * 1024)
/* The ring, and a window beyond it that waits in lwIP's buffers. */
#define UNREAD_MOST       (PORT_RING_MAX + TCP_WND)
#define UNSENT_MOST       PORT_RING_MAX
#define LOOK_MILLISECONDS 250
#define SEGMENT           1460u
/* Beyond so many connections pages go back even if they are needed again at once. */
#define CROWD 128

static struct share_pool unread = {.size = POOL_SIZE}, unsent = {.size = POOL_SIZE};
static unsigned count;
static bool looking;

static size_t held(const struct connection *connection)
{
    const struct server *server = &connection->net->server;
    unsigned channel = (unsigned)connection->channel;
    return channel_out_unread(server, channel) + connection->received_bytes;
}

/* --- what is written --------------------------------------------------------------------------- */

static void grant_unsent(struct connection *connection)
{
    size_t limit = share_limit(&unsent, &connection->unsent, UNSENT_MOST);
    share_use(&unsent, &connection->unsent, limit);
    channel_in_limit(&connection->net->server, (unsigned)connection->channel,
                     limit == UNSENT_MOST ? 0 : (uint32_t)limit);
}

void window_drained(struct connection *connection)
{
    if (connection->unsent.used == UNSENT_MOST)
        return;
    share_praise(&connection->unsent);
    grant_unsent(connection);
}

size_t window_of_peer(const struct tcp_pcb *pcb)
{
    size_t window = pcb->snd_wnd;
    if (lwip_port_memory_scarce() && window > pcb->cwnd)
        window = pcb->cwnd;
    if (window == 0)
        return LWIP_MIN(pcb->mss, SEGMENT); /* to ask for a window with */
    return window < 2u * pcb->mss ? window : window + pcb->mss;
}

/* --- what is read ------------------------------------------------------------------------------ */

static size_t unread_limit(struct connection *connection, size_t now)
{
    share_use(&unread, &connection->unread, now);
    if (now == 0 && connection->unread.taken !=
                        channel_out_taken(&connection->net->server, (unsigned)connection->channel))
        share_praise(&connection->unread);
    return share_limit(&unread, &connection->unread,
                       lwip_port_memory_scarce() ? PORT_RING_MAX : UNREAD_MOST);
}

/* Takes back what the peer was told, if it was more: only from those that never read, or if all is full. */
static void shrink(struct tcp_pcb *pcb, uint32_t window)
{
    if (pcb->ooseq != NULL)
        tcp_free_ooseq(pcb); /* it may lie beyond */
    pcb->rcv_wnd = window;
    if ((int32_t)(pcb->rcv_ann_right_edge - pcb->rcv_nxt - window) > 0) {
        pcb->rcv_ann_wnd = window;
        pcb->rcv_ann_right_edge = pcb->rcv_nxt + window;
    }
}

static bool governed(const struct connection *connection)
{
    return connection->pcb != NULL && connection->connected && !connection->closing;
}

/* Sets the window; *MOST is what it would be if nothing were held. */
static uint32_t set_window(struct connection *connection, uint32_t *most)
{
    struct tcp_pcb *pcb = connection->pcb;
    size_t now = held(connection);
    size_t limit = unread_limit(connection, now);
    size_t window = limit > now ? limit - now : 0;
    *most = limit < TCP_WND_MAX(pcb) ? (uint32_t)limit : TCP_WND_MAX(pcb);
    if (window > TCP_WND_MAX(pcb))
        window = TCP_WND_MAX(pcb);
    if (window >= pcb->rcv_wnd)
        pcb->rcv_wnd = (tcpwnd_size_t)window;
    else if (!connection->unread.proven || unread.used > unread.size)
        shrink(pcb, (uint32_t)window);
    return pcb->rcv_wnd;
}

bool window_update(struct connection *connection)
{
    struct tcp_pcb *pcb = connection->pcb;
    uint32_t most;
    if (!governed(connection)) {
        share_use(&unread, &connection->unread, held(connection));
        return false;
    }
    uint32_t window = set_window(connection, &most);
    uint32_t wider = tcp_update_rcv_ann_wnd(pcb);
    if (wider > 0 && wider >= LWIP_MIN(TCP_WND_UPDATE_THRESHOLD, most / 2)) {
        tcp_ack_now(pcb);
        tcp_output(pcb);
    }
    return window < most / 2;
}

err_t window_admit(struct connection *connection, uint32_t sequence)
{
    uint32_t most;
    if (!governed(connection))
        return ERR_OK;
    set_window(connection, &most);
    return lwip_port_memory_scarce() && sequence != connection->pcb->rcv_nxt ? ERR_MEM : ERR_OK;
}

/* --- the round --------------------------------------------------------------------------------- */

static void look_at(struct connection *connection)
{
    struct server *server = &connection->net->server;
    unsigned channel = (unsigned)connection->channel;
    bool read =
        share_look(&connection->unread, channel_out_taken(server, channel), held(connection));
    bool sent = share_look(&connection->unsent, channel_in_taken(server, channel),
                           channel_in_available(server, channel));
    bool moved = read || sent || connection->moved;
    grant_unsent(connection);
    if (window_update(connection))
        channel_want(server, channel, PORT_EVENT_READ | PORT_EVENT_WRITE);
    if (connection->untrimmed && (!moved || count > CROWD)) {
        channel_trim(server, channel);
        connection->untrimmed = false;
    }
    connection->untrimmed |= moved;
    connection->moved = false;
}

static void look(void *unused)
{
    (void)unused;
    looking = count > 0;
    if (!looking)
        return;
    for (unsigned i = 0, seen = 0; i < PORT_CHANNELS && seen < count; i++) {
        struct connection *connection = connection_at(i);
        if (connection == NULL)
            continue;
        seen++;
        if (connection->given)
            look_at(connection);
    }
    sys_timeout(LOOK_MILLISECONDS, look, NULL);
}

void window_start(struct connection *connection)
{
    count++;
    grant_unsent(connection);
    if (!looking)
        sys_timeout(LOOK_MILLISECONDS, look, NULL);
    looking = true;
}

void window_end(struct connection *connection)
{
    count--;
    share_use(&unsent, &connection->unsent, 0);
    share_use(&unread, &connection->unread, 0);
}
