/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of a service: bytes both ways, backpressure, ends of every kind, poll, and that no wake-up is lost. */
#include <pthread.h>

#include "pseudofd/server/server.h"
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define RW (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)
#define STREAM_RIGHTS                                                       \
    (RW | CLOUDABI_RIGHT_POLL_FD_READWRITE | CLOUDABI_RIGHT_SOCK_SHUTDOWN | \
     CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS)
#define RING 4096u

/* --- the service ------------------------------------------------------------------------------------------------ */

/*
 * The first letter of a name says what its stream does:
 * e  sends back what comes, and its end         s  takes nothing before somebody opens "go"
 * a  aborts at the first byte that comes        r  refuses to read
 * z  has ended                                  q  sends ten bytes and no more
 * "open" tells in st_size how many channels are in use.
 */
static char mode[PORT_CHANNELS];
static unsigned in_use;

static void echo(struct server *server, unsigned n)
{
    for (;;) {
        size_t in, out;
        const uint8_t *from = channel_in_peek(server, n, &in);
        uint8_t *to = channel_out_space(server, n, &out);
        if (from == NULL || to == NULL)
            break;
        size_t len = in < out ? in : out;
        memcpy(to, from, len);
        channel_out_produce(server, n, len);
        channel_in_consume(server, n, len);
    }
    uint32_t wishes =
        PORT_EVENT_READ | (channel_in_available(server, n) > 0 ? PORT_EVENT_WRITE : 0);
    channel_want(server, n, wishes);
    if (channel_in_eof(server, n))
        channel_eof(server, n);
}

/* Once more after the wish is published: what came before it is not told. */
static void echo_safely(struct server *server, unsigned n)
{
    echo(server, n);
    echo(server, n);
}

static void drain(struct server *server, unsigned n)
{
    size_t len;
    while (channel_in_peek(server, n, &len) != NULL)
        channel_in_consume(server, n, len);
}

static void on_channel(struct server *server, unsigned n)
{
    if (channel_closed(server, n)) {
        channel_release(server, n);
        mode[n] = 0;
        in_use--;
        return;
    }
    if (mode[n] == 'e')
        echo_safely(server, n);
    else if (mode[n] == 'a' && channel_in_available(server, n) > 0)
        channel_abort(server, n, CLOUDABI_ECONNRESET);
    else if (mode[n] == 'd')
        drain(server, n);
}

static void go(struct server *server)
{
    for (unsigned n = 0; n < PORT_CHANNELS; n++) {
        if (mode[n] != 's')
            continue;
        mode[n] = 'd';
        drain(server, n);
    }
}

static cloudabi_errno_t on_open(struct server *server, struct call *call)
{
    char first = call->path[0];
    if (first == 'g') {
        go(server);
        return CLOUDABI_ENOENT;
    }
    int n = channel_open(server, RING, RING);
    if (n < 0)
        return CLOUDABI_ENFILE;
    in_use++;
    mode[n] = first;
    call_stream(call, 100, (unsigned)n);
    if (first == 'r')
        channel_shut_read(server, (unsigned)n);
    if (first == 'z')
        channel_eof(server, (unsigned)n);
    if (first == 'q')
        channel_write(server, (unsigned)n, "0123456789", 10);
    return 0;
}

static cloudabi_errno_t on_stat(struct server *server, struct call *call)
{
    struct port_attr attr = {
        .ino = 1, .nlink = 1, .size = in_use, .type = CLOUDABI_FILETYPE_REGULAR_FILE};
    (void)server;
    call_attr(call, 0, &attr);
    return 0;
}

static const struct server_ops ops = {.open = on_open, .stat = on_stat, .channel = on_channel};

static void serve(cloudabi_fd_t port, void *argument)
{
    static struct server server;
    (void)argument;
    if (server_init(&server, (int)port, &ops, NULL, true) != 0)
        abort();
    server_run(&server);
}

/* --- the client --------------------------------------------------------------------------------------------------- */

static cloudabi_fd_t root, service, port;

static cloudabi_fd_t stream(const char *name)
{
    cloudabi_fd_t fd = NO_FD;
    cloudabi_errno_t error = open_with(root, name, 0, STREAM_RIGHTS, 0, &fd);
    if (error != 0)
        printf("# open %s: %d\n", name, error);
    return fd;
}

static unsigned channels_in_use(void)
{
    cloudabi_filestat_t stat = {.st_size = 0xffff};
    cloudabi_lookup_t at = {.fd = root};
    cloudabi_sys_file_stat_get(at, "open", 4, &stat);
    return (unsigned)stat.st_size;
}

/* Waits until only WANTED are: what is closed comes to the service after its requests. */
static bool channels_left(unsigned wanted)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        if (channels_in_use() == wanted)
            return true;
        sleep_ms(2);
    }
    return false;
}

static void set_nonblock(cloudabi_fd_t fd, bool on)
{
    cloudabi_fdstat_t stat = {.fs_flags = on ? CLOUDABI_FDFLAG_NONBLOCK : 0};
    cloudabi_sys_fd_stat_put(fd, &stat, CLOUDABI_FDSTAT_FLAGS);
}

static cloudabi_errno_t receive(cloudabi_fd_t fd, void *to, size_t len, cloudabi_riflags_t flags,
                                size_t *done)
{
    cloudabi_iovec_t vec = {.buf = to, .buf_len = len};
    cloudabi_recv_in_t in = {.ri_data = &vec, .ri_data_len = 1, .ri_flags = flags};
    cloudabi_recv_out_t out = {0};
    cloudabi_errno_t error = cloudabi_sys_sock_recv(fd, &in, &out);
    *done = out.ro_datalen;
    return error;
}

/* Polls for MS at most: the event, or type CLOCK. */
static cloudabi_event_t ready(cloudabi_fd_t fd, bool write, unsigned ms)
{
    cloudabi_subscription_t subs[2] = {
        {.type = write ? CLOUDABI_EVENTTYPE_FD_WRITE : CLOUDABI_EVENTTYPE_FD_READ,
         .fd_readwrite = {.fd = fd}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = ms * 1000000ull}}};
    cloudabi_event_t events[2] = {{.type = 99}};
    size_t count;
    cloudabi_sys_poll(subs, events, 2, &count);
    return events[0];
}

static bool is_ready(cloudabi_fd_t fd, bool write, unsigned ms)
{
    return ready(fd, write, ms).type ==
           (write ? CLOUDABI_EVENTTYPE_FD_WRITE : CLOUDABI_EVENTTYPE_FD_READ);
}

static bool hung_up(cloudabi_fd_t fd, bool write)
{
    cloudabi_event_t event = ready(fd, write, 2000);
    return event.type != CLOUDABI_EVENTTYPE_CLOCK &&
           (event.fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_echo(void)
{
    cloudabi_fd_t fd = stream("echo");
    char bytes[32] = {0};
    size_t done;
    CHECK_RETURNS(put(fd, "hello world", 11, &done), 0);
    CHECK(done == 11);
    CHECK(is_ready(fd, false, 2000));
    CHECK_RETURNS(receive(fd, bytes, 5, CLOUDABI_SOCK_RECV_PEEK, &done), 0);
    CHECK(done == 5 && memcmp(bytes, "hello", 5) == 0);
    CHECK_RETURNS(receive(fd, bytes, 11, CLOUDABI_SOCK_RECV_WAITALL, &done), 0);
    CHECK(done == 11 && memcmp(bytes, "hello world", 11) == 0);
    CHECK(!is_ready(fd, false, 20));
    CHECK(is_ready(fd, true, 2000));
    set_nonblock(fd, true);
    CHECK_RETURNS(get(fd, bytes, 1, &done), CLOUDABI_EAGAIN);
    set_nonblock(fd, false);
    CHECK_RETURNS(put(fd, "end", 3, &done), 0);
    CHECK_RETURNS(cloudabi_sys_sock_shutdown(fd, CLOUDABI_SHUT_WR), 0);
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_EPIPE);
    CHECK_RETURNS(receive(fd, bytes, sizeof(bytes), CLOUDABI_SOCK_RECV_WAITALL, &done), 0);
    CHECK(done == 3);
    CHECK_RETURNS(get(fd, bytes, 1, &done), 0);
    CHECK(done == 0);
    CHECK(hung_up(fd, false));
    CHECK_RETURNS(cloudabi_sys_fd_pread(fd, NULL, 0, 0, &done) != 0, true);
    close_fd(fd);
}

static void test_backpressure(void)
{
    static char bytes[3 * RING];
    cloudabi_fd_t fd = stream("sink"), go_fd;
    size_t done = 0, sent = 0;
    set_nonblock(fd, true);
    CHECK_RETURNS(put(fd, bytes, sizeof(bytes), &done), 0);
    CHECK(done == RING);
    CHECK_RETURNS(put(fd, bytes, 1, &sent), CLOUDABI_EAGAIN);
    CHECK(!is_ready(fd, true, 20));
    open_with(root, "go", 0, RW, 0, &go_fd);
    CHECK(is_ready(fd, true, 2000));
    set_nonblock(fd, false);
    CHECK_RETURNS(put(fd, bytes, sizeof(bytes), &done), 0);
    CHECK(done == sizeof(bytes));
    close_fd(fd);
}

static void test_ends(void)
{
    char bytes[16];
    size_t done;
    cloudabi_fd_t fd = stream("zero");
    CHECK_RETURNS(get(fd, bytes, 1, &done), 0);
    CHECK(done == 0 && hung_up(fd, false));
    close_fd(fd);
    fd = stream("refuse");
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_EPIPE);
    CHECK(hung_up(fd, true));
    close_fd(fd);
    fd = stream("abort");
    CHECK_RETURNS(put(fd, "x", 1, &done), 0);
    CHECK_RETURNS(get(fd, bytes, 1, &done), CLOUDABI_ECONNRESET);
    CHECK_RETURNS(put(fd, "x", 1, &done), CLOUDABI_ECONNRESET);
    CHECK(hung_up(fd, false));
    close_fd(fd);
    fd = stream("quota");
    CHECK_RETURNS(cloudabi_sys_sock_shutdown(fd, CLOUDABI_SHUT_RD), 0);
    CHECK_RETURNS(receive(fd, bytes, 10, CLOUDABI_SOCK_RECV_WAITALL, &done), 0);
    CHECK_RETURNS(get(fd, bytes, 1, &done), 0);
    CHECK(done == 0);
    close_fd(fd);
}

#define PINGS 100000u

static void test_ping_pong(void)
{
    cloudabi_fd_t fd = stream("echo");
    unsigned good = 0;
    uint64_t begin = now();
    for (unsigned i = 0; i < PINGS; i++) {
        char out = (char)i, in = 0;
        size_t done = 0;
        if (put(fd, &out, 1, &done) != 0 || get(fd, &in, 1, &done) != 0 || done != 1 || in != out)
            break;
        good++;
    }
    CHECK(good == PINGS);
    printf("# %u ns a round trip\n", (unsigned)((now() - begin) / PINGS));
    close_fd(fd);
}

/* The same through poll, and from several streams at once. */
#define POLLED 5000u

static void *poll_pong(void *argument)
{
    cloudabi_fd_t fd = stream("echo");
    uintptr_t good = 0;
    (void)argument;
    set_nonblock(fd, true);
    for (unsigned i = 0; i < POLLED; i++) {
        char in = 0;
        size_t done = 0;
        if (put(fd, "p", 1, &done) != 0 || !is_ready(fd, false, 5000) ||
            get(fd, &in, 1, &done) != 0)
            break;
        good++;
    }
    close_fd(fd);
    return (void *)good;
}

static void test_poll_pong(void)
{
    pthread_t threads[4];
    uintptr_t good = 0;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, poll_pong, NULL);
    for (unsigned i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += (uintptr_t)result;
    }
    errno = (int)good;
    CHECK(good == 4 * POLLED);
}

#define BULK (4u << 20)

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at ^ at >> 8 ^ at >> 16);
}

static void *send_bulk(void *argument)
{
    cloudabi_fd_t fd = *(cloudabi_fd_t *)argument;
    static unsigned char bytes[7001];
    size_t at = 0, len = 1, done;
    while (at < BULK) {
        len = (len * 17 + 3) % sizeof(bytes) + 1;
        if (len > BULK - at)
            len = BULK - at;
        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern(at + i);
        if (put(fd, bytes, len, &done) != 0 || done != len)
            break;
        at += len;
    }
    cloudabi_sys_sock_shutdown(fd, CLOUDABI_SHUT_WR);
    return NULL;
}

static void test_bulk(void)
{
    static unsigned char bytes[9001];
    cloudabi_fd_t fd = stream("echo");
    pthread_t thread;
    size_t at = 0, done = 1, bad = 0;
    pthread_create(&thread, NULL, send_bulk, &fd);
    while (done > 0 && get(fd, bytes, 1 + at % sizeof(bytes), &done) == 0)
        for (size_t i = 0; i < done; i++)
            bad += bytes[i] != pattern(at++);
    pthread_join(thread, NULL);
    errno = (int)at;
    CHECK(at == BULK && bad == 0);
    close_fd(fd);
}

/* Several threads of one descriptor: every byte comes back to somebody, once. */
static cloudabi_fd_t common;

static void *writer(void *argument)
{
    size_t done;
    for (unsigned i = 0; i < 2000; i++)
        if (put(common, "abcdefg", 7, &done) != 0 || done != 7)
            return (void *)1;
    return argument;
}

static void *reader(void *argument)
{
    char bytes[100];
    uintptr_t total = 0;
    size_t done = 0;
    (void)argument;
    while (get(common, bytes, sizeof(bytes), &done) == 0 && done > 0)
        total += done;
    return (void *)total;
}

static void test_threads(void)
{
    pthread_t writers[3], readers[3];
    uintptr_t total = 0, failed = 0;
    void *result;
    common = stream("echo");
    for (unsigned i = 0; i < 3; i++) {
        pthread_create(&writers[i], NULL, writer, NULL);
        pthread_create(&readers[i], NULL, reader, NULL);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(writers[i], &result);
        failed += (uintptr_t)result;
    }
    cloudabi_sys_sock_shutdown(common, CLOUDABI_SHUT_WR);
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(readers[i], &result);
        total += (uintptr_t)result;
    }
    CHECK(failed == 0 && total == 3 * 2000 * 7);
    close_fd(common);
}

/* More streams than there are channels, one after the other and many at once. */
static void test_many(void)
{
    cloudabi_fd_t fds[200];
    unsigned good = 0;
    for (unsigned i = 0; i < PORT_CHANNELS + 100; i++) {
        cloudabi_fd_t fd = stream(i % 2 == 0 ? "echo" : "quota");
        good += fd != NO_FD;
        close_fd(fd);
    }
    CHECK(good == PORT_CHANNELS + 100);
    good = 0;
    for (unsigned i = 0; i < 200; i++)
        fds[i] = stream("echo");
    for (unsigned i = 0; i < 200; i++) {
        size_t done;
        good += put(fds[i], &i, sizeof(i), &done) == 0;
    }
    for (unsigned i = 0; i < 200; i++) {
        unsigned back = ~0u;
        size_t done;
        good += get(fds[i], &back, sizeof(back), &done) == 0 && back == i;
        close_fd(fds[i]);
    }
    CHECK(good == 400);
}

/* Streams come, bring bytes of their own and go from several threads: nobody gets another's bytes, or none. */
static void *short_lives(void *argument)
{
    uintptr_t good = 0;
    (void)argument;
    for (unsigned i = 0; i < 800; i++) {
        char bytes[10] = {0};
        size_t done;
        cloudabi_fd_t fd = stream("quota");
        good += receive(fd, bytes, 10, CLOUDABI_SOCK_RECV_WAITALL, &done) == 0 && done == 10 &&
                memcmp(bytes, "0123456789", 10) == 0;
        close_fd(fd);
    }
    return (void *)good;
}

static void test_short_lives(void)
{
    pthread_t threads[4];
    uintptr_t good = 0;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, short_lives, NULL);
    for (unsigned i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += (uintptr_t)result;
    }
    errno = (int)good;
    CHECK(good == 4 * 800);
}

static void hang_in_read(cloudabi_fd_t unused, void *argument)
{
    cloudabi_fd_t fd = *(cloudabi_fd_t *)argument;
    char byte;
    size_t done;
    (void)unused;
    get(fd, &byte, 1, &done);
    cloudabi_sys_proc_exit(1);
}

static void test_killed_reader(void)
{
    cloudabi_fd_t fd = stream("quiet"), reader_of;
    char bytes[10];
    size_t done;
    CHECK_RETURNS(receive(fd, bytes, 10, CLOUDABI_SOCK_RECV_WAITALL, &done), 0);
    reader_of = start(hang_in_read, port, &fd);
    close_fd(fd);
    sleep_ms(20);
    CHECK(channels_left(1));
    close_fd(reader_of);
    CHECK(channels_left(0));
}

static void *close_later(void *argument)
{
    (void)argument;
    sleep_ms(20);
    close_fd(service);
    return NULL;
}

static void test_service_killed(void)
{
    cloudabi_fd_t fd = stream("sink"), full = stream("sink");
    static char bytes[2 * RING];
    pthread_t thread;
    size_t done;
    pthread_create(&thread, NULL, close_later, NULL);
    CHECK_RETURNS(get(fd, bytes, 1, &done), CLOUDABI_EIO);
    pthread_join(thread, NULL);
    sleep_ms(20); /* one stream ends after the other */
    CHECK_RETURNS(put(full, bytes, 1, &done), CLOUDABI_EIO);
    CHECK(hung_up(full, false) && hung_up(full, true));
    close_fd(fd);
    close_fd(full);
}

int main(void)
{
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0)
        return 1;
    service = start(serve, port, NULL);
    test_echo();
    test_backpressure();
    test_ends();
    test_ping_pong();
    test_poll_pong();
    test_bulk();
    test_threads();
    test_many();
    test_short_lives();
    CHECK(channels_left(0));
    test_killed_reader();
    test_service_killed();
    return tap_end();
}
