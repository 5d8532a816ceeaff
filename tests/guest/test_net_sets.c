/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network directory against a program that wants more of it than it was given: sets by every odd name, rights
 * that a set does not pass on, addresses that others listen at, datagrams with forged headers, and the rest of what
 * docs/network.md promises, for both families.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define RECEIVE_RIGHTS                                                                           \
    (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS | CLOUDABI_RIGHT_FILE_STAT_FGET | \
     CLOUDABI_RIGHT_POLL_FD_READWRITE | CLOUDABI_RIGHT_SOCK_SHUTDOWN)
#define STREAM_RIGHTS (RECEIVE_RIGHTS | CLOUDABI_RIGHT_FD_WRITE)

static cloudabi_fd_t net;

static cloudabi_errno_t open_at(cloudabi_fd_t directory, const char *path, cloudabi_fd_t *fd)
{
    return open_with(directory, path, 0, STREAM_RIGHTS, 0, fd);
}

static cloudabi_fd_t set_of(cloudabi_fd_t directory, const char *path, cloudabi_rights_t below)
{
    cloudabi_fd_t set = NO_FD;
    tap_ok((errno = open_with(directory, path, CLOUDABI_O_DIRECTORY, DIR_BASE,
                              (DIR_BELOW | STREAM_RIGHTS) & below, &set)) == 0,
           path, __FILE__, __LINE__);
    return set;
}

static void close_fd(cloudabi_fd_t fd)
{
    cloudabi_sys_fd_close(fd);
}

/* A path without a NUL at its end, which the calls take with its length. */
static cloudabi_errno_t open_bytes(cloudabi_fd_t directory, const char *path, size_t length)
{
    cloudabi_fdstat_t want = {.fs_rights_base = STREAM_RIGHTS};
    cloudabi_fd_t fd;
    return cloudabi_sys_file_open((cloudabi_lookup_t){.fd = directory}, path, length, 0, &want,
                                  &fd);
}

/* --- names ----------------------------------------------------------------------------------------------------- */

/* None of these opens anything in a set of the ports 7400 and 7401 of 127.0.0.1. */
static const char *const outside[] = {
    "127.0.0.1!7402",
    "127.0.0.1!7399",
    "127.0.0.1!0",
    "127.0.0.2!7400",
    "10.0.2.2!7400",
    "10.0.2.2",
    "*!80",
    "*!7402-65535",
    "0.0.0.0!7400",
    "0.0.0.0~0!80",
    "255.255.255.255!7400",
    "224.0.0.1!7400",
    "::1!7400",
    "::!7400",
    "::~0",
    "::ffff:127.0.0.1!7400",
    "::ffff:7f00:1!7400",
    "::127.0.0.1!7400",
    "64:ff9b::7f00:1!7400",
    "fe80::1%eth0!7400",
    "ff02::1%eth0!7400",
    /* odd numbers */
    "127.1!7400",
    "127.0.1!7400",
    "2130706433!7400",
    "0x7f000001!7400",
    "0x7f.0.0.1!7400",
    "0177.0.0.1!7400",
    "127.0.0.01!7400",
    "127.0.0.1!07400",
    "127.0.0.1!7400-7400",
    "127.0.0.1!7401-7400",
    "127.0.0.1!+7400",
    "127.0.0.1!-1",
    "127.0.0.1! 7400",
    " 127.0.0.1!7400",
    "127.0.0.1!7400 ",
    "127.0.0.1!72936",
    "127.0.0.1!4294974696",
    "127.0.0.1!18446744073709559016",
    "127.0.0.1!7400-72936",
    "127.0.0.1!65536",
    "127.0.0.257!7400",
    "127.0.0.1~32!7400",
    "127.0.0.1~8!7400",
    "127.0.0.1~33!7400",
    "127.0.0.1~0!7400",
    "383.0.0.1!7400",
    "127.0.0.1!1d00",
    "127.0.0.1!7400!7400",
    "127.0.0.1:7400",
    "127.0.0.1!",
    "!7400",
    "!",
    "~",
    "127.0.0.1~!7400",
    "127.0.0.1%eth0!7400",
    "127.0.0.1%lo!7400",
    "localhost!7400",
    "*!7400/7402",
    "7402",
    "65536",
    "-1",
    "1-65535",
    "0",
    /* ways out */
    "..",
    "../..",
    "../10.0.2.2!80",
    "../../..",
    "./..",
    "*!7400/../..",
    "*!7400/../../*!80",
    "/127.0.0.1!7400",
    "/",
    "//",
    "../../../../dns/localhost",
    "*/../../listen/*!7400",
};

static void hostile_names(void)
{
    cloudabi_fd_t fd;
    cloudabi_fd_t set = set_of(net, "tcp/connect/127.0.0.1!7400-7401", ~0ull);
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        cloudabi_errno_t error = open_at(set, outside[i], &fd);
        tap_ok(error == CLOUDABI_ENOENT || error == CLOUDABI_ENOTCAPABLE, outside[i], __FILE__,
               error);
        error = open_with(set, outside[i], CLOUDABI_O_DIRECTORY, DIR_BASE, 0, &fd);
        tap_ok(error == CLOUDABI_ENOENT || error == CLOUDABI_ENOTCAPABLE, outside[i], __FILE__,
               error);
    }
    CHECK_RETURNS(open_bytes(set, "127.0.0.1!7400\0", 15), CLOUDABI_EINVAL);
    CHECK_RETURNS(open_bytes(set, "127.0.0.1!7400\n", 15), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_bytes(set, "", 0), CLOUDABI_ENOENT);
    static char longest[2048];
    memset(longest, '1', sizeof(longest));
    CHECK_RETURNS(open_bytes(set, longest, 1000), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_bytes(set, longest, sizeof(longest)), CLOUDABI_ENAMETOOLONG);
    /* What is inside, by each of its names. */
    static const char *const inside[] = {"127.0.0.1!7400",
                                         "*!7400",
                                         "127.0.0.0~8!7401",
                                         "127.0.0.1/7400",
                                         "7401",
                                         "./127.0.0.1!7400",
                                         "*!*/127.0.0.1!7000-7400",
                                         "*!7400/../127.0.0.1!7401"};
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        tap_ok((errno = open_at(set, inside[i], &fd)) == CLOUDABI_ECONNREFUSED, inside[i], __FILE__,
               __LINE__);
    /* The set goes on being what it is when the one that it came from is gone. */
    cloudabi_fd_t inner = set_of(set, "127.0.0.1!7401", ~0ull);
    close_fd(set);
    CHECK_RETURNS(open_at(inner, "7401", &fd),
                  CLOUDABI_ENOENT); /* that is a connection: data, ctl, status */
    CHECK_RETURNS(open_at(inner, "../127.0.0.1!7400", &fd), CLOUDABI_ENOTCAPABLE);
    close_fd(inner);
}

/* Nothing can be made, moved or linked in the directory. */
static void nothing_to_make(void)
{
    cloudabi_fd_t set = set_of(net, "tcp/connect/127.0.0.1", ~0ull);
    cloudabi_fd_t fd;
    CHECK(symlink_at(set, "../../listen", "out") != 0 && make_dir(set, "10.0.0.0~8") != 0);
    CHECK(rename_at(set, "127.0.0.1!80", "127.0.0.1!81") != 0 &&
          unlink_at(set, "127.0.0.1!80") != 0);
    CHECK(cloudabi_sys_file_link((cloudabi_lookup_t){.fd = net}, "tcp", 3, set, "tcp", 3) != 0);
    CHECK_RETURNS(open_with(set, "80", CLOUDABI_O_CREAT | CLOUDABI_O_EXCL, STREAM_RIGHTS, 0, &fd),
                  CLOUDABI_EEXIST);
    close_fd(set);
}

static size_t entries_of(cloudabi_fd_t directory)
{
    uint8_t list[1024];
    size_t used = 0, count = 0, at = 0;
    if (cloudabi_sys_file_readdir(directory, list, sizeof(list), 0, &used) != 0)
        return 0;
    while (at + sizeof(cloudabi_dirent_t) <= used) {
        cloudabi_dirent_t entry;
        memcpy(&entry, list + at, sizeof(entry));
        at += sizeof(entry) + entry.d_namlen;
        count++;
    }
    return count;
}

static void directories(void)
{
    cloudabi_filestat_t stat;
    cloudabi_fd_t set = set_of(net, "tcp/connect/10.0.0.0~8!80", ~0ull);
    CHECK(entries_of(set) == 2);
    CHECK(stat_at(set, "10.1.2.3", 0, &stat) == 0 &&
          stat.st_filetype == CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK(stat_at(set, "10.1.0.0~16", 0, &stat) == 0 &&
          stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY);
    CHECK_RETURNS(stat_at(set, "11.1.2.3", 0, &stat), CLOUDABI_ENOTCAPABLE);
    close_fd(set);
    CHECK(entries_of(net) == 2 + 5);
    /* A set of one endpoint that is no stream's is a directory of that one. */
    set = set_of(net, "udp/connect/127.0.0.1!7410", ~0ull);
    CHECK(entries_of(set) == 2);
    CHECK_RETURNS(open_at(set, "127.0.0.1!7411", &set), CLOUDABI_ENOTCAPABLE);
    close_fd(set);
}

/* --- rights ---------------------------------------------------------------------------------------------------- */

struct accepted {
    uint8_t peer[24], local[24];
    cloudabi_fd_t fds[2];
};

static cloudabi_errno_t accept_from(cloudabi_fd_t listener, struct accepted *accepted)
{
    cloudabi_iovec_t data = {.buf = accepted, .buf_len = 48};
    cloudabi_recv_in_t in = {
        .ri_data = &data, .ri_data_len = 1, .ri_fds = accepted->fds, .ri_fds_len = 2};
    cloudabi_recv_out_t out;
    cloudabi_errno_t error = cloudabi_sys_sock_recv(listener, &in, &out);
    return error != 0 || (out.ro_datalen == 48 && out.ro_fdslen == 2) ? error : CLOUDABI_EPROTO;
}

static cloudabi_rights_t rights_of(cloudabi_fd_t fd)
{
    cloudabi_fdstat_t stat = {0};
    return cloudabi_sys_fd_stat_get(fd, &stat) == 0 ? stat.fs_rights_base : 0;
}

/* A set that passes on no FD_WRITE gives what only receives, and one that passes on no FD_READ what only sends. */
static void rights(void)
{
    cloudabi_fd_t listener, fd, stream;
    struct accepted server;
    char byte;
    size_t done;
    cloudabi_fd_t mute = set_of(net, "tcp/connect/127.0.0.1!7420-7429", ~CLOUDABI_RIGHT_FD_WRITE);
    cloudabi_fd_t listening =
        set_of(net, "tcp/listen/127.0.0.1!7420-7429", ~CLOUDABI_RIGHT_FD_WRITE);
    cloudabi_fd_t datagrams = set_of(net, "udp/bind/127.0.0.1!7420-7429", ~CLOUDABI_RIGHT_FD_WRITE);
    CHECK_RETURNS(open_with(listening, "127.0.0.1!7420", 0, RECEIVE_RIGHTS, 0, &listener), 0);
    CHECK_RETURNS(open_at(mute, "127.0.0.1!7420", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_with(mute, "127.0.0.1!7420", 0, RECEIVE_RIGHTS, 0, &stream), 0);
    CHECK_RETURNS(put(stream, "x", 1, &done), CLOUDABI_ENOTCAPABLE);
    CHECK((rights_of(stream) & CLOUDABI_RIGHT_FD_WRITE) == 0);
    if (CHECK(accept_from(listener, &server) == 0)) {
        CHECK((rights_of(server.fds[0]) & (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)) ==
              CLOUDABI_RIGHT_FD_READ);
        CHECK_RETURNS(put(server.fds[0], "x", 1, &done), CLOUDABI_ENOTCAPABLE);
        close_fd(server.fds[0]);
        close_fd(server.fds[1]);
        CHECK(get(stream, &byte, 1, &done) == 0 && done == 0);
    }
    close_fd(stream);
    close_fd(listener);
    CHECK_RETURNS(open_at(datagrams, "127.0.0.1!7421", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_with(datagrams, "127.0.0.1!7421", 0, RECEIVE_RIGHTS, 0, &fd), 0);
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_ENOTCAPABLE);
    close_fd(fd);
    /* A set below has no more than the one above. */
    cloudabi_fd_t below;
    CHECK_RETURNS(
        open_with(mute, "127.0.0.1!7421", CLOUDABI_O_DIRECTORY, DIR_BASE, DIR_BELOW, &below),
        CLOUDABI_ENOTCAPABLE);
    close_fd(mute);
    close_fd(listening);
    close_fd(datagrams);
    /* A descriptor that was opened wide keeps what it has when its directory is narrowed, which gives no more such. */
    cloudabi_fd_t wide = set_of(net, "udp/connect/127.0.0.1!7420-7429", ~0ull);
    CHECK_RETURNS(open_at(wide, "127.0.0.1!7422", &fd), 0);
    CHECK_RETURNS(narrow(wide, DIR_BASE, RECEIVE_RIGHTS), 0);
    CHECK(put(fd, "x", 1, &done) == 0);
    CHECK_RETURNS(open_at(wide, "127.0.0.1!7422", &stream), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(narrow(wide, DIR_BASE, DIR_BELOW | STREAM_RIGHTS), CLOUDABI_ENOTCAPABLE);
    close_fd(fd);
    close_fd(wide);
}

/* --- what is taken --------------------------------------------------------------------------------------------- */

/* Nobody gets between a listener and its callers: not by a narrower name for a part of what it has, nor by a wider. */
static void taken(const char *kind)
{
    static const char *const names[] = {"*!7430", "127.0.0.1!7430", "0.0.0.0~0!7430", "::1!7430",
                                        "::~0!7430"};
    static const char *const conflicts[] = {"11111", "11100", "11100", "10011", "10011"};
    for (size_t first = 0; first < 5; first++) {
        char path[64], text[64] = "";
        cloudabi_fd_t fd, other;
        snprintf(path, sizeof(path), "%s/%s", kind, names[first]);
        CHECK_RETURNS(open_at(net, path, &fd), 0);
        for (size_t second = 0; second < 5; second++) {
            snprintf(path, sizeof(path), "%s/%s", kind, names[second]);
            cloudabi_errno_t error = open_at(net, path, &other);
            text[second] = error == 0 ? '0' : error == CLOUDABI_EADDRINUSE ? '1' : '?';
            if (error == 0)
                close_fd(other);
        }
        if (!tap_ok(strcmp(text, conflicts[first]) == 0, names[first], __FILE__, __LINE__))
            printf("# %s %s: %s, not %s\n", kind, names[first], text, conflicts[first]);
        close_fd(fd);
    }
}

static void not_ours(void)
{
    cloudabi_fd_t fd;
    CHECK_RETURNS(open_at(net, "tcp/listen/192.0.2.99!7431", &fd), CLOUDABI_EADDRNOTAVAIL);
    CHECK_RETURNS(open_at(net, "udp/bind/192.0.2.99!7431", &fd), CLOUDABI_EADDRNOTAVAIL);
    CHECK_RETURNS(open_at(net, "udp/bind/2001:db8::1!7431", &fd), CLOUDABI_EADDRNOTAVAIL);
    CHECK_RETURNS(open_at(net, "udp/bind/224.0.0.1!7431", &fd), CLOUDABI_EADDRNOTAVAIL);
    CHECK_RETURNS(open_at(net, "tcp/listen/255.255.255.255!7431", &fd), CLOUDABI_EADDRNOTAVAIL);
    CHECK_RETURNS(open_at(net, "tcp/connect/224.0.0.1!7431", &fd), CLOUDABI_ENETUNREACH);
    CHECK_RETURNS(open_at(net, "tcp/connect/255.255.255.255!7431", &fd), CLOUDABI_ENETUNREACH);
    CHECK_RETURNS(open_at(net, "tcp/connect/ff02::1%eth0!7431", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_at(net, "tcp/connect/ff05::1!7431", &fd), CLOUDABI_ENETUNREACH);
}

/* --- streams --------------------------------------------------------------------------------------------------- */

static size_t read_file(cloudabi_fd_t directory, const char *name, char text[256])
{
    cloudabi_fd_t fd;
    size_t done = 0;
    if (open_with(directory, name, 0, CLOUDABI_RIGHT_FD_READ, 0, &fd) == 0) {
        if (get(fd, text, 255, &done) != 0)
            done = 0;
        close_fd(fd);
    }
    text[done] = '\0';
    return done;
}

static cloudabi_errno_t tell(cloudabi_fd_t directory, const char *line)
{
    cloudabi_fd_t fd;
    size_t done;
    cloudabi_errno_t error = open_with(directory, "ctl", 0, CLOUDABI_RIGHT_FD_WRITE, 0, &fd);
    if (error != 0)
        return error;
    error = put(fd, line, strlen(line), &done);
    close_fd(fd);
    return error;
}

static cloudabi_errno_t receive(cloudabi_fd_t fd, void *data, size_t size, cloudabi_riflags_t flags,
                                size_t *done)
{
    cloudabi_iovec_t vec = {.buf = data, .buf_len = size};
    cloudabi_recv_in_t in = {.ri_data = &vec, .ri_data_len = 1, .ri_flags = flags};
    cloudabi_recv_out_t out = {0};
    cloudabi_errno_t error = cloudabi_sys_sock_recv(fd, &in, &out);
    *done = out.ro_datalen;
    return error;
}

/* A connection by its directory: both ends have one. */
static void connection(const char *host, unsigned family)
{
    char path[64], text[256], wanted[64];
    cloudabi_fd_t listener, client, data, again;
    struct accepted server;
    size_t done;
    snprintf(path, sizeof(path), "tcp/listen/%s!7440", host);
    CHECK_RETURNS(open_at(net, path, &listener), 0);
    snprintf(path, sizeof(path), "tcp/connect/%s!7440", host);
    CHECK_RETURNS(
        open_with(net, path, CLOUDABI_O_DIRECTORY, DIR_BASE, DIR_BELOW | STREAM_RIGHTS, &client),
        0);
    CHECK(entries_of(client) == 5);
    CHECK_RETURNS(open_at(client, "data", &data), 0);
    CHECK_RETURNS(open_at(client, "data", &again), CLOUDABI_EBUSY);
    CHECK_RETURNS(open_at(client, "other", &again), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_at(client, "../status", &again), CLOUDABI_ENOTCAPABLE);
    if (!CHECK(accept_from(listener, &server) == 0))
        return;
    CHECK(server.peer[0] == family && server.local[0] == family && server.local[2] == 7440 >> 8 &&
          server.local[3] == (7440 & 255));
    CHECK(read_file(client, "status", text) > 0 &&
          strstr(text, "state ESTABLISHED\nerrno 0\n") == text);
    snprintf(wanted, sizeof(wanted), "local %s!%u\npeer %s!7440\n", host,
             server.peer[2] << 8 | server.peer[3], host);
    CHECK(strstr(text, wanted) != NULL);
    static const char *const bad[] = {
        "",       "nodelay", "nodelay 2", "nodelay 01", "nodelay 1 ", "keepalive",     "linger 1",
        "linger", "resetx",  "RESET",     "nodelay -1", "\nnodelay",  "keepalive 1e3", "reset\n\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        tap_ok((errno = tell(client, bad[i])) == CLOUDABI_EINVAL, bad[i], __FILE__, __LINE__);
    CHECK_RETURNS(tell(client, "nodelay 1\n"), 0);
    CHECK_RETURNS(tell(client, "keepalive 60"), 0);
    CHECK_RETURNS(tell(client, "keepalive 0"), 0);
    /* Peek, waitall, and an end after the last byte. */
    CHECK(put(data, "abcdef", 6, &done) == 0 && done == 6);
    CHECK(receive(server.fds[0], text, 3, CLOUDABI_SOCK_RECV_WAITALL, &done) == 0 && done == 3);
    CHECK(receive(server.fds[0], text, 9, CLOUDABI_SOCK_RECV_PEEK, &done) == 0 && done == 3);
    CHECK(cloudabi_sys_sock_shutdown(data, CLOUDABI_SHUT_WR) == 0);
    CHECK_RETURNS(put(data, "x", 1, &done), CLOUDABI_EPIPE);
    CHECK(receive(server.fds[0], text, 9, CLOUDABI_SOCK_RECV_WAITALL, &done) == 0 && done == 3);
    CHECK(memcmp(text, "def", 3) == 0);
    CHECK(get(server.fds[0], text, 9, &done) == 0 && done == 0);
    /* The peer's reset is the next call's error, once and for all, and the directory tells of it. */
    CHECK_RETURNS(tell(server.fds[1], "linger 0"), 0);
    close_fd(server.fds[0]);
    CHECK_RETURNS(get(data, text, 1, &done), CLOUDABI_ECONNRESET);
    CHECK(read_file(client, "status", text) > 0 && strstr(text, "errno 15\n") != NULL);
    CHECK_RETURNS(tell(client, "nodelay 1"), CLOUDABI_ENOTCONN);
    close_fd(server.fds[1]);
    close_fd(data);
    close_fd(client);
    close_fd(listener);
    CHECK_RETURNS(open_at(net, path, &data), CLOUDABI_ECONNREFUSED);
    CHECK_RETURNS(
        open_with(net, path, CLOUDABI_O_DIRECTORY, DIR_BASE, DIR_BELOW | STREAM_RIGHTS, &client),
        0);
    CHECK_RETURNS(open_at(client, "data", &data), CLOUDABI_ECONNREFUSED);
    CHECK(read_file(client, "status", text) > 0 &&
          strstr(text, "state FAILED\nerrno 14\n") == text);
    close_fd(client);
}

/* Bytes that nobody read make a close a reset. */
static void unread(const char *host)
{
    char path[64], byte;
    cloudabi_fd_t listener, client;
    struct accepted server;
    size_t done;
    snprintf(path, sizeof(path), "tcp/listen/%s!7442", host);
    CHECK_RETURNS(open_at(net, path, &listener), 0);
    snprintf(path, sizeof(path), "tcp/connect/%s!7442", host);
    CHECK_RETURNS(open_at(net, path, &client), 0);
    CHECK(accept_from(listener, &server) == 0);
    CHECK(put(client, "ab", 2, &done) == 0 && get(server.fds[0], &byte, 1, &done) == 0);
    close_fd(server.fds[0]);
    close_fd(server.fds[1]);
    CHECK_RETURNS(get(client, &byte, 1, &done), CLOUDABI_ECONNRESET);
    close_fd(client);
    close_fd(listener);
}

/* The end of a listener is the end of what waits in it. */
static void waiting_callers(const char *host)
{
    char path[64], byte;
    cloudabi_fd_t listener, clients[3];
    size_t done;
    snprintf(path, sizeof(path), "tcp/listen/%s!7441", host);
    CHECK_RETURNS(open_at(net, path, &listener), 0);
    snprintf(path, sizeof(path), "tcp/connect/%s!7441", host);
    for (int i = 0; i < 3; i++)
        CHECK_RETURNS(open_at(net, path, &clients[i]), 0);
    close_fd(listener);
    for (int i = 0; i < 3; i++) {
        CHECK_RETURNS(get(clients[i], &byte, 1, &done), CLOUDABI_ECONNRESET);
        close_fd(clients[i]);
    }
}

/* --- datagrams ------------------------------------------------------------------------------------------------- */

static void header(uint8_t wire[24], unsigned family, unsigned port)
{
    memset(wire, 0, 24);
    wire[0] = (uint8_t)family;
    wire[2] = (uint8_t)(port >> 8);
    wire[3] = (uint8_t)port;
    if (family == 4)
        memcpy(wire + 8, "\x7f\0\0\1", 4);
    else
        wire[23] = 1;
}

static void datagrams(const char *host, unsigned family)
{
    char path[64];
    cloudabi_fd_t a, b, c;
    uint8_t wire[64], got[64];
    size_t done;
    snprintf(path, sizeof(path), "udp/bind/%s!7450", host);
    CHECK_RETURNS(open_at(net, path, &a), 0);
    snprintf(path, sizeof(path), "udp/bind/%s!7451", host);
    CHECK_RETURNS(open_at(net, path, &b), 0);
    snprintf(path, sizeof(path), "udp/connect/%s!7450", host);
    CHECK_RETURNS(open_at(net, path, &c), 0);
    /* What makes no sense is lost, and nothing else is. */
    header(wire, family, 7450);
    for (size_t size = 0; size < 24; size++)
        CHECK(put(b, wire, size, &done) == 0 || size == 0);
    static const struct {
        unsigned at, value;
    } wrong[] = {{0, 0}, {0, 5}, {0, 10}, {0, 255}, {1, 1}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        header(wire, family, 7450);
        wire[wrong[i].at] = (uint8_t)wrong[i].value;
        CHECK(put(b, wire, 25, &done) == 0);
    }
    header(wire, family, 0);
    CHECK(put(b, wire, 25, &done) == 0);
    header(wire, 10 - family, 7450); /* from an address of one family to one of the other */
    CHECK(put(b, wire, 25, &done) == 0);
    header(wire, 6, 7450);
    memcpy(wire + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1",
           16); /* mapped: no other way to an address */
    CHECK(put(b, wire, 25, &done) == 0);
    header(wire, family, 7450);
    wire[24] = 'b';
    CHECK(put(b, wire, 25, &done) == 0);
    CHECK(get(a, got, sizeof(got), &done) == 0 && done == 25 && got[24] == 'b');
    header(wire, family, 7451);
    CHECK(memcmp(got, wire, 24) == 0);
    /* A connected one has no headers and hears its peer only. */
    CHECK(put(c, "c", 1, &done) == 0 && get(a, got, sizeof(got), &done) == 0 && done == 25);
    CHECK(got[24] == 'c');
    memcpy(wire, got, 24);
    wire[24] = 'x';
    CHECK(put(b, wire, 25, &done) == 0);
    wire[24] = 'y';
    CHECK(put(a, wire, 25, &done) == 0);
    CHECK(get(c, got, sizeof(got), &done) == 0 && done == 1 && got[0] == 'y');
    close_fd(a);
    close_fd(b);
    close_fd(c);
}

static void free_ports(void)
{
    cloudabi_fd_t fd[3], set = set_of(net, "udp/bind/127.0.0.1!7460-7461", ~0ull);
    CHECK(open_at(set, "0", &fd[0]) == 0 && open_at(set, "*!0", &fd[1]) == 0);
    CHECK_RETURNS(open_at(set, "127.0.0.1!0", &fd[2]), CLOUDABI_EADDRINUSE);
    CHECK_RETURNS(open_at(set, "127.0.0.1!7460", &fd[2]), CLOUDABI_EADDRINUSE);
    close_fd(fd[0]);
    close_fd(fd[1]);
    close_fd(set);
    CHECK_RETURNS(open_at(net, "tcp/connect/127.0.0.1!0", &fd[0]), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_at(net, "udp/connect/127.0.0.1!0", &fd[0]), CLOUDABI_ENOENT);
}

/* The first call of a program that starts with the machine: the network waits for its address, not the program. */
static void early(void)
{
    cloudabi_fd_t fd;
    CHECK_RETURNS(open_at(net, "tcp/connect/10.0.2.2!1", &fd), CLOUDABI_ECONNREFUSED);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    net = (cloudabi_fd_t)grant_fd("net");
    early();
    hostile_names();
    nothing_to_make();
    directories();
    rights();
    taken("tcp/listen");
    taken("udp/bind");
    not_ours();
    connection("127.0.0.1", 4);
    connection("::1", 6);
    waiting_callers("127.0.0.1");
    waiting_callers("::1");
    unread("127.0.0.1");
    unread("::1");
    datagrams("127.0.0.1", 4);
    datagrams("::1", 6);
    free_ports();
    return tap_end();
}
