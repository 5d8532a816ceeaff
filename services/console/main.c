/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console: a serial port as `terminal`, with line editing.
 *
 * One thread, one loop: poll {port, serial}, then move bytes. The serial port is read only while
 * there is room for what it brings, and channels are emptied only as far as the serial port
 * takes, so nothing is ever dropped.
 */
#include <string.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "pseudofd/server/server.h"
#include "services/common/line.h"
#include "services/common/log.h"

#define TERMINALS   8u
#define RING        4096u
#define PENDING_MAX 16384u

struct console {
    struct server server;
    struct line line;
    int serial;
    int channels[TERMINALS]; /* in the order of opening */
    size_t count;
    char pending[PENDING_MAX]; /* lines for the reader that do not fit its ring yet */
    size_t pending_len;
};

static struct console console;

/* --- the serial port ---------------------------------------------------------------------- */

static void serial_write(void *context, const char *bytes, size_t len)
{
    (void)context;
    while (len != 0) {
        const cloudabi_ciovec_t piece = {bytes, len};
        size_t done = 0;
        if (cloudabi_sys_fd_write((cloudabi_fd_t)console.serial, &piece, 1, &done) != 0)
            return;
        bytes += done;
        len -= done;
    }
}

/* --- terminals ---------------------------------------------------------------------------- */

static void flush_pending(void)
{
    if (console.count == 0 || console.pending_len == 0)
        return;
    size_t done = channel_write(&console.server, (unsigned)console.channels[console.count - 1],
                                console.pending, console.pending_len);
    memmove(console.pending, console.pending + done, console.pending_len - done);
    console.pending_len -= done;
    channel_want(&console.server, (unsigned)console.channels[console.count - 1],
                 console.pending_len != 0 ? PORT_EVENT_READ | PORT_EVENT_WRITE : PORT_EVENT_READ);
}

static void deliver(void *context, const char *bytes, size_t len)
{
    (void)context;
    if (console.pending_len + len > PENDING_MAX)
        return; /* serial_ready() leaves room for what one reading can bring */
    memcpy(console.pending + console.pending_len, bytes, len);
    console.pending_len += len;
}

static const struct line_ops line_ops = {serial_write, deliver};

static void show_output(unsigned n)
{
    size_t len;
    const uint8_t *bytes;
    while ((bytes = channel_in_peek(&console.server, n, &len)) != NULL) {
        line_output(&console.line, (const char *)bytes, len);
        channel_in_consume(&console.server, n, len);
    }
}

static void drop_terminal(unsigned n)
{
    for (size_t i = 0; i < console.count; i++) {
        if ((unsigned)console.channels[i] != n)
            continue;
        memmove(&console.channels[i], &console.channels[i + 1],
                (console.count - i - 1) * sizeof(console.channels[0]));
        console.count--;
    }
    channel_release(&console.server, n);
}

static void terminal_event(struct server *server, unsigned n)
{
    bool closed =
        channel_closed(server, n); /* asked first: then nothing can follow what is shown */
    show_output(n);
    if (closed)
        drop_terminal(n);
    flush_pending();
}

/* --- requests ----------------------------------------------------------------------------- */

#define NODE_TERMINAL 2ull

static bool is_terminal(const struct call *call)
{
    return call->request.node == PORT_ROOT_NODE && call->path_len == strlen("terminal") &&
           memcmp(call->path, "terminal", call->path_len) == 0;
}

static cloudabi_errno_t open_terminal(struct server *server, struct call *call)
{
    if (console.count == TERMINALS)
        return CLOUDABI_EBUSY;
    int n = channel_open(server, RING, RING);
    if (n < 0)
        return CLOUDABI_EBUSY;
    console.channels[console.count++] = n;
    channel_want(server, (unsigned)n, PORT_EVENT_READ);
    call_stream(call, NODE_TERMINAL, (unsigned)n);
    call->reply.attr.type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    flush_pending();
    return 0;
}

static cloudabi_errno_t console_open(struct server *server, struct call *call)
{
    if (call->path_len == 0) {
        call_node(call, PORT_ROOT_NODE, PORT_FORM_DIRECTORY, NULL);
        return 0;
    }
    return is_terminal(call) ? open_terminal(server, call) : CLOUDABI_ENOENT;
}

static void attributes(struct call *call, uint64_t node)
{
    const struct port_attr attr = {.ino = node,
                                   .nlink = 1,
                                   .type = node == PORT_ROOT_NODE
                                               ? CLOUDABI_FILETYPE_DIRECTORY
                                               : CLOUDABI_FILETYPE_CHARACTER_DEVICE};
    call_attr(call, 0, &attr);
}

static cloudabi_errno_t console_stat(struct server *server, struct call *call)
{
    (void)server;
    if (call->path_len != 0 && !is_terminal(call))
        return CLOUDABI_ENOENT;
    attributes(call, call->path_len == 0 ? PORT_ROOT_NODE : NODE_TERMINAL);
    return 0;
}

static cloudabi_errno_t console_get_attr(struct server *server, struct call *call)
{
    (void)server;
    attributes(call, call->request.node);
    return 0;
}

static cloudabi_errno_t console_readdir(struct server *server, struct call *call)
{
    static const struct {
        const char *name;
        uint64_t node;
        cloudabi_filetype_t type;
    } entries[] = {{".", PORT_ROOT_NODE, CLOUDABI_FILETYPE_DIRECTORY},
                   {"..", PORT_ROOT_NODE, CLOUDABI_FILETYPE_DIRECTORY},
                   {"terminal", NODE_TERMINAL, CLOUDABI_FILETYPE_CHARACTER_DEVICE}};
    (void)server;
    for (uint64_t i = call->request.a; i < 3; i++) {
        if (!call_dirent(call, entries[i].name, strlen(entries[i].name), entries[i].node,
                         entries[i].type, i + 1))
            return 0;
    }
    call_dir_end(call);
    return 0;
}

static const struct server_ops console_ops = {
    .open = console_open,
    .stat = console_stat,
    .get_attr = console_get_attr,
    .readdir = console_readdir,
    .channel = terminal_event,
};

/* --- the loop ----------------------------------------------------------------------------- */

static cloudabi_errno_t serial_ready(void)
{
    char bytes[256];
    const cloudabi_iovec_t piece = {bytes, sizeof(bytes)};
    size_t got = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_read((cloudabi_fd_t)console.serial, &piece, 1, &got);
    if (error != 0)
        return error == CLOUDABI_EAGAIN ? 0 : error;
    line_input(&console.line, bytes, got);
    flush_pending();
    return 0;
}

/* One reading can complete at most what is being edited and what it brings itself. */
static bool has_room(void)
{
    return console.pending_len + 2 * LINE_SIZE <= PENDING_MAX;
}

static cloudabi_errno_t step(void)
{
    cloudabi_subscription_t in[2];
    cloudabi_event_t out[2];
    size_t events = 0;
    memset(in, 0, sizeof(in));
    in[0].type = in[1].type = CLOUDABI_EVENTTYPE_FD_READ;
    in[0].fd_readwrite.fd = (cloudabi_fd_t)console.server.port;
    in[1].fd_readwrite.fd = (cloudabi_fd_t)console.serial;
    in[1].userdata = 1;
    console.server.dirty = false;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, has_room() ? 2 : 1, &events);
    if (error != 0)
        return error;
    bool serial = false;
    for (size_t i = 0; i < events; i++) {
        if (out[i].error != 0)
            return out[i].error;
        serial = serial || out[i].userdata == 1;
    }
    server_step(&console.server);
    return serial ? serial_ready() : 0;
}

int main(void)
{
    log_open("console", grant_fd("log"));
    console.serial = grant_fd("serial");
    line_init(&console.line, &line_ops, NULL);
    cloudabi_errno_t error =
        server_init(&console.server, grant_fd("port"), &console_ops, NULL, true);
    while (error == 0)
        error = step();
    log_line("serving ended: errno %u", error);
    return 1;
}
