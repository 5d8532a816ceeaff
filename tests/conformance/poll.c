/* SPDX-License-Identifier: BSD-2-Clause */
/* poll: clocks, descriptors and processes, alone and together. Locks are in locks.c. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define MANY 64

static cloudabi_subscription_t in[MANY];
static cloudabi_event_t out[MANY];
static size_t count;

static cloudabi_errno_t poll_n(size_t n)
{
    count = 77;
    memset(out, 0xee, sizeof(out));
    return cloudabi_sys_poll(in, out, n, &count);
}

static void on_clock(size_t i, cloudabi_clockid_t clock, uint64_t timeout,
                     cloudabi_subclockflags_t flags)
{
    in[i] =
        (cloudabi_subscription_t){.userdata = 1000 + i,
                                  .type = CLOUDABI_EVENTTYPE_CLOCK,
                                  .clock = {.clock_id = clock, .timeout = timeout, .flags = flags}};
}

static void on_fd(size_t i, cloudabi_eventtype_t type, cloudabi_fd_t fd)
{
    in[i] = (cloudabi_subscription_t){
        .userdata = 1000 + i,
        .type = type,
        .fd_readwrite = {.fd = fd, .flags = CLOUDABI_SUBSCRIPTION_FD_READWRITE_POLL}};
}

static void on_process(size_t i, cloudabi_fd_t fd)
{
    in[i] = (cloudabi_subscription_t){
        .userdata = 1000 + i, .type = CLOUDABI_EVENTTYPE_PROC_TERMINATE, .proc_terminate.fd = fd};
}

#define READABLE CLOUDABI_EVENTTYPE_FD_READ
#define WRITABLE CLOUDABI_EVENTTYPE_FD_WRITE
#define MONO     CLOUDABI_CLOCK_MONOTONIC

/* The one event that there is. */
static const cloudabi_event_t *event(size_t subscription)
{
    CHECK(count == 1 && out[0].userdata == 1000 + subscription &&
          out[0].type == in[subscription].type);
    return &out[0];
}

/* --- clocks -------------------------------------------------------------------------------------------- */

static const cloudabi_clockid_t walls[] = {CLOUDABI_CLOCK_MONOTONIC, CLOUDABI_CLOCK_REALTIME};

TEST_ROWS(poll, OK, "a time span", ROWS(walls) * 3)
{
    static const uint64_t spans[] = {0, 5, 20};
    uint64_t span = spans[row % 3] * MILLI;

    DESCRIBE("%u ms of clock %u", (unsigned)spans[row % 3], (unsigned)walls[row / 3]);
    on_clock(0, walls[row / 3], span, 0);
    uint64_t before = now();
    OK(poll_n(1));
    CHECK(event(0)->error == 0 && now() - before >= span);
}

TEST_ROWS(poll, OK, "a point in time", ROWS(walls) * 3)
{
    static const int64_t spans[] = {-1000, 0, 20};
    cloudabi_timestamp_t time;

    DESCRIBE("%d ms from now on clock %u", (int)spans[row % 3], (unsigned)walls[row / 3]);
    OK(cloudabi_sys_clock_time_get(walls[row / 3], 0, &time));
    int64_t span = spans[row % 3] * (int64_t)MILLI;
    time = span < 0 && time < (uint64_t)-span ? 0 : time + (uint64_t)span;
    on_clock(0, walls[row / 3], time, CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME);
    OK(poll_n(1));
    CHECK(event(0)->error == 0);
    cloudabi_timestamp_t after;
    OK(cloudabi_sys_clock_time_get(walls[row / 3], 0, &after));
    CHECK(after >= time);
}

TEST_ROWS(poll, OK, "a clock that does not exist gives EINVAL", 3)
{
    static const cloudabi_clockid_t wrong[] = {0, 5, 0xffffffff};

    on_clock(0, wrong[row], MILLI, 0);
    OK(poll_n(1));
    CHECK(event(0)->error == CLOUDABI_EINVAL);
}

TEST(poll, OK, "of several times the first")
{
    on_clock(0, MONO, 1000 * MILLI, 0);
    on_clock(1, MONO, 10 * MILLI, 0);
    on_clock(2, MONO, UINT64_MAX, 0);
    OK(poll_n(3));
    CHECK(event(1)->error == 0);
}

static void waste(void *arg)
{
    (void)arg;
    for (uint64_t end = now() + 60 * MILLI; now() < end;)
        continue;
}

TEST(poll, OK, "the time that the process uses")
{
    struct thread thread;

    start_thread(&thread, waste, NULL);
    on_clock(0, CLOUDABI_CLOCK_PROCESS_CPUTIME_ID, 10 * MILLI, 0);
    on_clock(1, MONO, 20000 * MILLI, 0);
    OK(poll_n(2));
    CHECK(event(0)->error == 0);
    join_thread(&thread);
}

/* --- descriptors ------------------------------------------------------------------------------------------ */

static const cloudabi_filetype_t kinds[] = {CLOUDABI_FILETYPE_SOCKET_STREAM,
                                            CLOUDABI_FILETYPE_SOCKET_DGRAM};

TEST_ROWS(poll, OK, "an empty socket can be written, not read", ROWS(kinds))
{
    cloudabi_fd_t pair[2];

    new_pair(kinds[row], pair);
    on_fd(0, READABLE, pair[0]);
    on_fd(1, WRITABLE, pair[0]);
    OK(poll_n(2));
    CHECK(event(1)->error == 0 && out[0].fd_readwrite.nbytes > 0 && out[0].fd_readwrite.flags == 0);
}

TEST_ROWS(poll, OK, "a socket with data can be read: how much is said", ROWS(kinds))
{
    cloudabi_fd_t pair[2];

    new_pair(kinds[row], pair);
    OK(put(pair[0], "abc", 3, &(size_t){0}));
    on_fd(0, READABLE, pair[1]);
    OK(poll_n(1));
    CHECK(event(0)->error == 0 && out[0].fd_readwrite.nbytes == 3 &&
          out[0].fd_readwrite.flags == 0);
}

TEST_ROWS(poll, OK, "HANGUP when the other end is closed", ROWS(kinds) * 2)
{
    cloudabi_fd_t pair[2];

    new_pair(kinds[row / 2], pair);
    OK(cloudabi_sys_fd_close(pair[1]));
    on_fd(0, row % 2 ? WRITABLE : READABLE, pair[0]);
    OK(poll_n(1));
    CHECK((event(0)->fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0 ||
          out[0].error == CLOUDABI_EPIPE);
}

static cloudabi_fd_t waiting_on[2];

static uint32_t acts_late(void *arg)
{
    nap(20 * MILLI);
    return *(int *)arg ? cloudabi_sys_sock_shutdown(waiting_on[0], CLOUDABI_SHUT_WR)
                       : put(waiting_on[0], "abc", 3, &(size_t){0});
}

TEST_ROWS(poll, OK, "waits until something happens", ROWS(kinds) * 2)
{
    int closes = row % 2;

    DESCRIBE("%#x, %s", kinds[row / 2], closes ? "the end" : "data");
    new_pair(kinds[row / 2], waiting_on);
    cloudabi_fd_t child = start_child(acts_late, &closes);
    on_fd(0, READABLE, waiting_on[1]);
    on_clock(1, MONO, 20000 * MILLI, 0);
    OK(poll_n(2));
    CHECK(event(0)->error == 0);
    CHECK(finish_child(child) == 0);
}

TEST_ROWS(poll, OK, "files are always ready", 2)
{
    on_fd(0, row ? WRITABLE : READABLE, file_with("f", "text"));
    OK(poll_n(1));
    CHECK(event(0)->error == 0);
}

TEST_ROWS(poll, OK, "a descriptor that is not open gives EBADF", 4)
{
    static const cloudabi_fd_t wrong[] = {9999, 0xffffffff, 0x80000000, 4095};

    on_fd(0, READABLE, wrong[row]);
    on_clock(1, MONO, 20000 * MILLI, 0);
    OK(poll_n(2));
    CHECK(event(0)->error == CLOUDABI_EBADF);
}

TEST_ROWS(poll, OK, "a descriptor without the right gives ENOTCAPABLE", 2)
{
    cloudabi_fd_t pair[2];

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    on_fd(0, row ? WRITABLE : READABLE,
          narrowed(pair[0], CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE, 0));
    OK(poll_n(1));
    CHECK(event(0)->error == CLOUDABI_ENOTCAPABLE);
}

TEST(poll, OK, "what is ready and what is wrong, all at once")
{
    cloudabi_fd_t pair[2];

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    on_fd(0, READABLE, pair[0]); /* nothing there */
    on_fd(1, WRITABLE, pair[0]);
    on_fd(2, READABLE, 9999);
    on_clock(3, MONO, 0, 0);
    on_clock(4, MONO, 20000 * MILLI, 0);
    OK(poll_n(5));
    CHECK(count == 3);
    CHECK(out[0].userdata == 1001 && out[1].userdata == 1002 && out[2].userdata == 1003);
}

TEST_ROWS(poll, OK, "many subscriptions", 3)
{
    static const size_t counts[] = {7, 20, MANY};
    cloudabi_fd_t pair[2];

    DESCRIBE("%u", (unsigned)counts[row]);
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    for (size_t i = 0; i + 1 < counts[row]; i++)
        on_fd(i, READABLE, pair[i % 2]);
    on_clock(counts[row] - 1, MONO, 10 * MILLI, 0);
    OK(poll_n(counts[row]));
    CHECK(event(counts[row] - 1)->error == 0);
    OK(put(pair[0], "x", 1, &(size_t){0}));
    OK(poll_n(counts[row]));
    CHECK(count >= (counts[row] - 1) / 2);
}

/* --- processes --------------------------------------------------------------------------------------------- */

static uint32_t exits_late(void *arg)
{
    nap(20 * MILLI);
    return *(uint32_t *)arg;
}

TEST_ROWS(poll, OK, "the end of a process, as often as one asks", 3)
{
    static uint32_t codes[] = {0, 7, 0xffffffff};
    cloudabi_fd_t child = start_child(exits_late, &codes[row]);

    on_process(0, child);
    on_clock(1, MONO, 20000 * MILLI, 0);
    for (int i = 0; i < 3; i++) {
        OK(poll_n(2));
        CHECK(event(0)->error == 0 && out[0].proc_terminate.signal == 0 &&
              out[0].proc_terminate.exitcode == codes[row]);
    }
}

TEST(poll, OK, "a process that goes on")
{
    uint32_t code = 0;

    on_process(0, start_child(exits_late, &code));
    on_clock(1, MONO, MILLI, 0);
    OK(poll_n(2));
    CHECK(event(1)->error == 0);
}

TEST_ROWS(poll, OK, "what is no process, or not open, or without the right", 3)
{
    static const cloudabi_errno_t errors[] = {CLOUDABI_EBADF, CLOUDABI_ENOTCAPABLE,
                                              CLOUDABI_ENOTCAPABLE};
    uint32_t code = 0;

    on_process(0, row == 0 ? 9999
                  : row == 1
                      ? dir
                      : narrowed(start_child(exits_late, &code), CLOUDABI_RIGHT_FILE_STAT_FGET, 0));
    OK(poll_n(1));
    CHECK(event(0)->error == errors[row]);
}

/* --- errors of the call itself ------------------------------------------------------------------------------- */

TEST_ROWS(poll, EINVAL, "no subscriptions, or far too many", 4)
{
    static const size_t counts[] = {0, 1u << 20, (size_t)1 << 40, SIZE_MAX};

    DESCRIBE("%llu", (unsigned long long)counts[row]);
    on_clock(0, MONO, 0, 0);
    REFUSED(poll_n(counts[row]));
    CHECK(count == 77);
}

TEST_ROWS(poll, OK, "a type that does not exist gives EINVAL", 3)
{
    static const cloudabi_eventtype_t types[] = {0, 8, 255};

    on_clock(0, MONO, 0, 0);
    in[0].type = types[row];
    cloudabi_errno_t error = poll_n(1);
    CHECK(error == CLOUDABI_EINVAL || (error == 0 && out[0].error == CLOUDABI_EINVAL));
}

static _Atomic(cloudabi_lock_t) lock;

static void on_lock(size_t i)
{
    in[i] =
        (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_LOCK_WRLOCK,
                                  .lock = {.lock = &lock, .lock_scope = CLOUDABI_SCOPE_PRIVATE}};
}

TEST_ROWS(poll, EINVAL, "a lock together with what is no clock", 4)
{
    static const char *const what[] = {"a file behind", "a file before", "a second lock",
                                       "two clocks"};
    cloudabi_fd_t fd = file_with("f", "text");

    DESCRIBE("%s", what[row]);
    on_lock(row == 1);
    if (row < 2)
        on_fd(row == 0, READABLE, fd);
    else if (row == 2)
        on_lock(1);
    else {
        on_clock(1, MONO, 0, 0);
        on_clock(2, MONO, 0, 0);
    }
    REFUSED(poll_n(row == 3 ? 3 : 2));
    CHECK(lock == 0);
}

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

TEST_ROWS(poll, EFAULT, "in is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_poll(bad_places[row], out, 1, &count));
}

TEST_ROWS(poll, EFAULT, "out is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    on_clock(0, MONO, 0, 0);
    REFUSED(cloudabi_sys_poll(in, bad_places[row], 1, &count));
}

TEST(poll, EFAULT, "in crosses the end of memory")
{
    cloudabi_subscription_t *at = (void *)edge(2 * sizeof(*at) - 1);

    on_clock(0, MONO, 0, 0);
    memcpy(at, in, sizeof(*at));
    REFUSED(cloudabi_sys_poll(at, out, 2, &count));
}

TEST(poll, ENOMEM, "no memory for many subscriptions")
{
    for (size_t i = 0; i < MANY; i++)
        on_clock(i, MONO, 0, 0);
    OK(poll_n(MANY)); /* so that all pages are there */
    SHORTAGE(poll_n(MANY), (void)0);
}
