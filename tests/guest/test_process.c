/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes: fork, exit codes, faults, signals, the process descriptor. */
#include "tests/guest/call.h"
#include "tests/guest/tap.h"

static uint32_t exits(void *code)
{
    return *(uint32_t *)code;
}

static uint32_t raises(void *signal)
{
    cloudabi_sys_proc_raise(*(cloudabi_signal_t *)signal);
    return 5;
}

static uint32_t divides(void *zero)
{
    volatile int by = *(int *)zero;

    __asm__ volatile("cltd; idivl %0" : : "r"(by), "a"(1) : "edx", "cc");
    return 0;
}

static uint32_t illegal(void *arg)
{
    (void)arg;
    __asm__ volatile("ud2");
    return 0;
}

static uint32_t privileged(void *arg)
{
    (void)arg;
    __asm__ volatile("cli");
    return 0;
}

static uint32_t port_io(void *arg)
{
    (void)arg;
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
    return 0;
}

static uint32_t noncanonical(void *arg)
{
    (void)arg;
    return *(volatile uint32_t *)0x8000000000000000ULL;
}

static uint32_t kernel_address(void *arg)
{
    (void)arg;
    return *(volatile uint32_t *)0xffffffff80000000ULL;
}

static uint32_t jumps_into_kernel(void *arg)
{
    (void)arg;
    ((void (*)(void))0xffffffff80000000ULL)();
    return 0;
}

static uint32_t overflows(void *arg)
{
    volatile char frame[65536];

    frame[0] = 1;
    return frame[0] == 0 ? 0 : overflows(arg) + (uint32_t)frame[0];
}

static void test_exit_codes(void)
{
    uint32_t codes[] = {0, 1, 255, 256, 0x80000000, 0xffffffff};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        cloudabi_event_t end = in_child(exits, &codes[i]);
        CHECK(end.error == 0 && end.proc_terminate.signal == 0 &&
              end.proc_terminate.exitcode == codes[i]);
    }
}

static void test_signals(void)
{
    cloudabi_signal_t fatal[] = {CLOUDABI_SIGABRT, CLOUDABI_SIGTERM, CLOUDABI_SIGKILL,
                                 CLOUDABI_SIGUSR1, CLOUDABI_SIGPIPE};
    cloudabi_signal_t ignored[] = {CLOUDABI_SIGCHLD, CLOUDABI_SIGURG, CLOUDABI_SIGCONT, 0};

    for (size_t i = 0; i < 4; i++)
        CHECK(in_child(raises, &fatal[i]).proc_terminate.signal == fatal[i]);
    for (size_t i = 0; i < 4; i++)
        CHECK(in_child(raises, &ignored[i]).proc_terminate.exitcode == 5);
    CHECK(in_child(raises, &fatal[4]).proc_terminate.exitcode == 5);
    CHECK_RETURNS(cloudabi_sys_proc_raise(27), CLOUDABI_EINVAL);
}

static void test_faults(void)
{
    int zero = 0;

    CHECK(in_child(divides, &zero).proc_terminate.signal == CLOUDABI_SIGFPE);
    CHECK(in_child(illegal, NULL).proc_terminate.signal == CLOUDABI_SIGILL);
    CHECK(in_child(privileged, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
    CHECK(in_child(port_io, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
    CHECK(in_child(noncanonical, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
    CHECK(in_child(kernel_address, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
    CHECK(in_child(jumps_into_kernel, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
    CHECK(in_child(overflows, NULL).proc_terminate.signal == CLOUDABI_SIGSEGV);
}

static void test_descriptor(void)
{
    cloudabi_fd_t process = 0, a, b;
    cloudabi_fdstat_t stat;
    cloudabi_tid_t tid;
    cloudabi_errno_t forked;
    size_t done = 99;
    char byte;

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    forked = cloudabi_sys_proc_fork(&process, &tid);
    if (forked == 0 && process == CLOUDABI_PROCESS_CHILD) {
        cloudabi_sys_fd_close(a);
        for (;;)
            nap(1000000000);
    }
    if (!CHECK(forked == 0))
        return;
    cloudabi_sys_fd_close(b);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(process, &stat), 0);
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_PROCESS);
    CHECK(stat.fs_rights_base == 0x40080000 && stat.fs_rights_inheriting == 0);
    CHECK_RETURNS(get(process, &byte, 1, &done), CLOUDABI_ENOTCAPABLE);
    /* Closing the last descriptor kills the child; its end of the pair closes with it. */
    CHECK_RETURNS(cloudabi_sys_fd_close(process), 0);
    CHECK_RETURNS(get(a, &byte, 1, &done), 0);
    CHECK(done == 0);
    cloudabi_sys_fd_close(a);
}

static void test_many(void)
{
    uint32_t code = 3;
    int good = 0;

    for (int i = 0; i < 100; i++)
        good += in_child(exits, &code).proc_terminate.exitcode == 3;
    CHECK(good == 100);
}

static void test_poll_again(void)
{
    uint32_t code = 9;
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid;
    cloudabi_errno_t forked;

    forked = cloudabi_sys_proc_fork(&process, &tid);
    if (forked == 0 && process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(code);
    if (!CHECK(forked == 0))
        return;
    CHECK(wait_process(process).proc_terminate.exitcode == 9);
    CHECK(wait_process(process).proc_terminate.exitcode == 9);
    cloudabi_sys_fd_close(process);
}

int main(void)
{
    test_exit_codes();
    test_signals();
    test_faults();
    test_descriptor();
    test_poll_again();
    test_many();
    return tap_end();
}
