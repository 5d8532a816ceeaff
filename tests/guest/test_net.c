/* SPDX-License-Identifier: BSD-2-Clause */
/* The network directory over its loopback addresses. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define STREAM_RIGHTS                                                                      \
    (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS | \
     CLOUDABI_RIGHT_POLL_FD_READWRITE | CLOUDABI_RIGHT_SOCK_SHUTDOWN |                     \
     CLOUDABI_RIGHT_FILE_STAT_FGET)

struct accepted {
    cloudabi_fd_t stream, directory;
    uint8_t peer[24], local[24];
};

static cloudabi_fd_t net;

static cloudabi_errno_t open_stream(cloudabi_fd_t directory, const char *path, cloudabi_fd_t *fd)
{
    return open_with(directory, path, 0, STREAM_RIGHTS, 0, fd);
}

static cloudabi_errno_t accept_from(cloudabi_fd_t listener, struct accepted *accepted)
{
    uint8_t addresses[48];
    cloudabi_fd_t fds[2];
    cloudabi_iovec_t data = {.buf = addresses, .buf_len = sizeof(addresses)};
    cloudabi_recv_in_t in = {.ri_data = &data, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = 2};
    cloudabi_recv_out_t out;
    cloudabi_errno_t error = cloudabi_sys_sock_recv(listener, &in, &out);
    if (error != 0)
        return error;
    if (out.ro_datalen != sizeof(addresses) || out.ro_fdslen != 2)
        return CLOUDABI_EPROTO;
    memcpy(accepted->peer, addresses, 24);
    memcpy(accepted->local, addresses + 24, 24);
    accepted->stream = fds[0];
    accepted->directory = fds[1];
    return 0;
}

static void hang_up(struct accepted *accepted)
{
    cloudabi_sys_fd_close(accepted->stream);
    cloudabi_sys_fd_close(accepted->directory);
}

static void echo(cloudabi_fd_t listener)
{
    struct accepted server;
    cloudabi_fd_t client, status;
    char text[256];
    size_t done;
    CHECK_RETURNS(open_stream(net, "tcp/connect/127.0.0.1!7000", &client), 0);
    if (!CHECK(accept_from(listener, &server) == 0))
        return;
    CHECK(server.local[0] == 4 && server.local[8] == 127 && server.local[2] == 7000 >> 8);
    CHECK_RETURNS(put(client, "hello", 5, &done), 0);
    CHECK(get(server.stream, text, sizeof(text), &done) == 0 && done == 5);
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK(put(server.stream, "hello yourself", 14, &done) == 0 && done == 14);
    CHECK(get(client, text, sizeof(text), &done) == 0 && done == 14);
    CHECK_RETURNS(open_stream(server.directory, "status", &status), 0);
    CHECK(get(status, text, sizeof(text) - 1, &done) == 0);
    text[done] = '\0';
    CHECK(strstr(text, "state ESTABLISHED\n") != NULL);
    cloudabi_sys_fd_close(status);
    CHECK_RETURNS(cloudabi_sys_sock_shutdown(client, CLOUDABI_SHUT_WR), 0);
    CHECK(get(server.stream, text, sizeof(text), &done) == 0 && done == 0);
    CHECK(put(server.stream, "late", 4, &done) == 0);
    CHECK(get(client, text, sizeof(text), &done) == 0 && done == 4);
    hang_up(&server);
    CHECK(get(client, text, sizeof(text), &done) == 0 && done == 0);
    cloudabi_sys_fd_close(client);
}

static void refusals(void)
{
    cloudabi_fd_t fd, set;
    CHECK_RETURNS(open_stream(net, "tcp/connect/127.0.0.1!7001", &fd), CLOUDABI_ECONNREFUSED);
    CHECK_RETURNS(open_stream(net, "tcp/connect/0.0.0.0!7001", &fd), CLOUDABI_ENETUNREACH);
    CHECK_RETURNS(open_stream(net, "tcp/connect/010.0.0.1!80", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_stream(net, "tcp/listen/*!7000", &fd), CLOUDABI_EADDRINUSE);
    CHECK_RETURNS(open_with(net, "tcp/connect/127.0.0.0~8!7000-7001", CLOUDABI_O_DIRECTORY,
                            DIR_BASE, DIR_BELOW | STREAM_RIGHTS, &set),
                  0);
    CHECK_RETURNS(open_stream(set, "127.0.0.1!7001", &fd), CLOUDABI_ECONNREFUSED);
    CHECK_RETURNS(open_stream(set, "127.0.0.1!7002", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(set, "10.0.2.2!7000", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(set, "../10.0.2.2!7000", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(set, "*!7001/../127.0.0.1!7001", &fd), CLOUDABI_ECONNREFUSED);
    CHECK_RETURNS(open_stream(set, "/tcp", &fd), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(set);
}

#define BULK (1024 * 1024)

static uint32_t bulk_child(void *unused)
{
    static char block[8192];
    cloudabi_fd_t client;
    size_t done, sent = 0;
    (void)unused;
    if (open_stream(net, "tcp/connect/127.0.0.1!7000", &client) != 0)
        return 1;
    while (sent < BULK) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((sent + i) * 7 >> 3);
        size_t left = BULK - sent;
        if (put(client, block, left < sizeof(block) ? left : sizeof(block), &done) != 0)
            return 2;
        sent += done;
    }
    /* What was written reaches the other side though the descriptor is gone. */
    return cloudabi_sys_fd_close(client);
}

static void bulk(cloudabi_fd_t listener)
{
    static char block[8192];
    struct accepted server;
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    size_t done, got = 0, wrong = 0;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        return;
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(bulk_child(NULL));
    if (!CHECK(accept_from(listener, &server) == 0))
        return;
    while (get(server.stream, block, sizeof(block), &done) == 0 && done != 0) {
        for (size_t i = 0; i < done; i++)
            wrong += block[i] != (char)((got + i) * 7 >> 3);
        got += done;
    }
    CHECK(got == BULK && wrong == 0);
    cloudabi_event_t end = wait_process(process);
    CHECK(end.error == 0 && end.proc_terminate.exitcode == 0);
    hang_up(&server);
    cloudabi_sys_fd_close(process);
}

static void rounds(cloudabi_fd_t listener)
{
    int failures = 0;
    for (int i = 0; i < 100; i++) {
        struct accepted server;
        cloudabi_fd_t client;
        char byte;
        size_t done;
        failures += open_stream(net, "tcp/connect/127.0.0.1!7000", &client) != 0;
        failures += accept_from(listener, &server) != 0;
        failures += put(client, "x", 1, &done) != 0;
        failures += get(server.stream, &byte, 1, &done) != 0 || done != 1;
        cloudabi_sys_fd_close(client);
        failures += get(server.stream, &byte, 1, &done) != 0 || done != 0;
        hang_up(&server);
    }
    CHECK(failures == 0);
}

static void resets(cloudabi_fd_t listener)
{
    struct accepted server;
    cloudabi_fd_t client, ctl;
    char byte;
    size_t done;
    CHECK_RETURNS(open_stream(net, "tcp/connect/127.0.0.1!7000", &client), 0);
    if (!CHECK(accept_from(listener, &server) == 0))
        return;
    CHECK_RETURNS(open_stream(server.directory, "ctl", &ctl), 0);
    CHECK_RETURNS(put(ctl, "nodelay 1", 9, &done), 0);
    CHECK_RETURNS(put(ctl, "nonsense", 8, &done), CLOUDABI_EINVAL);
    CHECK_RETURNS(put(ctl, "reset", 5, &done), 0);
    CHECK_RETURNS(get(client, &byte, 1, &done), CLOUDABI_ECONNRESET);
    cloudabi_sys_fd_close(ctl);
    cloudabi_sys_fd_close(client);
    hang_up(&server);
}

static cloudabi_errno_t open_nonblocking(const char *path, cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t want = {.fs_rights_base = STREAM_RIGHTS,
                              .fs_flags = CLOUDABI_FDFLAG_NONBLOCK};
    cloudabi_lookup_t at = {.fd = net};
    return cloudabi_sys_file_open(at, path, strlen(path), 0, &want, fd);
}

static cloudabi_errno_t wait_writable(cloudabi_fd_t fd, bool *hangup)
{
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_FD_WRITE, .fd_readwrite.fd = fd};
    cloudabi_event_t out = {0};
    size_t count;
    cloudabi_errno_t error = cloudabi_sys_poll(&in, &out, 1, &count);
    *hangup = (out.fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;
    return error != 0 ? error : out.error;
}

static void nonblocking(cloudabi_fd_t listener)
{
    struct accepted server;
    cloudabi_fd_t client;
    bool hangup;
    char text[8];
    size_t done;
    CHECK_RETURNS(open_nonblocking("tcp/connect/127.0.0.1!7000", &client), 0);
    CHECK(wait_writable(client, &hangup) == 0 && !hangup);
    CHECK(put(client, "soon", 4, &done) == 0 && done == 4);
    if (!CHECK(accept_from(listener, &server) == 0))
        return;
    CHECK(get(server.stream, text, sizeof(text), &done) == 0 && done == 4);
    CHECK_RETURNS(get(client, text, sizeof(text), &done), CLOUDABI_EAGAIN);
    hang_up(&server);
    cloudabi_sys_fd_close(client);
    CHECK_RETURNS(open_nonblocking("tcp/connect/127.0.0.1!7001", &client), 0);
    CHECK(wait_writable(client, &hangup) == 0 && hangup);
    CHECK_RETURNS(put(client, "x", 1, &done), CLOUDABI_ECONNREFUSED);
    cloudabi_sys_fd_close(client);
}

/* The lines of a name that no server is asked for, and what a suffix lets through. */
static void names(void)
{
    cloudabi_fd_t fd, narrow, dns;
    char text[128];
    size_t done;
    CHECK_RETURNS(open_stream(net, "dns/localhost", &fd), 0);
    CHECK(get(fd, text, sizeof(text) - 1, &done) == 0);
    text[done] = '\0';
    CHECK(strcmp(text, "A 127.0.0.1 86400\nAAAA ::1 86400\n") == 0);
    CHECK(get(fd, text, sizeof(text), &done) == 0 && done == 0);
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_EBADF);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_stream(net, "dns/Localhost", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_stream(net, "dns/local host", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_stream(net, "dns/localhost.", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(
        open_with(net, "dns", CLOUDABI_O_DIRECTORY, DIR_BASE, DIR_BELOW | STREAM_RIGHTS, &dns), 0);
    CHECK_RETURNS(open_with(dns, "*.localhost", CLOUDABI_O_DIRECTORY, DIR_BASE,
                            DIR_BELOW | STREAM_RIGHTS, &narrow),
                  0);
    CHECK_RETURNS(open_stream(narrow, "www.localhost", &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_stream(narrow, "*.a.localhost/b.a.localhost", &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_stream(narrow, "localhost", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(narrow, "wwwlocalhost", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(narrow, "example.org", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(narrow, "*.org", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(narrow, "*.a.localhost/c.localhost", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(open_stream(narrow, "../example.org", &fd), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(narrow);
    cloudabi_sys_fd_close(dns);
}

static void echoes_of(const char *path)
{
    cloudabi_fd_t fd;
    uint8_t reply[64];
    size_t done;
    CHECK_RETURNS(open_stream(net, path, &fd), 0);
    for (int i = 0; i < 3; i++) {
        CHECK(put(fd, "payload", 7, &done) == 0);
        CHECK(get(fd, reply, sizeof(reply), &done) == 0 && done == 15);
        CHECK(memcmp(reply + 8, "payload", 7) == 0);
    }
    cloudabi_sys_fd_close(fd);
}

static void echoes(void)
{
    cloudabi_fd_t fd, narrow;
    echoes_of("icmp/echo/127.0.0.1");
    echoes_of("icmp/echo/::1");
    CHECK_RETURNS(open_stream(net, "icmp/echo/127.0.0.1!7", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_stream(net, "icmp/echo/127.0.0.1/7", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(open_with(net, "icmp/echo/127.0.0.0~8", CLOUDABI_O_DIRECTORY, DIR_BASE,
                            DIR_BELOW | STREAM_RIGHTS, &narrow),
                  0);
    CHECK_RETURNS(open_stream(narrow, "127.0.0.1", &fd), 0);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(open_stream(narrow, "10.0.2.2", &fd), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(narrow);
}

/* From inside, too, nobody listens but who was let: one port of the loopback address answers. Above 10000 every
 * seventh is tried, and none that the connection itself may come from (TCP lets a port connect to itself);
 * tests/scenario/test_wire.py tries all from outside. */
static void ports(void)
{
    char path[48];
    int open = 0, other = 0;
    for (unsigned port = 1; port < 49152; port += port < 10000 ? 1 : 7) {
        cloudabi_fd_t fd;
        snprintf(path, sizeof(path), "tcp/connect/127.0.0.1!%u", port);
        cloudabi_errno_t error = open_stream(net, path, &fd);
        if (error == 0) {
            open += port == 7000;
            other += port != 7000;
            cloudabi_sys_fd_close(fd);
        } else {
            other += error != CLOUDABI_ECONNREFUSED;
        }
    }
    CHECK(open == 1 && other == 0);
}

int main(void)
{
    cloudabi_fd_t listener;
    setvbuf(stdout, NULL, _IOLBF, 0);
    net = (cloudabi_fd_t)grant_fd("net");
    if (!CHECK(open_stream(net, "tcp/listen/*!7000", &listener) == 0))
        return tap_end();
    echo(listener);
    refusals();
    resets(listener);
    nonblocking(listener);
    bulk(listener);
    rounds(listener);
    names();
    echoes();
    ports();
    cloudabi_sys_fd_close(listener);
    cloudabi_fd_t again;
    CHECK_RETURNS(open_stream(net, "tcp/listen/*!7000", &again), 0);
    return tap_end();
}
