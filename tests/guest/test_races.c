/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Races that were found by reading the kernel, each driven until it would have been met: transfers that overtake
 * each other, mappings that change while their object does, processes that are killed in the middle of calls.
 * And that structures come without bytes of the kernel's in their padding.
 */
#include <pthread.h>
#include <stddef.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define PAGE 4096ul

static _Atomic bool stop;

static cloudabi_errno_t map(cloudabi_fd_t fd, size_t len, cloudabi_mprot_t prot,
                            cloudabi_mflags_t flags, void **at)
{
    return cloudabi_sys_mem_map(NULL, len, prot, flags, fd, 0, at);
}

static void flags_of(cloudabi_fd_t fd, cloudabi_fdflags_t flags)
{
    cloudabi_fdstat_t stat = {.fs_flags = flags};
    cloudabi_sys_fd_stat_put(fd, &stat, CLOUDABI_FDSTAT_FLAGS);
}

/* --- a peek, a reader, and messages with descriptors ----------------------------------------------------------- */

static cloudabi_fd_t stream[2];
static char plain[20480];

static void send_some(size_t len, bool with_descriptor)
{
    cloudabi_ciovec_t data = {.buf = plain, .buf_len = len};
    cloudabi_send_in_t in = {
        .si_data = &data, .si_data_len = 1, .si_fds = stream, .si_fds_len = with_descriptor};
    cloudabi_send_out_t out;
    cloudabi_sys_sock_send(stream[0], &in, &out);
}

static void fill(void)
{
    send_some(sizeof(plain), false);
    for (int i = 0; i < 32; i++)
        send_some(1024, true);
}

static void drain(void)
{
    static char buffer[65536];
    size_t done;
    while (get(stream[1], buffer, sizeof(buffer), &done) == 0)
        ;
}

static _Atomic unsigned turn, answered;

/* Each turn, one read after a while: everything before the messages. */
static void *read_in_between(void *arg)
{
    static char buffer[sizeof(plain)];
    size_t done;
    for (unsigned seen = 0; !stop;) {
        if (turn == seen) {
            cloudabi_sys_thread_yield();
            continue;
        }
        seen = turn;
        for (volatile unsigned wait = seen * 37 % 4000; wait > 0; wait--)
            ;
        get(stream[1], buffer, sizeof(buffer), &done);
        answered = seen;
    }
    return arg;
}

static bool only_zeros(const char *data, size_t len)
{
    while (len > 0 && data[len - 1] == 0)
        len--;
    return len == 0;
}

static bool peek_clean(void *buffer)
{
    cloudabi_iovec_t data = {.buf = buffer, .buf_len = 65536};
    cloudabi_recv_in_t in = {
        .ri_data = &data, .ri_data_len = 1, .ri_flags = CLOUDABI_SOCK_RECV_PEEK};
    cloudabi_recv_out_t out = {.ro_datalen = 0};
    cloudabi_errno_t error = cloudabi_sys_sock_recv(stream[1], &in, &out);
    bool good =
        error != 0 || (out.ro_datalen <= sizeof(plain) && only_zeros(buffer, out.ro_datalen));
    cloudabi_sys_mem_advise(buffer, 65536,
                            CLOUDABI_ADVICE_DONTNEED); /* so that the next one faults */
    return good;
}

static void test_peek(void)
{
    pthread_t reader;
    void *buffer;
    bool good = true;
    stop = false;
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &stream[0], &stream[1]),
                  0);
    flags_of(stream[0], CLOUDABI_FDFLAG_NONBLOCK);
    flags_of(stream[1], CLOUDABI_FDFLAG_NONBLOCK);
    CHECK_RETURNS(map(CLOUDABI_MAP_ANON_FD, 65536, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                      CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, &buffer),
                  0);
    pthread_create(&reader, NULL, read_in_between, NULL);
    for (uint64_t end = now() + 1500000000; now() < end && good;) {
        fill();
        unsigned mine = ++turn;
        good = peek_clean(buffer);
        while (answered != mine)
            cloudabi_sys_thread_yield();
        drain();
    }
    stop = true;
    pthread_join(reader, NULL);
    CHECK(good);
    cloudabi_sys_fd_close(stream[0]);
    cloudabi_sys_fd_close(stream[1]);
}

/* --- areas that are cut and joined while their object shrinks ----------------------------------------------------- */

#define PAGES 16ul

static char *shared;

static void *cut_and_join(void *arg)
{
    while (!stop) {
        cloudabi_sys_mem_protect(shared + 3 * PAGE, 5 * PAGE, CLOUDABI_PROT_READ);
        cloudabi_sys_mem_protect(shared + 3 * PAGE, 5 * PAGE,
                                 CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE);
    }
    return arg;
}

static cloudabi_errno_t resize(cloudabi_fd_t fd, uint64_t size)
{
    cloudabi_filestat_t stat = {.st_size = size};
    return cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE);
}

/* How many pages of SHARED can be read, as the kernel sees it. */
static unsigned readable(cloudabi_fd_t sink)
{
    unsigned count = 0;
    size_t done;
    char byte;
    for (size_t i = 0; i < PAGES; i++)
        if (put(sink, shared + i * PAGE, 1, &done) == 0) {
            count++;
            get(stream[1], &byte, 1, &done);
        }
    return count;
}

static void test_shrink(void)
{
    cloudabi_fd_t object = NO_FD;
    pthread_t thread;
    void *at;
    unsigned left = 0;
    stop = false;
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &stream[0], &stream[1]),
                  0);
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &object), 0);
    CHECK_RETURNS(resize(object, PAGES * PAGE), 0);
    CHECK_RETURNS(map(object, PAGES * PAGE, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                      CLOUDABI_MAP_SHARED, &at),
                  0);
    shared = at;
    pthread_create(&thread, NULL, cut_and_join, NULL);
    for (uint64_t end = now() + 1500000000; now() < end && left == 0;) {
        resize(object, PAGES * PAGE);
        readable(stream[0]);
        resize(object, 0);
        left = readable(stream[0]);
    }
    stop = true;
    pthread_join(thread, NULL);
    CHECK(left == 0);
    cloudabi_sys_mem_unmap(at, PAGES * PAGE);
    cloudabi_sys_fd_close(object);
    cloudabi_sys_fd_close(stream[0]);
    cloudabi_sys_fd_close(stream[1]);
}

/* --- processes that are killed anywhere ------------------------------------------------------- */

static void *busy_mapping(void *arg)
{
    void *at;
    for (;;)
        if (map(CLOUDABI_MAP_ANON_FD, 64 * PAGE, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, &at) == 0) {
            for (size_t i = 0; i < 64; i++)
                ((volatile char *)at)[i * PAGE] = 1;
            cloudabi_sys_mem_unmap(at, 64 * PAGE);
        }
    return arg;
}

static void *busy_forking(void *arg)
{
    for (;;) {
        cloudabi_fd_t child;
        cloudabi_tid_t tid;
        if (cloudabi_sys_proc_fork(&child, &tid) != 0)
            continue;
        if (child == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(0);
        cloudabi_sys_fd_close(child); /* mostly before it has ended */
    }
    return arg;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *busy_locking(void *arg)
{
    for (;;) {
        pthread_mutex_lock(&mutex);
        cloudabi_sys_thread_yield();
        pthread_mutex_unlock(&mutex);
    }
    return arg;
}

static void be_busy(void)
{
    static void *(*const what[])(void *) = {busy_mapping, busy_forking, busy_locking, busy_locking};
    pthread_t thread;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&thread, NULL, what[i], NULL);
    busy_mapping(NULL);
}

static void test_kill(void)
{
    bool good = true;
    for (unsigned i = 0; i < 60 && good; i++) {
        cloudabi_fd_t child;
        cloudabi_tid_t tid;
        good = cloudabi_sys_proc_fork(&child, &tid) == 0;
        if (good && child == CLOUDABI_PROCESS_CHILD)
            be_busy();
        nap(500000 + i * 300000);
        good = good && cloudabi_sys_fd_close(child) == 0;
    }
    CHECK(good);
}

/* --- padding ---------------------------------------------------------------------------------- */

/* Bytes of FROM to TO of a structure that was filled with ones before. */
#define PADDING(object, after, before)                                                      \
    only_zeros((const char *)&(object) + offsetof(__typeof__(object), after) +              \
                   sizeof((object).after),                                                  \
               offsetof(__typeof__(object), before) - offsetof(__typeof__(object), after) - \
                   sizeof((object).after))

static bool clean(cloudabi_fd_t fd)
{
    cloudabi_filestat_t stat;
    cloudabi_fdstat_t fdstat;
    memset(&stat, 0xff, sizeof(stat));
    memset(&fdstat, 0xff, sizeof(fdstat));
    if (cloudabi_sys_file_stat_fget(fd, &stat) != 0 || cloudabi_sys_fd_stat_get(fd, &fdstat) != 0)
        return false;
    return PADDING(stat, st_filetype, st_nlink) && PADDING(stat, st_nlink, st_size) &&
           PADDING(fdstat, fs_filetype, fs_flags) && PADDING(fdstat, fs_flags, fs_rights_base);
}

static void test_padding(void)
{
    cloudabi_fd_t fd[6], process = NO_FD;
    cloudabi_tid_t tid;
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &fd[0], &fd[1]), 0);
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &fd[2], &fd[3]), 0);
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd[4]), 0);
    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(0);
    CHECK(clean(fd[0]));
    CHECK(clean(fd[2]));
    CHECK(clean(fd[4]));
    CHECK(clean(process));
    for (unsigned i = 0; i < 5; i++)
        cloudabi_sys_fd_close(fd[i]);
    cloudabi_sys_fd_close(process);
}

int main(void)
{
    test_padding();
    test_peek();
    test_shrink();
    test_kill();
    return tap_end();
}
