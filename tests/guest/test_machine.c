/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program can do with the processor itself: flags, segments, stack pointers and system call
 * instructions of its own making, floating-point state.  Nothing of it may hurt the kernel or reach
 * another process.
 */
#include <pthread.h>
#include <stdlib.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

/* --- a system call instruction of our own ------------------------------------------------------------- */

struct registers {
    uint64_t rax, rdx, rdi, rsi, r8, r9, r10, flags;
};

static struct registers bare_call(uint64_t number, uint64_t a, uint64_t b)
{
    struct registers r;
    uint64_t rcx, r11;

    register uint64_t r8 __asm__("r8") = 0x8888, r9 __asm__("r9") = 0x9999,
                         r10 __asm__("r10") = 0x1010;
    __asm__ volatile("syscall; pushfq; popq %[flags]"
                     : [flags] "=&b"(r.flags), "=a"(r.rax), "=d"(r.rdx), "=D"(r.rdi), "=S"(r.rsi),
                       "+r"(r8), "+r"(r9), "+r"(r10), "=c"(rcx)
                     : "1"(number), "2"((uint64_t)0xd0d0), "3"(a), "4"(b)
                     : "r11", "memory");
    (void)r11;
    (void)rcx;
    r.r8 = r8;
    r.r9 = r9;
    r.r10 = r10;
    return r;
}

static void test_call_convention(void)
{
    struct registers r = bare_call(CLOUDABI_CALL_FD_CLOSE, 4000, 0);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_EBADF);
    CHECK(r.rdi == 0 && r.rsi == 0 && r.rdx == 0 && r.r8 == 0 && r.r9 == 0 && r.r10 == 0);
    r = bare_call(CLOUDABI_CALL_THREAD_YIELD, 0, 0);
    CHECK(!(r.flags & 1) && r.rax == 0);
    r = bare_call(CLOUDABI_NCALLS, 0, 0);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_ENOSYS);
    r = bare_call(0xffffffffu, 0, 0);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_ENOSYS);
    r = bare_call((uint64_t)1 << 32 | CLOUDABI_CALL_THREAD_YIELD, 0,
                  0); /* the number has 32 bits */
    CHECK(!(r.flags & 1) && r.rax == 0);
    r = bare_call(CLOUDABI_CALL_RANDOM_GET, 0x8000000000000000, 16);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_EFAULT);
    r = bare_call(CLOUDABI_CALL_RANDOM_GET, 0xffffffff80200000, 16);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_EFAULT);
    r = bare_call(CLOUDABI_CALL_RANDOM_GET, 0x00007fffffffeff8, 16);
    CHECK((r.flags & 1) && r.rax == CLOUDABI_EFAULT);
}

/* The stack pointer is the program's own business. */
static void test_stack_pointers(void)
{
    static const uint64_t pointers[] = {
        0, 1, 0x8000000000000000, 0xffffffff80200000, 0xffff800000000000, 0xffffffffffffffff};

    for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
        uint64_t rax = CLOUDABI_CALL_THREAD_YIELD, after;
        __asm__ volatile(
            "movq %%rsp, %%r12; movq %[wild], %%rsp; syscall; movq %%rsp, %[after]; movq %%r12, %%rsp"
            : "+a"(rax), [after] "=&r"(after)
            : [wild] "b"(pointers[i])
            : "r12", "rcx", "r11", "rdx", "rdi", "rsi", "r8", "r9", "r10", "memory", "cc");
        CHECK(rax == 0 && after == pointers[i]);
    }
}

static void test_flags(void)
{
    struct registers r;

    __asm__ volatile("std");
    r = bare_call(CLOUDABI_CALL_FD_CLOSE, 4000, 0);
    __asm__ volatile("cld");
    CHECK(r.rax == CLOUDABI_EBADF && (r.flags & 0x400));
    __asm__ volatile("pushfq; orq $0x44000, (%%rsp); popfq" : : : "cc", "memory"); /* AC, NT */
    r = bare_call(CLOUDABI_CALL_FD_CLOSE, 4000, 0);
    __asm__ volatile("pushfq; andq $~0x44000, (%%rsp); popfq" : : : "cc", "memory");
    CHECK(r.rax == CLOUDABI_EBADF);
}

/* --- what ends a process -------------------------------------------------------------------------------- */

static uint32_t single_step(void *arg)
{
    (void)arg;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "cc", "memory");
    return 0;
}

static uint32_t single_step_call(void *arg)
{
    (void)arg;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; syscall"
                     :
                     : "a"(CLOUDABI_CALL_THREAD_YIELD)
                     : "cc", "memory", "rcx", "r11", "rdx", "rdi", "rsi", "r8", "r9", "r10");
    return 0;
}

static uint32_t breakpoint(void *arg)
{
    (void)arg;
    __asm__ volatile("int3");
    return 0;
}

static uint32_t old_call(void *arg)
{
    (void)arg;
    __asm__ volatile("int $0x80" : : "a"(1));
    return 0;
}

static uint32_t interrupt_of_the_kernel(void *arg)
{
    (void)arg;
    __asm__ volatile("int $0xf2");
    return 0;
}

static uint32_t wild_stack(void *arg)
{
    (void)arg;
    __asm__ volatile("movq %0, %%rsp; pushq $1" : : "r"(0x8000000000000000) : "memory");
    return 0;
}

static uint32_t wild_jump(void *arg)
{
    (void)arg;
    __asm__ volatile("jmpq *%0" : : "r"(0x0000800000000000));
    return 0;
}

static uint32_t no_thread_pointer(void *arg)
{
    (void)arg;
    __asm__ volatile("movw %w0, %%fs; movq %%fs:0, %%rax" : : "r"(0) : "rax");
    return 0;
}

static uint32_t sse_exception(void *arg)
{
    uint32_t mxcsr = 0x1d80; /* division by zero unmasked */
    (void)arg;
    __asm__ volatile(
        "ldmxcsr %0; pxor %%xmm1, %%xmm1; movl $1, %%eax; cvtsi2sdl %%eax, %%xmm0; divsd %%xmm1, %%xmm0"
        :
        : "m"(mxcsr)
        : "eax", "xmm0", "xmm1");
    return 0;
}

/* The exception is pending over a few system calls and switches before it is looked for. */
static uint32_t x87_exception(void *arg)
{
    uint16_t control = 0x37b;
    (void)arg;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp %%st, %%st(1)" : : "m"(control));
    for (int i = 0; i < 20; i++)
        cloudabi_sys_thread_yield();
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp %%st, %%st(1); fwait" : : "m"(control));
    return 0;
}

static void test_endings(void)
{
    static const struct {
        uint32_t (*run)(void *);
        cloudabi_signal_t signal;
        cloudabi_signal_t emulated; /* what an emulator may make of it */
    } cases[] = {
        {single_step, CLOUDABI_SIGTRAP, CLOUDABI_SIGTRAP},
        {single_step_call, CLOUDABI_SIGTRAP, CLOUDABI_SIGTRAP},
        {breakpoint, CLOUDABI_SIGTRAP, CLOUDABI_SIGTRAP},
        {old_call, CLOUDABI_SIGSEGV, CLOUDABI_SIGSEGV},
        {interrupt_of_the_kernel, CLOUDABI_SIGSEGV, CLOUDABI_SIGSEGV},
        {wild_stack, CLOUDABI_SIGBUS, CLOUDABI_SIGSEGV},
        {wild_jump, CLOUDABI_SIGSEGV, CLOUDABI_SIGSEGV},
        {no_thread_pointer, CLOUDABI_SIGSEGV, CLOUDABI_SIGSEGV},
        {sse_exception, CLOUDABI_SIGFPE, 0},
        {x87_exception, CLOUDABI_SIGFPE, CLOUDABI_SIGFPE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cloudabi_event_t end = in_child(cases[i].run, NULL);
        cloudabi_signal_t signal = end.proc_terminate.signal;
        CHECK(end.error == 0 && (signal == cases[i].signal || signal == cases[i].emulated));
    }
}

/* --- segments ------------------------------------------------------------------------------------------- */

static bool has_fsgsbase(void)
{
    uint32_t a = 7, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b & 1;
}

static uint32_t plays_with_gs(void *arg)
{
    (void)arg;
    __asm__ volatile("movw %w0, %%gs; movw %w0, %%es; movw %w0, %%ds" : : "r"(0x23));
    if (has_fsgsbase())
        __asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0xae, 0xd8"
                         :
                         : "a"(0xffffffff80200000)); /* wrgsbase rax */
    for (int i = 0; i < 1000; i++)
        cloudabi_sys_thread_yield();
    for (volatile int i = 0; i < 20000000; i++) /* long enough to be interrupted */
        ;
    return 7;
}

static void test_segments(void)
{
    cloudabi_event_t end = in_child(plays_with_gs, NULL);
    CHECK(end.error == 0 && end.proc_terminate.signal == 0 && end.proc_terminate.exitcode == 7);
}

/* --- floating point over preemption ----------------------------------------------------------------------- */

#define FPU_THREADS 6
#define FPU_ROUNDS  300

static void *keeps_registers(void *arg)
{
    uint64_t mine = (uint64_t)(uintptr_t)arg * 0x0101010101010101u, found[2];
    uint32_t mxcsr = 0x1f80 | ((uint32_t)(uintptr_t)arg & 3) << 13, now;
    uintptr_t bad = 0;

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    for (int i = 0; i < FPU_ROUNDS; i++) {
        __asm__ volatile("movq %[mine], %%xmm7; movq %[mine], %%xmm15; movl $20000, %%ecx\n"
                         "1: decl %%ecx; jnz 1b; movq %%xmm7, %[low]; movq %%xmm15, %[high]"
                         : [low] "=&r"(found[0]), [high] "=&r"(found[1])
                         : [mine] "r"(mine)
                         : "xmm7", "xmm15", "ecx");
        bad += found[0] != mine || found[1] != mine;
        if (i % 16 == 0)
            cloudabi_sys_thread_yield();
        __asm__ volatile("stmxcsr %0" : "=m"(now));
        bad += (now & ~0x3fu) != mxcsr;
    }
    return (void *)bad;
}

static void test_registers_kept(void)
{
    pthread_t threads[FPU_THREADS];
    uintptr_t bad = 0;
    void *result;

    for (uintptr_t i = 0; i < FPU_THREADS; i++)
        if (pthread_create(&threads[i], NULL, keeps_registers, (void *)(i + 1)) != 0)
            bad++;
    for (unsigned i = 0; i < FPU_THREADS; i++)
        bad += pthread_join(threads[i], &result) != 0 || result != NULL;
    CHECK(bad == 0);
}

#define SECRET 0x5ec2e75ec2e7

static uint32_t holds_secret(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        __asm__ volatile("movq %0, %%xmm9; movq %0, %%xmm3" : : "r"(SECRET) : "xmm9", "xmm3");
        cloudabi_sys_thread_yield();
    }
    return 0;
}

/* After a system call the registers hold nothing of another process. */
static void test_registers_do_not_leak(void)
{
    cloudabi_fd_t child;
    cloudabi_tid_t tid;
    uint64_t seen = 0, a, b;

    cloudabi_errno_t error = cloudabi_sys_proc_fork(&child, &tid);
    if (error == 0 && child == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(holds_secret(NULL));
    CHECK(error == 0);
    for (int i = 0; i < 2000; i++) {
        __asm__ volatile("pxor %%xmm9, %%xmm9; pxor %%xmm3, %%xmm3" : : : "xmm9", "xmm3");
        cloudabi_sys_thread_yield();
        __asm__ volatile("movq %%xmm9, %0; movq %%xmm3, %1" : "=r"(a), "=r"(b));
        seen += a == SECRET || b == SECRET;
    }
    CHECK(seen == 0);
    cloudabi_sys_fd_close(child);
}

int main(void)
{
    test_call_convention();
    test_stack_pointers();
    test_flags();
    test_endings();
    test_segments();
    test_registers_kept();
    test_registers_do_not_leak();
    return tap_end();
}
