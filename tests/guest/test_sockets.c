/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets between processes: blocking, large and small transfers, messages with descriptors, their cycles. */
#include "tests/guest/call.h"
#include "tests/guest/tap.h"

static cloudabi_fd_t pair[2];

static void make_pair(cloudabi_filetype_t type)
{
    CHECK_RETURNS(cloudabi_sys_fd_create2(type, &pair[0], &pair[1]), 0);
}

static void close_pair(void)
{
    cloudabi_sys_fd_close(pair[0]);
    cloudabi_sys_fd_close(pair[1]);
}

/* Starts RUN in a child, which then exits with its result. */
static cloudabi_fd_t start(uint32_t (*run)(void))
{
    cloudabi_fd_t process = NO_FD;
    cloudabi_tid_t tid;

    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(run());
    return process;
}

static uint32_t finish(cloudabi_fd_t process)
{
    cloudabi_event_t event = wait_process(process);

    cloudabi_sys_fd_close(process);
    return event.proc_terminate.signal != 0 ? 1000u : event.proc_terminate.exitcode;
}

/* --- between processes ------------------------------------------------------------------------ */

static uint32_t echo(void)
{
    char byte;
    size_t done;

    cloudabi_sys_fd_close(pair[0]);
    while (get(pair[1], &byte, 1, &done) == 0 && done == 1) {
        byte++;
        if (put(pair[1], &byte, 1, &done) != 0)
            return 1;
    }
    return 0;
}

static void test_ping_pong(cloudabi_filetype_t type)
{
    bool good = true;

    make_pair(type);
    cloudabi_fd_t child = start(echo);
    cloudabi_sys_fd_close(pair[1]);
    for (int i = 0; i < 1000 && good; i++) {
        char byte = (char)i;
        size_t done;
        good = put(pair[0], &byte, 1, &done) == 0 && get(pair[0], &byte, 1, &done) == 0 &&
               done == 1 && byte == (char)(i + 1);
    }
    CHECK(good);
    cloudabi_sys_fd_close(pair[0]);
    CHECK(finish(child) == 0);
}

#define BULK 1000000u
static uint8_t bulk[BULK];

static uint32_t write_bulk(void)
{
    size_t done;

    for (size_t i = 0; i < BULK; i++)
        bulk[i] = (uint8_t)(i * 7 + i / 251);
    return put(pair[0], bulk, BULK, &done) != 0 || done != BULK;
}

static void test_bulk(void)
{
    size_t total = 0, done = 1, piece = 1;
    bool good = true;

    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    cloudabi_fd_t child = start(write_bulk);
    cloudabi_sys_fd_close(pair[0]);
    while (total < BULK &&
           get(pair[1], bulk + total, piece < BULK - total ? piece : BULK - total, &done) == 0 &&
           done > 0) {
        total += done;
        piece = piece * 3 % 70001;
    }
    CHECK(total == BULK);
    for (size_t i = 0; i < BULK; i++)
        good = good && bulk[i] == (uint8_t)(i * 7 + i / 251);
    CHECK(good);
    CHECK(finish(child) == 0);
    CHECK(get(pair[1], bulk, 1, &done) == 0 && done == 0);
    cloudabi_sys_fd_close(pair[1]);
}

static uint32_t write_letters(char letter)
{
    static char chunk[4096];
    size_t done;

    memset(chunk, letter, sizeof(chunk));
    for (int i = 0; i < 100; i++)
        if (put(pair[0], chunk, sizeof(chunk), &done) != 0 || done != sizeof(chunk))
            return 1;
    return 0;
}

static uint32_t write_a(void)
{
    return write_letters('a');
}

static uint32_t write_b(void)
{
    return write_letters('b');
}

static void test_whole_writes(void)
{
    cloudabi_recv_out_t out;
    char chunk[4096];
    int uniform = 0, chunks = 0;

    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    cloudabi_fd_t a = start(write_a), b = start(write_b);
    cloudabi_sys_fd_close(pair[0]);
    for (;;) {
        cloudabi_iovec_t vec = {.buf = chunk, .buf_len = sizeof(chunk)};
        cloudabi_recv_in_t in = {
            .ri_data = &vec, .ri_data_len = 1, .ri_flags = CLOUDABI_SOCK_RECV_WAITALL};
        if (cloudabi_sys_sock_recv(pair[1], &in, &out) != 0 || out.ro_datalen != sizeof(chunk))
            break;
        chunks++;
        uniform += memcmp(chunk, chunk + 1, sizeof(chunk) - 1) == 0;
    }
    CHECK(chunks == 200);
    CHECK(uniform == 200);
    CHECK(finish(a) == 0 && finish(b) == 0);
    cloudabi_sys_fd_close(pair[1]);
}

static uint32_t write_until_refused(void)
{
    static char chunk[5000];
    size_t done;
    cloudabi_errno_t error;

    cloudabi_sys_fd_close(pair[1]);
    while ((error = put(pair[0], chunk, sizeof(chunk), &done)) == 0)
        continue;
    return error;
}

static void test_blocked_writer_learns_of_close(void)
{
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    cloudabi_fd_t child = start(write_until_refused);
    nap(20000000);
    cloudabi_sys_fd_close(pair[1]);
    CHECK(finish(child) == CLOUDABI_EPIPE);
    cloudabi_sys_fd_close(pair[0]);
}

static uint32_t read_for_ever(void)
{
    char byte;
    size_t done;

    return get(pair[0], &byte, 1, &done);
}

static void test_blocked_reader_can_be_killed(void)
{
    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    cloudabi_fd_t child = start(read_for_ever);
    nap(10000000);
    CHECK_RETURNS(cloudabi_sys_fd_close(child), 0); /* kills it */
    size_t done;
    char byte;
    cloudabi_sys_fd_close(pair[0]);
    CHECK(get(pair[1], &byte, 1, &done) == 0 &&
          done == 0); /* so its copy of the other end is gone */
    cloudabi_sys_fd_close(pair[1]);
}

static uint32_t write_late(void)
{
    size_t done;

    nap(20000000);
    put(pair[0], "late", 4, &done);
    return 0;
}

static void test_poll_wakes(void)
{
    cloudabi_event_t event;
    size_t count = 0;

    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    cloudabi_fd_t child = start(write_late);
    cloudabi_sys_fd_close(pair[0]);
    cloudabi_subscription_t in = {.type = CLOUDABI_EVENTTYPE_FD_READ, .fd_readwrite.fd = pair[1]};
    CHECK_RETURNS(cloudabi_sys_poll(&in, &event, 1, &count), 0);
    CHECK(count == 1 && event.error == 0 && event.fd_readwrite.nbytes == 4);
    finish(child);
    CHECK_RETURNS(cloudabi_sys_poll(&in, &event, 1, &count), 0);
    CHECK((event.fd_readwrite.flags & CLOUDABI_EVENT_FD_READWRITE_HANGUP) != 0);
    cloudabi_sys_fd_close(pair[1]);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void *map(size_t len, cloudabi_fd_t fd, cloudabi_mflags_t flags)
{
    void *at = NULL;

    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE, flags,
                                       fd, 0, &at),
                  0);
    return at;
}

static void test_untouched_memory(void)
{
    size_t done = 0, len = 40000;

    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    char *from = map(len, CLOUDABI_MAP_ANON_FD, CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE);
    char *to = map(len, CLOUDABI_MAP_ANON_FD, CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE);
    CHECK(put(pair[0], from, len, &done) == 0 && done == len);
    CHECK(get(pair[1], to + 1, len - 1, &done) == 0 && done == len - 1);
    CHECK_RETURNS(cloudabi_sys_mem_unmap(to + 4096 * 5, 4096), 0);
    CHECK(put(pair[0], from, len - 1, &done) == 0 && done == len - 1);
    CHECK(get(pair[1], to, len, &done) == 0 && done == 4096 * 5); /* what was in before the hole */
    CHECK_RETURNS(get(pair[1], to + 4096 * 5, 10, &done), CLOUDABI_EFAULT);
    CHECK(get(pair[1], to + 4096 * 6, 4096, &done) == 0 && done == 4096);
    cloudabi_sys_mem_unmap(from, len);
    cloudabi_sys_mem_unmap(to, len);
    close_pair();
}

static void test_shared_memory(void)
{
    cloudabi_fd_t fd = NO_FD, process;
    cloudabi_tid_t tid;
    cloudabi_filestat_t stat = {.st_size = 8192};
    size_t done = 0;
    char buf[8] = "";

    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    memset(&stat, 0, sizeof(stat));
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(fd, &stat), 0);
    CHECK(stat.st_size == 8192 && stat.st_filetype == CLOUDABI_FILETYPE_SHARED_MEMORY);
    char *memory = map(8192, fd, CLOUDABI_MAP_SHARED);
    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD) {
        strcpy(memory, "child");
        cloudabi_sys_proc_exit(0);
    }
    CHECK(finish(process) == 0);
    CHECK(strcmp(memory, "child") == 0);
    CHECK(get(fd, buf, 3, &done) == 0 && done == 3 && memcmp(buf, "chi", 3) == 0);
    CHECK(put(fd, "LD", 2, &done) == 0 && strcmp(memory, "chiLD") == 0);
    CHECK_RETURNS(cloudabi_sys_fd_pread(fd, NULL, 0, 0, &done), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(
        cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE | CLOUDABI_FILESTAT_MTIM),
        CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK(memory[0] == 'c'); /* the mapping holds the object */
    cloudabi_sys_mem_unmap(memory, 8192);
}

/* --- messages --------------------------------------------------------------------------------- */

static cloudabi_errno_t send_fds(cloudabi_fd_t sock, const char *text, const cloudabi_fd_t *fds,
                                 size_t count)
{
    cloudabi_ciovec_t vec = {.buf = text, .buf_len = strlen(text)};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1, .si_fds = fds, .si_fds_len = count};
    cloudabi_send_out_t out;

    return cloudabi_sys_sock_send(sock, &in, &out);
}

static void test_boundaries(void)
{
    char buf[16];
    cloudabi_fd_t got[3];
    cloudabi_iovec_t vec = {.buf = buf, .buf_len = sizeof(buf)};
    cloudabi_recv_in_t in = {.ri_data = &vec, .ri_data_len = 1, .ri_fds = got, .ri_fds_len = 1};
    cloudabi_recv_out_t out;
    size_t done = 0;

    make_pair(CLOUDABI_FILETYPE_SOCKET_STREAM);
    CHECK_RETURNS(put(pair[0], "A", 1, &done), 0);
    CHECK_RETURNS(send_fds(pair[0], "BC", pair, 2), 0);
    CHECK_RETURNS(put(pair[0], "DE", 2, &done), 0);
    CHECK(get(pair[1], buf, 16, &done) == 0 && done == 1);
    CHECK_RETURNS(cloudabi_sys_sock_recv(pair[1], &in, &out), 0);
    CHECK(out.ro_datalen == 4 && memcmp(buf, "BCDE", 4) == 0);
    CHECK(out.ro_fdslen == 1 && out.ro_flags == CLOUDABI_SOCK_RECV_FDS_TRUNCATED);
    CHECK_RETURNS(cloudabi_sys_fd_close(got[0]), 0);
    in.ri_fds_len = 0;
    CHECK_RETURNS(send_fds(pair[0], "F", pair, 2), 0);
    CHECK_RETURNS(cloudabi_sys_sock_recv(pair[1], &in, &out), 0);
    CHECK(out.ro_datalen == 1 && out.ro_fdslen == 0 && out.ro_flags == 0);
    in.ri_flags = CLOUDABI_SOCK_RECV_PEEK;
    CHECK_RETURNS(put(pair[0], "peek", 4, &done), 0);
    CHECK_RETURNS(cloudabi_sys_sock_recv(pair[1], &in, &out), 0);
    CHECK(out.ro_datalen == 4);
    CHECK(get(pair[1], buf, 16, &done) == 0 && done == 4);
    in.ri_flags = 0x8000;
    CHECK_RETURNS(cloudabi_sys_sock_recv(pair[1], &in, &out), CLOUDABI_EINVAL);
    close_pair();
}

/* If cycles stayed, the budget or the memory would run out. */
static void test_cycles(void)
{
    bool good = true;

    for (int i = 0; i < 20000 && good; i++) {
        cloudabi_fd_t a[2], b[2];
        good = cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a[0], &a[1]) == 0 &&
               cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &b[0], &b[1]) == 0 &&
               send_fds(a[0], "x", &b[1], 1) == 0 && send_fds(b[0], "y", &a[1], 1) == 0 &&
               send_fds(a[0], "z", a, 2) == 0;
        for (int j = 0; j < 2; j++)
            good = cloudabi_sys_fd_close(a[j]) == 0 && cloudabi_sys_fd_close(b[j]) == 0 && good;
    }
    CHECK(good);
}

int main(void)
{
    test_ping_pong(CLOUDABI_FILETYPE_SOCKET_STREAM);
    test_ping_pong(CLOUDABI_FILETYPE_SOCKET_DGRAM);
    test_bulk();
    test_whole_writes();
    test_blocked_writer_learns_of_close();
    test_blocked_reader_can_be_killed();
    test_poll_wakes();
    test_untouched_memory();
    test_shared_memory();
    test_boundaries();
    test_cycles();
    return tap_end();
}
