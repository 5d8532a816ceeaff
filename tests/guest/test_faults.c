/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each allocation of the kernel fails once: in a child that makes all kinds of calls, the Nth allocation from the
 * start fails, for N = 1, 2, 3 ... until none is left to fail.  A call may then give ENOMEM (or EFAULT, where
 * memory for the
 * caller's own page was missing), the child may end by SIGBUS, but nothing may be left over afterwards.
 */
#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define PAGE 4096
#define RW   (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define ANON (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)

static cloudabi_fd_t fault, usage, self;
static unsigned step;      /* of the child: what it was doing */
static uint32_t something; /* of the child: 1 if any call failed */
static unsigned felt;      /* children that noticed the failure */

/* Argument data: a map {"again": fd 0}. */
static const unsigned char again_data[] = {6, 0x87, 8, 'a', 'g', 'a', 'i', 'n',
                                           0, 0x85, 3, 0,   0,   0,   0};

static void arm(unsigned countdown)
{
    char text[12];
    size_t done;
    snprintf(text, sizeof(text), "%u", countdown);
    put(fault, text, strlen(text), &done);
}

/* Ends the child unless the call went well or ran out of memory. */
static bool fine(cloudabi_errno_t error)
{
    step++;
    if (error != 0 && error != CLOUDABI_ENOMEM && error != CLOUDABI_EFAULT &&
        error != CLOUDABI_ENOSPC && error != CLOUDABI_EAGAIN)
        cloudabi_sys_proc_exit(step << 8 | error);
    something |= error != 0;
    return error == 0;
}

static void memory_calls(void)
{
    void *mem, *hole;
    if (fine(cloudabi_sys_mem_map(NULL, 16 * PAGE, RW, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem))) {
        fine(cloudabi_sys_random_get(mem, 3 * PAGE));
        fine(cloudabi_sys_mem_protect((char *)mem + PAGE, PAGE, CLOUDABI_PROT_READ));
        fine(cloudabi_sys_mem_map((char *)mem + 8 * PAGE, PAGE, RW, ANON | CLOUDABI_MAP_FIXED,
                                  CLOUDABI_MAP_ANON_FD, 0, &hole));
        fine(cloudabi_sys_mem_unmap((char *)mem + 4 * PAGE, PAGE));
        fine(cloudabi_sys_mem_unmap(mem, 16 * PAGE));
    }
    if (fine(cloudabi_sys_mem_map(NULL, 4 * PAGE, RW, CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED,
                                  CLOUDABI_MAP_ANON_FD, 0, &mem))) {
        fine(cloudabi_sys_random_get(mem, 4 * PAGE));
        fine(cloudabi_sys_mem_unmap(mem, 4 * PAGE));
    }
}

static void descriptor_calls(void)
{
    cloudabi_fd_t a, b, c;
    cloudabi_filestat_t stat = {.st_size = 5 * PAGE};
    char buf[100] = {0};
    size_t done;
    if (fine(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &a))) {
        fine(cloudabi_sys_file_stat_fput(a, &stat, CLOUDABI_FILESTAT_SIZE));
        void *mem;
        if (fine(cloudabi_sys_mem_map(NULL, 5 * PAGE, RW, CLOUDABI_MAP_SHARED, a, 0, &mem)))
            fine(cloudabi_sys_random_get(mem, 5 * PAGE));
    }
    if (fine(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b))) {
        if (fine(put(a, buf, sizeof(buf), &done)))
            fine(get(b, buf, done, &done));
        fine(cloudabi_sys_fd_dup(a, &c));
    }
    if (fine(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &a, &b))) {
        cloudabi_ciovec_t data = {.buf = buf, .buf_len = 10};
        cloudabi_send_in_t in = {.si_data = &data, .si_data_len = 1, .si_fds = &a, .si_fds_len = 1};
        cloudabi_send_out_t out;
        fine(cloudabi_sys_sock_send(a, &in, &out)); /* and left lying there */
    }
}

static void process_calls(void)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    if (fine(cloudabi_sys_proc_fork(&process, &tid))) {
        if (process == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(0);
        cloudabi_event_t end = wait_process(process);
        fine(end.error);
    }
    fine(nap(1000));
}

static uint32_t calls(void *countdown)
{
    arm(*(unsigned *)countdown);
    memory_calls();
    descriptor_calls();
    process_calls();
    return something;
}

static uint32_t execs(void *countdown)
{
    cloudabi_fd_t fds[1] = {usage};
    arm(*(unsigned *)countdown);
    fine(cloudabi_sys_proc_exec(self, again_data, sizeof(again_data), fds, 1));
    return something;
}

/* The value behind NAME in the text of jobs/usage. */
static unsigned long used(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void read_usage(char *text, size_t size)
{
    size_t done = 0;
    memset(text, 0, size);
    get_at(usage, text, size - 1, 0, &done);
}

/* One sweep; true if every child ended as it may. */
static bool sweep(uint32_t (*run)(void *), unsigned count)
{
    bool good = true;
    for (unsigned n = 1; n <= count; n++) {
        cloudabi_event_t end = in_child(run, &n);
        cloudabi_signal_t signal = end.proc_terminate.signal;
        bool fine_end =
            end.error == 0 && (signal == CLOUDABI_SIGBUS || signal == CLOUDABI_SIGKILL ||
                               signal == CLOUDABI_SIGSEGV || end.proc_terminate.exitcode <= 1);
        if (!fine_end)
            printf("# fault %u: errno %u, signal %u, exit %#x\n", n, end.error, signal,
                   end.proc_terminate.exitcode);
        good = good && fine_end;
        felt += signal != 0 || end.proc_terminate.exitcode != 0;
    }
    return good;
}

static void check_sweep(uint32_t (*run)(void *), unsigned count)
{
    static const char *const classes[] = {"\nprocess ", "\nvmspace ",  "\narea ",   "\nmemobj ",
                                          "\nfile ",    "\nfd_table ", "\nsocket ", "\nmessage ",
                                          "\nthread ",  "\nfutex "};
    char before[4096], after[4096];
    CHECK(sweep(run, 10)); /* what is kept for reuse is there after this */
    read_usage(before, sizeof(before));
    felt = 0;
    CHECK(sweep(run, count));
    printf("# %u of %u children noticed\n", felt, count);
    CHECK(felt >= 10 && felt < count); /* it works, and nothing is left to fail in the end */
    read_usage(after, sizeof(after));
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        bool same = used(before, classes[i]) == used(after, classes[i]);
        if (!tap_ok(same, classes[i] + 1, __FILE__, __LINE__))
            printf("# %lu, now %lu\n", used(before, classes[i]), used(after, classes[i]));
    }
    CHECK(used(after, "\nfree_frames ") + 64 > used(before, "\nfree_frames "));
}

int main(void)
{
    if (grant_fd("again") >= 0)
        return 0;
    if (grant_fd("self") < 0 || grant_fd("fault") < 0 || grant_fd("usage") < 0)
        return 77; /* not granted: skipped */
    self = (cloudabi_fd_t)grant_fd("self");
    fault = (cloudabi_fd_t)grant_fd("fault");
    usage = (cloudabi_fd_t)grant_fd("usage");
    check_sweep(calls, 160);
    check_sweep(execs, 120);
    return tap_end();
}
