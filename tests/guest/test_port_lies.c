/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every lie that a service can tell.  Each is told once by a child that is honest otherwise; the client gets an
 * errno, never more, and a new instance then serves the same port while the liar is still there.
 */
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

enum client {
    OPEN,
    STAT,
    UNLINK,
    RENAME,
    READLINK,
    WALK,
    FSTAT,
    READDIR,
    READ,
    WRITE,
    STREAM_READ,
    STREAM_WRITE
};

struct lie {
    const char *name;
    enum client client; /* what the client does */
    enum port_op op;    /* the request that is answered with the lie */
    void (*tell)(struct raw *raw, uint32_t i, struct port_reply *reply);
    cloudabi_errno_t error; /* what the client gets */
    bool survives;          /* the service goes on serving */
};

/* --- lies about the request --------------------------------------------------------------------------------- */

static void tell_generation(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->tag += 1ull << 32;
    raw_push(raw, i);
}

static void tell_tag(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->tag ^= 1;
    raw_push(raw, i);
}

static void tell_slot(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw_push(raw, PORT_SLOTS);
}

static void tell_big_slot(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw_push(raw, UINT32_MAX);
}

static void tell_twice(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    raw_push(raw, i);
    raw_push(raw, i);
}

static void tell_free_slot(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    raw_slot(raw, i ^ 1)->reply = *reply;
    raw_push(raw, i ^ 1);
}

static void tell_errno(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->error = 0x1234;
    raw_push(raw, i);
}

static void tell_kind(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->kind = PORT_REPLY_KINDS;
    raw_push(raw, i);
}

static void tell_form(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->form = PORT_FORMS;
    raw_push(raw, i);
}

static void tell_length(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->len = PORT_PAYLOAD + 1;
    raw_push(raw, i);
}

static void tell_more_than_asked(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->len = raw_slot(raw, i)->request.len + 1;
    raw_push(raw, i);
}

static void tell_cookie(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->cookie_len = PORT_COOKIE_MAX + 1;
    raw_push(raw, i);
}

static void tell_size(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->attr.size = 1ull << 63;
    raw_push(raw, i);
}

static void tell_done(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->kind = PORT_REPLY_DONE;
    raw_push(raw, i);
}

static void tell_node(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    raw_node(raw, reply, 99, PORT_FORM_SYNTHETIC);
    raw_push(raw, i);
}

static void tell_not_dir(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->form = PORT_FORM_PAGED;
    raw_push(raw, i);
}

/* --- descriptors ---------------------------------------------------------------------------------------------- */

static void tell_fd(struct raw *raw, uint32_t i, struct port_reply *reply, uint8_t kind, int32_t fd,
                    uint16_t consumed)
{
    reply->kind = kind;
    reply->fd[0] = fd;
    reply->consumed = consumed;
    raw_push(raw, i);
}

static void tell_bad_fd(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_FD, 4000, 0);
}

static void tell_negative_fd(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_FD, -1, 0);
}

static void tell_port_fd(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_FD, (int32_t)raw->port, 0);
}

static void tell_bad_cross(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_CROSS, 4000, 1);
}

static void tell_cross_nothing(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_CROSS, 0, 0);
}

static void tell_cross_beyond(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_CROSS, 0, 50);
}

static void tell_cross_no_dir(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_fd(raw, i, reply, PORT_REPLY_CROSS, (int32_t)raw->port, 1);
}

/* --- links ------------------------------------------------------------------------------------------------------ */

static void tell_link(struct raw *raw, uint32_t i, struct port_reply *reply, uint16_t consumed,
                      const char *target, size_t len)
{
    memcpy(raw_payload(raw, i), target, len);
    reply->kind = PORT_REPLY_LINK;
    reply->consumed = consumed;
    reply->len = (uint32_t)len;
    raw_push(raw, i);
}

static void tell_link_beyond(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 60, "x", 1);
}

static void tell_link_nothing(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 0, "x", 1);
}

static void tell_link_middle(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 2, "x", 1);
}

static void tell_link_absolute(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 1, "/x", 2);
}

static void tell_link_empty(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 1, "", 0);
}

static void tell_link_up(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 1, "../../x", 7);
}

static void tell_link_nul(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    tell_link(raw, i, reply, 1, "x\0y", 3);
}

static void tell_link_long(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    static char target[PORT_PAYLOAD];
    memset(target, 'x', sizeof(target));
    tell_link(raw, i, reply, 1, target, PORT_PATH_MAX);
}

static void tell_link_longest(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    static char target[PORT_PAYLOAD];
    memset(target, 'x', sizeof(target));
    tell_link(raw, i, reply, 1, target, sizeof(target));
}

/* --- listings ----------------------------------------------------------------------------------------------------- */

static void tell_record_name(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    uint32_t len = UINT32_MAX;
    memcpy(raw_payload(raw, i) + offsetof(cloudabi_dirent_t, d_namlen), &len, sizeof(len));
    reply->flags = 0;
    raw_push(raw, i);
}

static void tell_record_cut(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->len = sizeof(cloudabi_dirent_t) - 1;
    reply->flags = 0;
    raw_push(raw, i);
}

static void tell_record_cut_at_end(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->len--;
    raw_push(raw, i);
}

/* --- rings ------------------------------------------------------------------------------------ */

static void tell_reply_tail(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw->header->rep_tail = raw->rep_tail + PORT_SLOTS + 1;
}

static void tell_reply_tail_back(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw->header->rep_tail = raw->rep_tail - 1;
}

static void tell_command_tail(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw->header->cmd_tail = 0x80000000u;
}

static void tell_command(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw_command(raw, PORT_CMD_OPS);
}

static void tell_no_command(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw_command(raw, PORT_CMD_NONE);
}

static void tell_abort(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)i, (void)reply;
    raw_command(raw, PORT_CMD_ABORT)->b = 0x10000000000ull;
}

/* Commands about what is not there are idle talk, not lies. */
static void tell_idle_talk(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    for (enum port_command_op op = PORT_CMD_READY; op <= PORT_CMD_REVOKE; op++) {
        struct port_command *command = raw_command(raw, op);
        command->node = 0x123456789abcull;
        command->a = op == PORT_CMD_KICK ? UINT64_MAX : 1ull << 63;
        command->b = op == PORT_CMD_ABORT ? CLOUDABI_EIO : UINT64_MAX;
    }
    raw_command(raw, PORT_CMD_RELEASE)->a = 1ull << 32;
    raw_command(raw, PORT_CMD_RELEASE)->a = PORT_CHANNELS;
    raw_command(raw, PORT_CMD_KICK)->a = PORT_CHANNELS - 1;
    raw_push(raw, i);
}

static void tell_indexes(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    struct port_header *header = raw->header;
    header->req_tail = 77; /* the kernel's own: it never reads them back */
    header->rep_head = header->cmd_head = 0xffffffffu;
    header->magic = 0;
    memset(header->req, 0xff, sizeof(header->req));
    raw_push(raw, i);
}

/* --- channels --------------------------------------------------------------------------------- */

static void tell_channel_number(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->a = PORT_CHANNELS;
    raw_push(raw, i);
}

static void tell_channel_wide(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    reply->a |= 1ull << 32;
    raw_push(raw, i);
}

static void tell_size_of(struct raw *raw, uint32_t i, uint32_t in, uint32_t out)
{
    raw_channel(raw, 0)->in_size = in;
    raw_channel(raw, 0)->out_size = out;
    raw_push(raw, i);
}

static void tell_ring_zero(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    tell_size_of(raw, i, 0, 4096);
}

static void tell_ring_odd(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    tell_size_of(raw, i, 4096, 12288);
}

static void tell_ring_big(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    tell_size_of(raw, i, 4096, 2 * PORT_RING_MAX);
}

static void tell_out_index(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    raw_channel(raw, 0)->out_tail = 4097;
    raw_push(raw, i);
}

static void tell_in_index(struct raw *raw, uint32_t i, struct port_reply *reply)
{
    (void)reply;
    raw_channel(raw, 0)->in_head = 1;
    raw_push(raw, i);
}

#define EIO_ CLOUDABI_EIO

static const struct lie lies[] = {
    {"generation of the tag", OPEN, PORT_OPEN, tell_generation, EIO_, false},
    {"slot of the tag", STAT, PORT_STAT, tell_tag, EIO_, false},
    {"slot number", OPEN, PORT_OPEN, tell_slot, EIO_, false},
    {"great slot number", READ, PORT_READ, tell_big_slot, EIO_, false},
    {"reply twice", STAT, PORT_STAT, tell_twice, 0, false},
    {"reply to a free slot", STAT, PORT_STAT, tell_free_slot, EIO_, false},
    {"errno", OPEN, PORT_OPEN, tell_errno, EIO_, false},
    {"kind", OPEN, PORT_OPEN, tell_kind, EIO_, false},
    {"form", OPEN, PORT_OPEN, tell_form, EIO_, false},
    {"length beyond the payload", READ, PORT_READ, tell_length, EIO_, false},
    {"length of a listing", READDIR, PORT_READDIR, tell_length, EIO_, false},
    {"length of a target", READLINK, PORT_READLINK, tell_length, EIO_, false},
    {"more bytes than asked for", READ, PORT_READ, tell_more_than_asked, EIO_, true},
    {"more bytes than given", WRITE, PORT_WRITE, tell_more_than_asked, EIO_, true},
    {"cookie too long", OPEN, PORT_OPEN, tell_cookie, EIO_, false},
    {"negative size", STAT, PORT_STAT, tell_size, EIO_, false},
    {"opened without saying what", OPEN, PORT_OPEN, tell_done, EIO_, true},
    {"walked without saying where", WALK, PORT_WALK, tell_done, EIO_, true},
    {"a node for a stat", STAT, PORT_STAT, tell_node, EIO_, true},
    {"a node for an unlink", UNLINK, PORT_UNLINK, tell_node, EIO_, true},
    {"walked to a file", WALK, PORT_WALK, tell_not_dir, CLOUDABI_ENOTDIR, true},
    {"a descriptor that is not there", OPEN, PORT_OPEN, tell_bad_fd, EIO_, false},
    {"a negative descriptor", OPEN, PORT_OPEN, tell_negative_fd, EIO_, false},
    {"a descriptor for a stat", STAT, PORT_STAT, tell_port_fd, EIO_, true},
    {"a descriptor for a read", READ, PORT_READ, tell_port_fd, EIO_, false},
    {"a descriptor for a listing", READDIR, PORT_READDIR, tell_port_fd, EIO_, false},
    {"mounted: no such descriptor", OPEN, PORT_OPEN, tell_bad_cross, EIO_, false},
    {"mounted: nothing consumed", OPEN, PORT_OPEN, tell_cross_nothing, EIO_, false},
    {"mounted: beyond the path", OPEN, PORT_OPEN, tell_cross_beyond, EIO_, false},
    {"mounted: not a directory", OPEN, PORT_OPEN, tell_cross_no_dir, CLOUDABI_ENOTDIR, true},
    {"mounted: while reading", READ, PORT_READ, tell_bad_cross, EIO_, false},
    {"link: beyond the path", OPEN, PORT_OPEN, tell_link_beyond, EIO_, false},
    {"link: nothing consumed", UNLINK, PORT_UNLINK, tell_link_nothing, EIO_, false},
    {"link: in the middle of a name", STAT, PORT_STAT, tell_link_middle, EIO_, false},
    {"link: while reading", READ, PORT_READ, tell_link_beyond, EIO_, false},
    {"link: absolute", OPEN, PORT_OPEN, tell_link_absolute, CLOUDABI_ENOTCAPABLE, true},
    {"link: empty", OPEN, PORT_OPEN, tell_link_empty, CLOUDABI_ENOENT, true},
    {"link: out of the directory", OPEN, PORT_OPEN, tell_link_up, CLOUDABI_ENOTCAPABLE, true},
    {"link: out of the directory, renaming", RENAME, PORT_RENAME, tell_link_up,
     CLOUDABI_ENOTCAPABLE, true},
    {"link: NUL", STAT, PORT_STAT, tell_link_nul, CLOUDABI_EINVAL, true},
    {"link: as long as a path", OPEN, PORT_OPEN, tell_link_long, CLOUDABI_ENAMETOOLONG, true},
    {"link: as long as the payload", OPEN, PORT_OPEN, tell_link_longest, CLOUDABI_ENAMETOOLONG,
     true},
    {"listing: length of a name", READDIR, PORT_READDIR, tell_record_name, EIO_, true},
    {"listing: half a record", READDIR, PORT_READDIR, tell_record_cut, EIO_, true},
    {"listing: half a name at the end", READDIR, PORT_READDIR, tell_record_cut_at_end, EIO_, true},
    {"reply ring too far", STAT, PORT_STAT, tell_reply_tail, EIO_, false},
    {"reply ring backwards", STAT, PORT_STAT, tell_reply_tail_back, EIO_, false},
    {"command ring too far", STAT, PORT_STAT, tell_command_tail, EIO_, false},
    {"command beyond the last", STAT, PORT_STAT, tell_command, EIO_, false},
    {"command zero", STAT, PORT_STAT, tell_no_command, EIO_, false},
    {"abort with no errno", STAT, PORT_STAT, tell_abort, EIO_, false},
    {"commands about nothing", STAT, PORT_STAT, tell_idle_talk, 0, true},
    {"the kernel's own indexes", STAT, PORT_STAT, tell_indexes, 0, true},
    {"channel number", STREAM_READ, PORT_OPEN, tell_channel_number, EIO_, false},
    {"channel number of 33 bits", STREAM_READ, PORT_OPEN, tell_channel_wide, EIO_, false},
    {"ring of nothing", STREAM_READ, PORT_OPEN, tell_ring_zero, EIO_, false},
    {"ring that is no power of two", STREAM_READ, PORT_OPEN, tell_ring_odd, EIO_, false},
    {"ring too big", STREAM_READ, PORT_OPEN, tell_ring_big, EIO_, false},
    {"channel: more than the ring holds", STREAM_READ, PORT_OPEN, tell_out_index, EIO_, false},
    {"channel: taken before it came", STREAM_WRITE, PORT_OPEN, tell_in_index, EIO_, false},
};

/* The child: honest up to the request that LIE is about. */
static void serve_lying(cloudabi_fd_t port, void *argument)
{
    const struct lie *lie = argument;
    bool told = false;
    struct raw raw;
    if (raw_map(&raw, port) != 0)
        abort();
    while (raw_wait(&raw) == 0) {
        for (int i; (i = raw_next(&raw)) >= 0;) {
            struct port_reply *reply = raw_honest(&raw, (uint32_t)i);
            bool now = !told && raw_slot(&raw, (uint32_t)i)->request.op == lie->op;
            told |= now;
            if (now)
                lie->tell(&raw, (uint32_t)i, reply);
            else
                raw_push(&raw, (uint32_t)i);
        }
    }
}

static cloudabi_errno_t use(cloudabi_fd_t fd, enum client client)
{
    cloudabi_filestat_t stat;
    char bytes[100];
    size_t done;
    switch (client) {
    case FSTAT:
        return cloudabi_sys_file_stat_fget(fd, &stat);
    case READDIR:
        return cloudabi_sys_file_readdir(fd, bytes, sizeof(bytes), 0, &done);
    case READ:
    case STREAM_READ:
        return get(fd, bytes, sizeof(bytes), &done);
    case WRITE:
    case STREAM_WRITE:
        return put(fd, "bytes", 5, &done);
    default:
        return 0;
    }
}

static cloudabi_errno_t open_and_use(cloudabi_fd_t root, enum client client)
{
    cloudabi_fd_t fd;
    cloudabi_errno_t error;
    if (client == READDIR)
        error = open_dir(root, "dir", &fd);
    else if (client == STREAM_READ || client == STREAM_WRITE)
        error =
            open_with(root, "channel", 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE, 0, &fd);
    else
        error =
            open_with(root, "s/name", 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE, 0, &fd);
    if (error != 0)
        return error;
    error = use(fd, client);
    close_fd(fd);
    return error;
}

static cloudabi_errno_t act(cloudabi_fd_t root, enum client client)
{
    char target[100];
    size_t done;
    switch (client) {
    case STAT:
        return look_at(root, "s/name");
    case UNLINK:
        return cloudabi_sys_file_unlink(root, "s/name", 6, 0);
    case RENAME:
        return cloudabi_sys_file_rename(root, "s", 1, root, "t", 1);
    case READLINK:
        return cloudabi_sys_file_readlink(root, "s/name", 6, target, sizeof(target), &done);
    case WALK:
        return look_at(root, "s/../t");
    default:
        return open_and_use(root, client);
    }
}

static void expect(bool ok, const char *name, const char *what, int line)
{
    char text[120];
    snprintf(text, sizeof(text), "%s: %s", name, what);
    tap_ok(ok, text, __FILE__, line);
}

static void try_lie(const struct lie *lie)
{
    cloudabi_fd_t port, root;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0)
        abort();
    cloudabi_fd_t liar = start(serve_lying, port, (void *)(uintptr_t)lie);
    cloudabi_errno_t error = act(root, lie->client);
    errno = error;
    expect(error == lie->error, lie->name, "errno", __LINE__);
    cloudabi_fd_t heir = CLOUDABI_PROCESS_CHILD;
    if (!lie->survives)
        heir = start(serve_honestly, port, NULL); /* while the liar lives on */
    error = look_at(root, "s");
    if (error == EIO_ && lie->error == 0)
        error = look_at(root, "s"); /* the lie may be found out only now */
    errno = error;
    expect(error == 0, lie->name, lie->survives ? "goes on" : "an heir serves", __LINE__);
    if (heir != CLOUDABI_PROCESS_CHILD)
        close_fd(heir);
    close_fd(liar);
    close_fd(port);
    for (unsigned tries = 0; (error = look_at(root, "s")) == 0 && tries < 1000; tries++)
        sleep_ms(1); /* they end when they get round to it */
    errno = error;
    expect(error == EIO_, lie->name, "no port, no service", __LINE__);
    close_fd(root);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        if (argc < 2 || strstr(lies[i].name, argv[1]) != NULL)
            try_lie(&lies[i]);
    return tap_end();
}
