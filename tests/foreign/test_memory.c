/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory as jemalloc and mmap users ask for it: alignment by trimming, commit and decommit, splits, files. */
#include "tests/foreign/foreign.h"

#define R     CLOUDABI_PROT_READ
#define W     CLOUDABI_PROT_WRITE
#define X     CLOUDABI_PROT_EXEC
#define ANON  CLOUDABI_MAP_ANON
#define FIXED CLOUDABI_MAP_FIXED
#define PRIV  CLOUDABI_MAP_PRIVATE
#define SHAR  CLOUDABI_MAP_SHARED
#define NONE  CLOUDABI_MAP_ANON_FD
#define MIB   (UINT64_C(1) << 20)

static cloudabi_errno_t map(void *at, size_t len, cloudabi_mprot_t prot, cloudabi_mflags_t flags,
                            cloudabi_fd_t fd, uint64_t off, char **out)
{
    return cloudabi_sys_mem_map(at, len, prot, flags, fd, off, (void **)out);
}

static void touch(void *at)
{
    *(volatile char *)at = 1;
}

static void look(void *at)
{
    (void)*(volatile char *)at;
}

static uint8_t signal_of(void (*run)(void *), void *at)
{
    return in_child(run, at).proc_terminate.signal;
}

static void test_arguments(void)
{
    char *at = NULL;

    CHECK_IS(map(NULL, PAGE, W | X, ANON | PRIV, NONE, 0, &at), CLOUDABI_ENOTSUP);
    CHECK_IS(map(NULL, PAGE, 8, ANON | PRIV, NONE, 0, &at), CLOUDABI_ENOTSUP);
    CHECK_IS(map(NULL, 0, R, ANON | PRIV, NONE, 0, &at), CLOUDABI_EINVAL);
    CHECK(map(NULL, PAGE, R, ANON | PRIV, 0, 0, &at) != 0);
    CHECK_IS(map(NULL, PAGE, R, ANON | PRIV, NONE, PAGE, &at), CLOUDABI_EINVAL);
    CHECK_IS(map(NULL, PAGE, R, ANON | PRIV | SHAR, NONE, 0, &at), CLOUDABI_EINVAL);
    CHECK_IS(map(NULL, PAGE, R, ANON, NONE, 0, &at), CLOUDABI_EINVAL);
    CHECK_IS(map((void *)1, PAGE, R, ANON | PRIV | FIXED, NONE, 0, &at), CLOUDABI_EINVAL);
    CHECK_IS(map(NULL, PAGE, R, PRIV, NO_FD, 0, &at), CLOUDABI_EBADF);
    CHECK(map(NULL, SIZE_MAX - PAGE, R, ANON | PRIV, NONE, 0, &at) != 0);
    CHECK_IS(map(NULL, 100, R | W, ANON | PRIV, NONE, 0, &at), 0);
    CHECK((uint64_t)at % PAGE == 0);
    at[PAGE - 1] = 1;
    CHECK_IS(cloudabi_sys_mem_protect(at, PAGE, W | X), CLOUDABI_ENOTSUP);
    CHECK_IS(cloudabi_sys_mem_protect(at, PAGE, 16), CLOUDABI_ENOTSUP);
    CHECK_IS(cloudabi_sys_mem_protect(at, PAGE, R | X), 0);
    CHECK_IS(cloudabi_sys_mem_unmap(at, 100), 0);
    CHECK_IS(signal_of(look, at), CLOUDABI_SIGSEGV);
}

static void test_arenas(void)
{
    char *chunk[3], *at;

    for (int i = 0; i < 3; i++) {
        CHECK_IS(map(NULL, 2 * MIB, i == 1 ? 0 : R | W, ANON | PRIV, NONE, 0, &chunk[i]), 0);
        if ((uint64_t)chunk[i] % (2 * MIB) == 0)
            continue;
        CHECK_IS(cloudabi_sys_mem_unmap(chunk[i], 2 * MIB), 0);
        CHECK_IS(map(NULL, 4 * MIB, i == 1 ? 0 : R | W, ANON | PRIV, NONE, 0, &at), 0);
        chunk[i] = (char *)(((uint64_t)at + 2 * MIB - 1) & -(2 * MIB));
        if (chunk[i] > at)
            CHECK_IS(cloudabi_sys_mem_unmap(at, (size_t)(chunk[i] - at)), 0);
        if (chunk[i] < at + 2 * MIB)
            CHECK_IS(cloudabi_sys_mem_unmap(chunk[i] + 2 * MIB, (size_t)(at + 2 * MIB - chunk[i])),
                     0);
    }
    CHECK_IS(signal_of(touch, chunk[1]), CLOUDABI_SIGSEGV);
    for (unsigned i = 0; i < 32; i++) {
        char *piece = chunk[1] + i * 8 * PAGE;
        if (map(piece, 4 * PAGE, R | W, ANON | PRIV | FIXED, NONE, 0, &at) != 0 || at != piece)
            CHECK(false);
        memset(piece, 7, 4 * PAGE);
    }
    CHECK_IS(signal_of(look, chunk[1] + 5 * PAGE), CLOUDABI_SIGSEGV);
    CHECK_IS(signal_of(touch, chunk[1] + 3 * PAGE), 0);
    CHECK_IS(map(chunk[1], 16 * PAGE, 0, ANON | PRIV | FIXED, NONE, 0, &at), 0);
    CHECK_IS(signal_of(look, chunk[1]), CLOUDABI_SIGSEGV);
    CHECK_IS(chunk[1][16 * PAGE], 7);
    CHECK_IS(map(chunk[1], 16 * PAGE, R | W, ANON | PRIV | FIXED, NONE, 0, &at), 0);
    CHECK_IS(chunk[1][0], 0);
    memset(chunk[0], 9, 64 * PAGE);
    CHECK_IS(cloudabi_sys_mem_advise(chunk[0] + PAGE, 62 * PAGE, CLOUDABI_ADVICE_DONTNEED), 0);
    CHECK(chunk[0][0] == 9 && chunk[0][PAGE] == 0 && chunk[0][62 * PAGE] == 0 &&
          chunk[0][63 * PAGE] == 9);
    for (uint8_t advice = 1; advice <= 6; advice++)
        CHECK_IS(cloudabi_sys_mem_advise(chunk[2], 2 * MIB, advice), 0);
    CHECK_IS(cloudabi_sys_mem_advise(chunk[2], 2 * MIB, 7), CLOUDABI_EINVAL);
    for (int i = 0; i < 3; i++)
        CHECK_IS(cloudabi_sys_mem_unmap(chunk[i], 2 * MIB), 0);
    CHECK_IS(signal_of(look, chunk[1] + 16 * PAGE), CLOUDABI_SIGSEGV);
}

static void test_splits(void)
{
    char *at;

    CHECK_IS(map(NULL, 16 * PAGE, R | W, ANON | PRIV, NONE, 0, &at), 0);
    memset(at, 3, 16 * PAGE);
    CHECK_IS(cloudabi_sys_mem_protect(at + 4 * PAGE, 4 * PAGE, R), 0);
    CHECK_IS(signal_of(touch, at + 5 * PAGE), CLOUDABI_SIGSEGV);
    CHECK_IS(signal_of(touch, at + 3 * PAGE), 0);
    CHECK_IS(signal_of(touch, at + 8 * PAGE), 0);
    CHECK_IS(cloudabi_sys_mem_unmap(at + 9 * PAGE, 2 * PAGE), 0);
    CHECK_IS(signal_of(look, at + 9 * PAGE), CLOUDABI_SIGSEGV);
    CHECK(at[11 * PAGE] == 3 && at[8 * PAGE] == 3 && at[5 * PAGE] == 3);
    CHECK_IS(cloudabi_sys_mem_protect(at + 4 * PAGE, 4 * PAGE, R | W), 0);
    at[5 * PAGE] = 4;
    CHECK_IS(cloudabi_sys_mem_protect(at, 9 * PAGE, 0), 0);
    CHECK_IS(signal_of(look, at), CLOUDABI_SIGSEGV);
    CHECK_IS(cloudabi_sys_mem_protect(at, 9 * PAGE, R), 0);
    CHECK(at[5 * PAGE] == 4 && at[0] == 3);
    CHECK_IS(cloudabi_sys_mem_unmap(at, 16 * PAGE), 0);
    CHECK_IS(cloudabi_sys_mem_unmap(at, 16 * PAGE), 0);
}

static bool filled(const char *at, size_t len, char with)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != with)
            return false;
    return true;
}

static void test_files(void)
{
    char *shared, *private, buf[64];
    cloudabi_fd_t fd, only;
    size_t done = 0;
    cloudabi_iovec_t in = {buf, 10};
    cloudabi_ciovec_t out = {"0123456789", 10};

    CHECK_IS(open_at(arg_tmpdir, "mapped", O_READ | O_WRITE | O_MAKE | O_CUT, &fd), 0);
    cloudabi_filestat_t stat = {.st_size = 3 * PAGE + 10};
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_IS(map(NULL, 4 * PAGE, R | W, SHAR, fd, 0, &shared), 0);
    CHECK_IS(map(NULL, 4 * PAGE, R | W, PRIV, fd, 0, &private), 0);
    memset(shared, 'a', PAGE);
    CHECK_IS(cloudabi_sys_fd_pread(fd, &in, 1, 5, &done), 0);
    CHECK(done == 10 && filled(buf, 10, 'a'));
    CHECK_IS(cloudabi_sys_fd_pwrite(fd, &out, 1, PAGE, &done), 0);
    CHECK(memcmp(shared + PAGE, "0123456789", 10) == 0 &&
          memcmp(private + PAGE, "0123456789", 10) == 0);
    private[PAGE] = 'p';
    CHECK(shared[PAGE] == '0');
    CHECK_IS(cloudabi_sys_fd_pwrite(fd, &out, 1, PAGE + 100, &done), 0);
    CHECK(private[PAGE] == 'p' && shared[PAGE + 100] == '0');
    CHECK(filled(shared + 3 * PAGE + 10, PAGE - 10, 0));
    for (uint8_t flags = 0; flags < 8; flags++) {
        bool good = flags == CLOUDABI_MS_ASYNC || flags == CLOUDABI_MS_SYNC ||
                    flags == (CLOUDABI_MS_ASYNC | CLOUDABI_MS_INVALIDATE) ||
                    flags == (CLOUDABI_MS_SYNC | CLOUDABI_MS_INVALIDATE);
        say("# msync flags ");
        say_number(flags);
        say("\n");
        if (good)
            CHECK_IS(cloudabi_sys_mem_sync(shared, 4 * PAGE, flags), 0);
    }
    stat.st_size = PAGE;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_IS(signal_of(look, shared + PAGE), CLOUDABI_SIGBUS);
    stat.st_size = 2 * PAGE;
    CHECK_IS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK(filled(shared + PAGE, PAGE, 0));
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
    shared[0] = 'z';
    CHECK_IS(open_at(arg_tmpdir, "mapped", O_READ, &only), 0);
    CHECK(get(only, buf, 2, &done) == 0 && buf[0] == 'z' && buf[1] == 'a');
    CHECK(map(NULL, PAGE, R | W, SHAR, only, 0, &private) != 0);
    CHECK_IS(map(NULL, PAGE, R, SHAR, only, 0, &private), 0);
    CHECK_IS(private[0], 'z');
    CHECK(cloudabi_sys_mem_protect(private, PAGE, R | W) != 0);
    CHECK_IS(map(NULL, PAGE, R | W, PRIV, only, 0, &private), 0);
    private[0] = 'q';
    CHECK_IS(shared[0], 'z');
    CHECK_IS(cloudabi_sys_fd_close(only), 0);
    CHECK_IS(cloudabi_sys_file_unlink(arg_tmpdir, "mapped", 6, 0), 0);
    CHECK_IS(shared[0], 'z');
    CHECK_IS(map(NULL, PAGE, R, PRIV, arg_tmpdir, 0, &private) != 0, true);
    CHECK_IS(open_at(arg_tmpdir, "only", O_WRITE | O_MAKE, &only), 0);
    CHECK_IS(map(NULL, PAGE, W, SHAR, only, 0, &private) != 0, true);
    CHECK_IS(cloudabi_sys_fd_close(only), 0);
}

static void test_code(void)
{
    static const char code[] = "\xb8\x2a\x00\x00\x00\xc3";
    char *at;
    cloudabi_fd_t fd;
    size_t done;

    CHECK_IS(map(NULL, PAGE, R | W, ANON | PRIV, NONE, 0, &at), 0);
    memcpy(at, code, 6);
    CHECK_IS(cloudabi_sys_mem_protect(at, PAGE, R | X), 0);
    CHECK_IS(((int (*)(void))(void *)at)(), 42);
    CHECK_IS(open_at(arg_tmpdir, "code", O_READ | O_WRITE | O_MAKE, &fd), 0);
    CHECK_IS(put(fd, code, 6, &done), 0);
    CHECK_IS(map(NULL, PAGE, R | X, PRIV, fd, 0, &at), 0);
    CHECK_IS(((int (*)(void))(void *)at)(), 42);
    CHECK_IS(cloudabi_sys_fd_close(fd), 0);
}

static int *cow;

static void change_copy(void *unused)
{
    (void)unused;
    cow[0] = 2;
    cow[PAGE / 4] = 3;
    cloudabi_sys_proc_exit(cow[0] == 2 && cow[PAGE / 4] == 3 && cow[PAGE / 2] == 5 ? 0 : 1);
}

static void test_fork(void)
{
    cow = pages_map(4 * PAGE, R | W);
    cow[0] = 1;
    cow[PAGE / 2] = 5;
    for (int i = 0; i < 20; i++)
        if (in_child(change_copy, NULL).proc_terminate.exitcode != 0 || cow[0] != 1 ||
            cow[PAGE / 4] != 0)
            CHECK(false);
    CHECK(cow[0] == 1 && cow[PAGE / 4] == 0);
    CHECK_IS(cloudabi_sys_mem_unmap(cow, 4 * PAGE), 0);
}

/* Much more than there is of memory may be reserved; a little of it is used. */
static void test_large(void)
{
    char *at;
    const uint64_t size = UINT64_C(64) << 30;

    CHECK_IS(map(NULL, size, 0, ANON | PRIV, NONE, 0, &at), 0);
    char *end = at + size - PAGE, *got;
    CHECK_IS(map(end, PAGE, R | W, ANON | PRIV | FIXED, NONE, 0, &got), 0);
    touch(end);
    CHECK_IS(cloudabi_sys_mem_unmap(at, size), 0);
    for (int i = 0; i < 2000; i++) {
        char *block = heap_get((size_t)(i * 37 % 60000));
        memset(block, i, (size_t)(i * 37 % 60000));
        heap_put(block);
    }
    CHECK(true);
}

void program(void)
{
    test_arguments();
    test_arenas();
    test_splits();
    test_files();
    test_code();
    test_fork();
    test_large();
}
