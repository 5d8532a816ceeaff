/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service without the server library, so that it can lie: the bare rings of a port, and processes that serve one.
 * raw_honest() fills in an answer that is right for any request:
 *
 *     d... a directory (cookie "cookie"), p... a paged file (P... of the greatest size), c... a stream, everything
 *     else a synthetic file
 */
#ifndef TESTS_GUEST_RAWPORT_H
#define TESTS_GUEST_RAWPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pseudofd/proto/port.h"
#include "tests/guest/call.h"

enum { NODE_DIR = 10, NODE_SYNTHETIC = 20, NODE_PAGED = 30, NODE_STREAM = 40 };

struct raw {
    cloudabi_fd_t port;
    struct port_header *header;
    uint32_t req_head, rep_tail, cmd_tail;
    uint64_t forgotten; /* references that FORGET gave back */
    uint64_t named;     /* references that replies gave */
    unsigned channels;  /* handed out so far */
};

static inline struct port_slot *raw_slot(const struct raw *raw, uint32_t i)
{
    return (struct port_slot *)((char *)raw->header + PORT_SLOT_OFFSET) + i;
}

static inline char *raw_payload(const struct raw *raw, uint32_t i)
{
    return (char *)raw->header + PORT_PAYLOAD_OFFSET + (size_t)i * PORT_PAYLOAD;
}

static inline struct port_channel *raw_channel(const struct raw *raw, unsigned n)
{
    return (struct port_channel *)((char *)raw->header + PORT_CONTROL_OFFSET) + n;
}

static inline void sleep_ms(unsigned ms)
{
    cloudabi_subscription_t sub = {
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = ms * 1000000ull}};
    cloudabi_event_t event;
    size_t count;
    cloudabi_sys_poll(&sub, &event, 1, &count);
}

/* Becomes the server; waits for one before that is still ending. */
static inline cloudabi_errno_t raw_map(struct raw *raw, cloudabi_fd_t port)
{
    void *map = NULL;
    memset(raw, 0, sizeof(*raw));
    raw->port = port;
    cloudabi_errno_t error;
    while ((error = cloudabi_sys_mem_map(NULL, PORT_REGION_SIZE,
                                         CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                         CLOUDABI_MAP_SHARED, port, 0, &map)) == CLOUDABI_EBUSY)
        sleep_ms(1);
    raw->header = map;
    return error;
}

/* Delivers, and waits for something. */
static inline cloudabi_errno_t raw_wait(const struct raw *raw)
{
    size_t got;
    return cloudabi_sys_fd_read(raw->port, NULL, 0, &got);
}

static inline cloudabi_errno_t raw_deliver(const struct raw *raw)
{
    size_t got;
    return cloudabi_sys_fd_write(raw->port, NULL, 0, &got);
}

/* The next request's slot, or -1. */
static inline int raw_next(struct raw *raw)
{
    if (raw->req_head == __atomic_load_n(&raw->header->req_tail, __ATOMIC_ACQUIRE))
        return -1;
    int slot = (int)raw->header->req[raw->req_head % PORT_SLOTS];
    __atomic_store_n(&raw->header->req_head, ++raw->req_head, __ATOMIC_RELEASE);
    return slot;
}

static inline void raw_push(struct raw *raw, uint32_t slot)
{
    raw->header->rep[raw->rep_tail % PORT_SLOTS] = slot;
    __atomic_store_n(&raw->header->rep_tail, ++raw->rep_tail, __ATOMIC_RELEASE);
}

static inline struct port_command *raw_command(struct raw *raw, enum port_command_op op)
{
    struct port_command *command =
        (struct port_command *)((char *)raw->header + PORT_COMMAND_OFFSET);
    command += raw->cmd_tail % PORT_COMMANDS;
    memset(command, 0, sizeof(*command));
    command->op = (uint16_t)op;
    command->fd = -1;
    __atomic_store_n(&raw->header->cmd_tail, ++raw->cmd_tail, __ATOMIC_RELEASE);
    return command;
}

/* Sets up the control of channel N with rings of one size. */
static inline void raw_channel_init(struct raw *raw, unsigned n, uint32_t size)
{
    struct port_channel *control = raw_channel(raw, n);
    memset(control, 0, sizeof(*control));
    control->in_size = control->out_size = size;
    control->server_waits = PORT_EVENT_READ;
}

static inline void raw_node(struct raw *raw, struct port_reply *reply, uint64_t node,
                            enum port_form form)
{
    reply->kind = PORT_REPLY_NODE;
    reply->node = node;
    reply->form = (uint8_t)form;
    reply->attr.ino = node;
    reply->attr.type = form == PORT_FORM_DIRECTORY ? CLOUDABI_FILETYPE_DIRECTORY
                       : form == PORT_FORM_PAGED   ? CLOUDABI_FILETYPE_REGULAR_FILE
                       : form == PORT_FORM_STREAM  ? CLOUDABI_FILETYPE_SOCKET_STREAM
                                                   : CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    raw->named++;
}

/* A channel whose client is gone, or a new one. */
static inline unsigned raw_channel_number(struct raw *raw)
{
    for (unsigned n = 0; n < raw->channels; n++)
        if ((raw_channel(raw, n)->client_flags & PORT_CLIENT_CLOSED) != 0)
            return n;
    return raw->channels++;
}

static inline void raw_honest_open(struct raw *raw, uint32_t i, char first,
                                   struct port_reply *reply)
{
    switch (first) {
    case 'd':
        raw_node(raw, reply, NODE_DIR, PORT_FORM_DIRECTORY);
        memcpy(raw_payload(raw, i), "cookie", 6);
        reply->cookie_len = 6;
        return;
    case 'p':
        raw_node(raw, reply, NODE_PAGED, PORT_FORM_PAGED);
        reply->attr.size = 10000;
        return;
    case 'P':
        raw_node(raw, reply, NODE_PAGED + 1, PORT_FORM_PAGED);
        reply->attr.size = INT64_MAX;
        return;
    case 'c':
        raw_node(raw, reply, NODE_STREAM, PORT_FORM_STREAM);
        reply->a = raw_channel_number(raw);
        raw_channel_init(raw, (unsigned)reply->a, 4096);
        return;
    default:
        raw_node(raw, reply, NODE_SYNTHETIC, PORT_FORM_SYNTHETIC);
    }
}

static inline void raw_record(char *to, uint64_t next, const char *name)
{
    cloudabi_dirent_t entry = {.d_next = next,
                               .d_ino = 5,
                               .d_namlen = (uint32_t)strlen(name),
                               .d_type = CLOUDABI_FILETYPE_REGULAR_FILE};
    memcpy(to, &entry, sizeof(entry));
    memcpy(to + sizeof(entry), name, entry.d_namlen);
}

/* The right answer to the request in slot I, not yet pushed. */
static inline struct port_reply *raw_honest(struct raw *raw, uint32_t i)
{
    const struct port_request *request = &raw_slot(raw, i)->request;
    struct port_reply *reply = &raw_slot(raw, i)->reply;
    char first = request->path_len != 0 ? raw_payload(raw, i)[0] : 'd';
    memset(reply, 0, sizeof(*reply));
    reply->tag = request->tag;
    switch (request->op) {
    case PORT_OPEN:
        raw_honest_open(raw, i, first, reply);
        break;
    case PORT_WALK:
    case PORT_REOPEN:
        raw_node(raw, reply, NODE_DIR, PORT_FORM_DIRECTORY);
        break;
    case PORT_STAT:
    case PORT_GETATTR:
        reply->attr.ino = 77;
        reply->attr.type =
            first == 'd' ? CLOUDABI_FILETYPE_DIRECTORY : CLOUDABI_FILETYPE_REGULAR_FILE;
        break;
    case PORT_READDIR:
        raw_record(raw_payload(raw, i), 1, "one");
        reply->len = sizeof(cloudabi_dirent_t) + 3;
        reply->flags = PORT_REPLY_END;
        break;
    case PORT_READ:
        raw_payload(raw, i)[0] = 'x';
        reply->len = request->len != 0;
        break;
    case PORT_WRITE:
        reply->len = request->len;
        break;
    case PORT_READLINK:
        memcpy(raw_payload(raw, i), "target", 6);
        reply->len = 6;
        break;
    case PORT_FORGET:
        raw->forgotten += request->a;
        break;
    default:
        break;
    }
    return reply;
}

/* Serves honestly until the port says no; the errno. */
static inline cloudabi_errno_t raw_serve(struct raw *raw)
{
    for (;;) {
        cloudabi_errno_t error = raw_wait(raw);
        if (error != 0)
            return error;
        __atomic_store_n(&raw->header->flush_pending, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&raw->header->channel_any, 0, __ATOMIC_RELAXED);
        for (int i; (i = raw_next(raw)) >= 0;) {
            raw_honest(raw, (uint32_t)i);
            raw_push(raw, (uint32_t)i);
        }
    }
}

/* A child must not keep its siblings alive. */
static inline void close_processes(void)
{
    for (cloudabi_fd_t fd = 0; fd < 100; fd++) {
        cloudabi_fdstat_t stat;
        if (cloudabi_sys_fd_stat_get(fd, &stat) == 0 &&
            stat.fs_filetype == CLOUDABI_FILETYPE_PROCESS)
            cloudabi_sys_fd_close(fd);
    }
}

/* A child that runs FUNCTION(PORT, ARGUMENT) and then sleeps. Closing the descriptor kills it. */
static inline cloudabi_fd_t start(void (*function)(cloudabi_fd_t port, void *argument),
                                  cloudabi_fd_t port, void *argument)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        abort();
    if (process != CLOUDABI_PROCESS_CHILD)
        return process;
    close_processes();
    function(port, argument);
    for (;;) {
        cloudabi_subscription_t sub = {
            .type = CLOUDABI_EVENTTYPE_CLOCK,
            .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 1000000000}};
        cloudabi_event_t event;
        size_t count;
        cloudabi_sys_poll(&sub, &event, 1, &count);
    }
}

static inline void serve_honestly(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    (void)argument;
    if (raw_map(&raw, port) != 0)
        abort();
    raw_serve(&raw);
}

static inline void close_fd(cloudabi_fd_t fd)
{
    cloudabi_sys_fd_close(fd);
}

static inline cloudabi_errno_t look_at(cloudabi_fd_t dir, const char *path)
{
    cloudabi_filestat_t stat;
    cloudabi_lookup_t at = {.fd = dir, .flags = CLOUDABI_LOOKUP_SYMLINK_FOLLOW};
    return cloudabi_sys_file_stat_get(at, path, strlen(path), &stat);
}

#endif
