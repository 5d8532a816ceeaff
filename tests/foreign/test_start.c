/* SPDX-License-Identifier: BSD-2-Clause */
/* How a foreign program finds itself: registers, auxiliary vector, vDSO, thread pointer, RELRO, constructors,
 * signals. */
#include "tests/foreign/foreign.h"

int ctor_order;
static volatile int first_ctor, second_ctor;

__attribute__((constructor)) static void ctor_a(void)
{
    first_ctor = ++ctor_order;
}

__attribute__((constructor)) static void ctor_b(void)
{
    second_ctor = ++ctor_order;
}

static const char *const pointers[] = {"one", "two", "three"};
static _Thread_local int initialised = 77;
static _Thread_local struct {
    char bytes[64];
} __attribute__((aligned(64))) aligned;
static int data = 5;
static char big_bss[300000];

static void test_entry(void)
{
    CHECK_IS((entry_state.rsp + 8) % 16, 0);
    CHECK_IS(entry_state.rflags & 0x400, 0);
    CHECK_IS(entry_state.mxcsr, 0x1f80);
    CHECK_IS(entry_state.fpu_control, 0x37f);
    CHECK(entry_state.tcb != 0);
    uint64_t *base;
    __asm__("mov %%fs:0, %0" : "=r"(base));
    CHECK((uint64_t)base != entry_state.tcb && base[0] == *(uint64_t *)entry_state.tcb);
}

static void test_auxv(void)
{
    static const uint32_t needed[] = {3, 4, 6, 7, 258, 259, 260, 261, 262, 263};
    const uint8_t *pid, *canary;
    uint64_t ors = 0;

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        CHECK(aux_find(needed[i]) != NULL);
    CHECK_IS(aux_find(6)->a_val, 4096);
    CHECK((uint64_t)aux_find(7)->a_ptr % PAGE == 0);
    CHECK(memcmp(aux_find(7)->a_ptr, "\177ELF", 4) == 0);
    CHECK_IS((uint64_t)aux_find(3)->a_ptr - (uint64_t)aux_find(7)->a_ptr, 64);
    pid = aux_find(263)->a_ptr;
    CHECK(pid[6] >> 4 == 4 && pid[8] >> 6 == 2);
    canary = aux_find(258)->a_ptr;
    CHECK(aux_find(259)->a_val >= 8);
    for (size_t i = 0; i < 8; i++)
        ors |= canary[i];
    CHECK(ors != 0);
    CHECK(aux_find(261)->a_val > 0 && aux_find(261)->a_val < 1u << 30);
    CHECK(aux_find(260)->a_val >= 1 && aux_find(260)->a_val <= 4);
    CHECK_IS(aux_find(262)->a_ptr == NULL, false);
    /* The canary and the id are writable or not: they stay where they are. */
    CHECK(memcmp(aux_find(262)->a_ptr, "\177ELF", 4) == 0);
}

#define LINKED(name)                  \
    extern void *foreign_call_##name; \
    all = all && foreign_call_##name != NULL && *(volatile uint8_t *)foreign_call_##name != 0xcc;

static void test_image(void)
{
    bool all = true, zero = true;

    CLOUDABI_ALL_CALLS(LINKED)
    CHECK(all);
    CHECK(pointers[2][0] == 't' && pointers[1][1] == 'w');
    CHECK_IS(initialised, 77);
    CHECK((uint64_t)&aligned % 64 == 0 && aligned.bytes[3] == 0);
    CHECK_IS(data++, 5);
    for (size_t i = 0; i < sizeof(big_bss); i++)
        zero = zero && big_bss[i] == 0;
    CHECK(zero);
    CHECK(first_ctor == 1 && second_ctor == 2);
    CHECK(relro_len >= PAGE);
    CHECK(arg_tmpdir != NO_FD && arg_logfile != NO_FD);
}

static void write_relro(void *unused)
{
    (void)unused;
    *(volatile uint64_t *)relro_start = 1;
}

static void write_text(void *unused)
{
    (void)unused;
    *(volatile uint8_t *)aux_find(7)->a_ptr = 1;
}

static void run_stack(void *unused)
{
    uint8_t code[16] = {0xc3};

    (void)unused;
    __asm__ volatile("call *%0" : : "r"(code) : "memory");
}

static void run_ud2(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
}

static void run_divide(void *unused)
{
    (void)unused;
    __asm__ volatile("div %%ecx" : : "a"(1), "d"(0), "c"(0));
}

static void run_trap(void *unused)
{
    (void)unused;
    __asm__ volatile("int3");
}

static void run_noncanonical(void *unused)
{
    (void)unused;
    *(volatile char *)UINT64_C(0x8000000000001234) = 1;
}

static void run_privileged(void *unused)
{
    (void)unused;
    __asm__ volatile("cli");
}

static void run_float(void *unused)
{
    uint16_t control = 0x37f & ~4u;

    (void)unused;
    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
}

static void run_overflow(void *unused)
{
    (void)unused;
    __asm__ volatile("1: push %rax\n\tjmp 1b");
}

static void run_file_end(void *unused)
{
    cloudabi_fd_t fd;
    void *at;

    (void)unused;
    if (open_at(arg_tmpdir, "short", O_READ | O_WRITE | O_MAKE | O_CUT, &fd) != 0 ||
        cloudabi_sys_mem_map(NULL, PAGE, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd, 0, &at) != 0)
        cloudabi_sys_proc_exit(9);
    (void)*(volatile char *)at;
}

static void test_faults(void)
{
    CHECK_IS(in_child(write_relro, NULL).proc_terminate.signal, CLOUDABI_SIGSEGV);
    CHECK_IS(in_child(write_text, NULL).proc_terminate.signal, CLOUDABI_SIGSEGV);
    CHECK_IS(in_child(run_stack, NULL).proc_terminate.signal, CLOUDABI_SIGSEGV);
    CHECK_IS(in_child(run_ud2, NULL).proc_terminate.signal, CLOUDABI_SIGILL);
    CHECK_IS(in_child(run_divide, NULL).proc_terminate.signal, CLOUDABI_SIGFPE);
    CHECK_IS(in_child(run_trap, NULL).proc_terminate.signal, CLOUDABI_SIGTRAP);
    CHECK_IS(in_child(run_privileged, NULL).proc_terminate.signal != 0, true);
    CHECK_IS(in_child(run_float, NULL).proc_terminate.signal, CLOUDABI_SIGFPE);
    CHECK_IS(in_child(run_overflow, NULL).proc_terminate.signal, CLOUDABI_SIGSEGV);
    uint8_t signal = in_child(run_noncanonical, NULL).proc_terminate.signal;
    CHECK(signal == CLOUDABI_SIGSEGV || signal == CLOUDABI_SIGBUS);
    CHECK_IS(in_child(run_file_end, NULL).proc_terminate.signal, CLOUDABI_SIGBUS);
}

static void raise_it(void *signal)
{
    if (cloudabi_sys_proc_raise(*(uint8_t *)signal) != 0)
        cloudabi_sys_proc_exit(250);
    cloudabi_sys_proc_exit(0xdeadbeef);
}

static void test_signals(void)
{
    for (uint8_t i = 0; i <= 28; i++) {
        if (i == CLOUDABI_SIGSTOP || i == CLOUDABI_SIGTSTP || i == CLOUDABI_SIGTTIN ||
            i == CLOUDABI_SIGTTOU)
            continue;
        bool nothing = i == 0 || i == CLOUDABI_SIGCHLD || i == CLOUDABI_SIGCONT ||
                       i == CLOUDABI_SIGPIPE || i == CLOUDABI_SIGURG;
        cloudabi_event_t event = in_child(raise_it, &i);
        say("# signal ");
        say_number(i);
        say("\n");
        CHECK_IS(event.proc_terminate.signal, nothing || i > 26 ? 0 : i);
        CHECK_IS(event.proc_terminate.exitcode, nothing ? 0xdeadbeef : i > 26 ? 250 : 0);
    }
}

/* A stopped child does not run; closing its descriptor ends it all the same. */
static void test_stop(void)
{
    static const uint8_t stops[] = {CLOUDABI_SIGSTOP, CLOUDABI_SIGTSTP, CLOUDABI_SIGTTIN,
                                    CLOUDABI_SIGTTOU};
    cloudabi_fd_t process, pair[2];
    char byte;
    size_t done;

    for (size_t i = 0; i < 4; i++) {
        CHECK_IS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &pair[0], &pair[1]), 0);
        if (fork_child(&process)) {
            (void)cloudabi_sys_fd_close(pair[0]);
            (void)cloudabi_sys_proc_raise(stops[i]);
            (void)put(pair[1], "x", 1, &done);
            cloudabi_sys_proc_exit(1);
        }
        (void)cloudabi_sys_fd_close(pair[1]);
        cloudabi_subscription_t in[2] = {
            {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE, .proc_terminate.fd = process},
            {.type = CLOUDABI_EVENTTYPE_CLOCK,
             .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 30000000}}};
        cloudabi_event_t out[2];
        size_t count = 0;
        CHECK_IS(cloudabi_sys_poll(in, out, 2, &count), 0);
        CHECK(count == 1 && out[0].type == CLOUDABI_EVENTTYPE_CLOCK);
        CHECK_IS(cloudabi_sys_fd_close(process), 0);
        CHECK(get(pair[0], &byte, 1, &done) == 0 && done == 0);
        (void)cloudabi_sys_fd_close(pair[0]);
    }
}

static void test_clocks(void)
{
    uint64_t a, b, resolution, random[4] = {0};

    for (uint32_t clock = 1; clock <= 4; clock++) {
        CHECK_IS(cloudabi_sys_clock_res_get(clock, &resolution), 0);
        CHECK(resolution > 0 && resolution <= 10000000);
        CHECK_IS(cloudabi_sys_clock_time_get(clock, 1000000, &a), 0);
        for (volatile int i = 0; i < 200000; i++)
            ;
        CHECK_IS(cloudabi_sys_clock_time_get(clock, 0, &b), 0);
        CHECK(b > a);
    }
    CHECK_IS(cloudabi_sys_clock_time_get(0, 0, &a), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_clock_time_get(5, 0, &a), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_clock_res_get(5, &a), CLOUDABI_EINVAL);
    CHECK_IS(cloudabi_sys_clock_time_get(3, 0, &a), 0);
    CHECK(a > UINT64_C(1600000000000000000));
    CHECK_IS(cloudabi_sys_random_get(random, sizeof(random)), 0);
    CHECK(random[0] != random[1] && random[2] != random[3]);
    CHECK_IS(cloudabi_sys_random_get(big_bss, sizeof(big_bss)), 0);
    CHECK_IS(cloudabi_sys_random_get((void *)8, 8), CLOUDABI_EFAULT);
}

void program(void)
{
    test_entry();
    test_auxv();
    test_image();
    test_faults();
    test_signals();
    test_stop();
    test_clocks();
}
