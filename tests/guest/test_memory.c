/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory: mapping, protection, W^X, copy on write, and bad pointers, which are errors and not faults. */
#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define PAGE 4096
#define ANON (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)
#define RW   (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)

static cloudabi_errno_t map(size_t pages, cloudabi_mprot_t prot, char **out)
{
    return cloudabi_sys_mem_map(NULL, pages * PAGE, prot, ANON, CLOUDABI_MAP_ANON_FD, 0,
                                (void **)out);
}

static uint32_t child_reads(void *address)
{
    return *(volatile unsigned char *)address;
}

static uint32_t child_writes(void *address)
{
    *(volatile char *)address = 1;
    return 0;
}

static uint32_t child_calls(void *address)
{
    ((void (*)(void))address)();
    return 0;
}

static bool dies(uint32_t (*run)(void *), void *arg, cloudabi_signal_t signal)
{
    cloudabi_event_t end = in_child(run, arg);

    return end.error == 0 && end.proc_terminate.signal == signal;
}

static void test_map(void)
{
    char *mem = NULL;

    CHECK_RETURNS(map(16, RW, &mem), 0);
    CHECK(((uintptr_t)mem & (PAGE - 1)) == 0);
    CHECK(mem[0] == 0 && mem[16 * PAGE - 1] == 0);
    memset(mem, 7, 16 * PAGE);
    /* A hole in the middle: the rest stays. */
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem + 4 * PAGE, 2 * PAGE), 0);
    CHECK(mem[4 * PAGE - 1] == 7 && mem[6 * PAGE] == 7);
    CHECK(dies(child_reads, mem + 4 * PAGE, CLOUDABI_SIGSEGV));
    CHECK(dies(child_reads, mem + 6 * PAGE - 1, CLOUDABI_SIGSEGV));
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 16 * PAGE), 0);
    CHECK(dies(child_reads, mem, CLOUDABI_SIGSEGV));
    CHECK_RETURNS(map(0, RW, &mem), CLOUDABI_EINVAL);
    CHECK_RETURNS(map(1, 0x40, &mem), CLOUDABI_ENOTSUP);
}

static void test_fixed(void)
{
    char *mem, *again = NULL;

    CHECK_RETURNS(map(4, RW, &mem), 0);
    memset(mem, 7, 4 * PAGE);
    CHECK_RETURNS(cloudabi_sys_mem_map(mem + PAGE, PAGE, RW, ANON | CLOUDABI_MAP_FIXED,
                                       CLOUDABI_MAP_ANON_FD, 0, (void **)&again),
                  0);
    CHECK(again == mem + PAGE);
    CHECK(mem[0] == 7 && mem[PAGE] == 0 && mem[2 * PAGE] == 7);
    /* Nothing of the kernel's half can be had. */
    CHECK(cloudabi_sys_mem_map((void *)0xffff800000000000, PAGE, RW, ANON | CLOUDABI_MAP_FIXED,
                               CLOUDABI_MAP_ANON_FD, 0, (void **)&again) != 0);
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 4 * PAGE), 0);
}

static void test_protection(void)
{
    char *mem;

    CHECK_RETURNS(map(4, RW, &mem), 0);
    memset(mem, 9, 4 * PAGE);
    CHECK_RETURNS(cloudabi_sys_mem_protect(mem, 4 * PAGE, RW | CLOUDABI_PROT_EXEC),
                  CLOUDABI_ENOTSUP);
    CHECK_RETURNS(map(1, RW | CLOUDABI_PROT_EXEC, &(char *){NULL}), CLOUDABI_ENOTSUP);
    CHECK_RETURNS(cloudabi_sys_mem_protect(mem + PAGE, PAGE, CLOUDABI_PROT_READ), 0);
    CHECK(mem[PAGE] == 9);
    CHECK(dies(child_writes, mem + PAGE, CLOUDABI_SIGSEGV));
    CHECK(!dies(child_writes, mem, CLOUDABI_SIGSEGV));
    CHECK_RETURNS(cloudabi_sys_mem_protect(mem + PAGE, PAGE, 0), 0);
    CHECK(dies(child_reads, mem + PAGE, CLOUDABI_SIGSEGV));
    CHECK_RETURNS(cloudabi_sys_mem_protect(mem + PAGE, PAGE, RW), 0);
    CHECK(mem[PAGE] == 9);
    CHECK(dies(child_calls, mem, CLOUDABI_SIGSEGV));
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 4 * PAGE), 0);
}

static uint32_t child_changes(void *arg)
{
    volatile char *mem = arg;

    for (int i = 0; i < 64; i++)
        mem[i * PAGE] = 'c';
    for (int i = 0; i < 64; i++)
        if (mem[i * PAGE] != 'c')
            return 1;
    return 42;
}

static void test_copy_on_write(void)
{
    char *mem;
    cloudabi_event_t end;
    int same = 0;

    CHECK_RETURNS(map(64, RW, &mem), 0);
    memset(mem, 'p', 64 * PAGE);
    end = in_child(child_changes, mem);
    CHECK(end.error == 0 && end.proc_terminate.exitcode == 42);
    for (int i = 0; i < 64; i++)
        same += mem[i * PAGE] == 'p';
    CHECK(same == 64);
    CHECK_RETURNS(cloudabi_sys_mem_advise(mem, 64 * PAGE, CLOUDABI_ADVICE_DONTNEED), 0);
    CHECK(mem[0] == 0 && mem[63 * PAGE] == 0);
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, 64 * PAGE), 0);
}

static void test_shared(void)
{
    cloudabi_fd_t fd;
    cloudabi_filestat_t size = {.st_size = 4 * PAGE};
    char *a = NULL, *b = NULL;

    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &size, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 4 * PAGE, RW, CLOUDABI_MAP_SHARED, fd, 0, (void **)&a),
                  0);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, PAGE, RW, CLOUDABI_MAP_SHARED, fd, 2 * PAGE, (void **)&b), 0);
    a[2 * PAGE] = 's';
    CHECK(b[0] == 's');
    CHECK(in_child(child_writes, b + 1).error == 0);
    CHECK(a[2 * PAGE + 1] == 1);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK(a[2 * PAGE] == 's');
    cloudabi_sys_mem_unmap(a, 4 * PAGE);
    cloudabi_sys_mem_unmap(b, PAGE);
}

static void test_bad_pointers(void)
{
    void *bad[] = {(void *)8, (void *)0x7fffffffffffULL, (void *)0xffffffff80000000ULL,
                   (void *)0xffff800000001000ULL, (void *)0x8000000000000000ULL};
    cloudabi_fd_t a, b;
    size_t done;
    char *mem;

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_RETURNS(cloudabi_sys_random_get(bad[i], 100), CLOUDABI_EFAULT);
        CHECK_RETURNS(cloudabi_sys_fd_stat_get(a, bad[i]), CLOUDABI_EFAULT);
        CHECK_RETURNS(cloudabi_sys_poll(bad[i], bad[i], 1, &done), CLOUDABI_EFAULT);
    }
    cloudabi_sys_fd_close(a);
    cloudabi_sys_fd_close(b);
    CHECK_RETURNS(map(2, RW, &mem), 0);
    CHECK_RETURNS(cloudabi_sys_mem_protect(mem + PAGE, PAGE, 0), 0);
    CHECK_RETURNS(cloudabi_sys_random_get(mem + PAGE - 50, 100), CLOUDABI_EFAULT);
    CHECK_RETURNS(cloudabi_sys_random_get(mem + PAGE - 50, 50), 0);
    CHECK_RETURNS(cloudabi_sys_random_get(mem, UINT64_C(0xfffffffffffffff0)), CLOUDABI_EFAULT);
    cloudabi_sys_mem_unmap(mem, 2 * PAGE);
}

static void test_exhaustion(void)
{
    char *mem;

    /* Address space without end does not exist; memory is only taken when touched. */
    CHECK(map((size_t)1 << 50, RW, &mem) != 0);
    CHECK_RETURNS(map(((size_t)1 << 30) / PAGE, RW, &mem), 0);
    mem[12345] = 1;
    CHECK_RETURNS(cloudabi_sys_mem_unmap(mem, (size_t)1 << 30), 0);
}

int main(void)
{
    test_map();
    test_fixed();
    test_protection();
    test_copy_on_write();
    test_shared();
    test_bad_pointers();
    test_exhaustion();
    return tap_end();
}
