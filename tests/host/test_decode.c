/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generated argument decoders, with a descriptor table and user memory that are made up: who refuses
 * what, in which order, and that each reference is dropped. Handlers that are not here return ENOSYS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/kernel_calls.h"
#include "abi/refusals.h"

#define FD       7u    /* the one that is open */
#define BAD_USER 0x10u /* the address that faults */
#define ALL      UINT64_MAX

static cloudabi_rights_t rights; /* of FD */
static int held;                 /* references and vectors not given back */
static bool reached;             /* a handler ran */

cloudabi_errno_t fd_get(cloudabi_fd_t fd, cloudabi_rights_t needed, struct fd_grant *out)
{
    if (fd != FD)
        return CLOUDABI_EBADF;
    if ((needed & ~rights) != 0)
        return CLOUDABI_ENOTCAPABLE;
    /* A call has at most two descriptors. Each grant is a file of its own, so its put is the last one. */
    static struct file files[4];
    static unsigned next;
    struct file *file = &files[next++ % 4];
    memset(file, 0, sizeof(*file));
    file->references = 1;
    memset(out, 0, sizeof(*out));
    out->file = file;
    out->rights.base = rights;
    held++;
    return 0;
}

void file_put_slow(struct file *file, uint32_t left)
{
    (void)file;
    assert_int_equal(left, 0);
    held--;
}

cloudabi_errno_t copy_from_user(void *to, user_addr_t from, size_t len)
{
    memset(to, 0, len);
    return from.va == BAD_USER ? CLOUDABI_EFAULT : 0;
}

bool arch_user_load_pair(uint64_t va, uint64_t *first, uint64_t *second)
{
    *first = *second = 0;
    return va != BAD_USER;
}

cloudabi_errno_t copy_to_user(user_addr_t to, const void *from, size_t len)
{
    (void)from;
    (void)len;
    return to.va == BAD_USER ? CLOUDABI_EFAULT : 0;
}

cloudabi_errno_t user_vec_copyin_any(struct user_vec *vec, user_addr_t iovs, uint64_t n)
{
    memset(vec, 0, sizeof(*vec));
    vec->count = n;
    if (iovs.va == BAD_USER)
        return CLOUDABI_EFAULT;
    held++;
    return 0;
}

void user_vec_free(struct user_vec *vec)
{
    (void)vec;
    held--;
}

cloudabi_errno_t user_path_copyin(struct user_path *path, user_addr_t from, uint64_t len)
{
    path->len = len;
    return from.va == BAD_USER ? CLOUDABI_EFAULT : 0;
}

cloudabi_errno_t sys_fd_read(const struct fd_grant *fd, const struct user_vec *iovs, size_t *nread)
{
    assert_true(fd->rights.base & CLOUDABI_RIGHT_FD_READ);
    reached = true;
    *nread = iovs->count;
    return 0;
}

cloudabi_errno_t sys_file_open(const struct fd_grant *dirfd, cloudabi_lookupflags_t dirfd_flags,
                               const struct user_path *path, cloudabi_oflags_t oflags,
                               const cloudabi_fdstat_t *fds, cloudabi_fd_t *fd)
{
    (void)dirfd;
    (void)fds;
    reached = true;
    *fd = (cloudabi_fd_t)(dirfd_flags * 1000 + oflags * 100 + path->len);
    return 0;
}

cloudabi_errno_t sys_mem_map(user_addr_t addr, size_t len, cloudabi_mprot_t prot,
                             cloudabi_mflags_t flags, const struct fd_grant *fd,
                             cloudabi_filesize_t off, user_addr_t *mem)
{
    (void)len;
    (void)prot;
    (void)off;
    reached = true;
    assert_int_equal(fd == NULL, (flags & CLOUDABI_MAP_ANON) != 0);
    *mem = user_add(addr, 1);
    return 0;
}

cloudabi_errno_t sys_file_stat_fget(const struct fd_grant *fd, cloudabi_filestat_t *buf)
{
    (void)fd;
    buf->st_size = 1;
    return 0;
}

_Noreturn void sys_proc_exit(cloudabi_exitcode_t rval)
{
    (void)rval;
    abort();
}

_Noreturn void sys_thread_exit(user_addr_t lock, cloudabi_scope_t scope)
{
    (void)lock;
    (void)scope;
    abort();
}

static uint64_t out[2];

/* Runs one decoder; nothing may be left held. */
static cloudabi_errno_t run(unsigned number, const uint64_t arg[6])
{
    struct syscall_frame f;
    cloudabi_errno_t error;

    memset(&f, 0xee, sizeof(f));
    memcpy(f.arg, arg, sizeof(f.arg));
    reached = false;
    error = syscall_table[number](&f);
    memcpy(out, f.out, sizeof(out));
    assert_int_equal(held, 0);
    return error;
}

#define CALL(name, ...) run(CLOUDABI_CALL_##name, (const uint64_t[6]){__VA_ARGS__})

/* One right: the call is refused without it alone, not with what is needed; a bad number is EBADF. */
static void refuse_row(unsigned number, unsigned position, cloudabi_rights_t right,
                       cloudabi_rights_t needed)
{
    uint64_t arg[6] = {0};

    arg[position] = FD;
    rights = ALL & ~right;
    assert_int_equal(run(number, arg), CLOUDABI_ENOTCAPABLE);
    rights = needed;
    assert_int_not_equal(run(number, arg), CLOUDABI_ENOTCAPABLE);
    arg[position] = 99;
    rights = ALL;
    assert_int_equal(run(number, arg), CLOUDABI_EBADF);
}

static void test_refusals(void **state)
{
    static const struct {
        unsigned position;
        cloudabi_rights_t right, needed;
        const char *call, *when;
    } rows[] = {
#define ROW(call, position, name, right, needed, when) {position, right, needed, #call, when},
        CLOUDABI_REFUSALS(ROW)};
    static const char *const names[] = {
#define NAME(call) #call,
        CLOUDABI_ALL_CALLS(NAME)};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned number = 0;

        while (strcmp(names[number], rows[i].call) != 0)
            number++;
        /* With two descriptors the other one would be refused first. */
        if (rows[i].when[0] == '\0' && number != CLOUDABI_CALL_FILE_LINK &&
            number != CLOUDABI_CALL_FILE_RENAME)
            refuse_row(number, rows[i].position, rows[i].right, rows[i].needed);
    }
}

static void test_conditional_rights(void **state)
{
    (void)state;
    rights = CLOUDABI_RIGHT_FILE_OPEN;
    assert_int_equal(CALL(FILE_OPEN, FD, 0, 5, 0, 0), 0);
    assert_int_equal(CALL(FILE_OPEN, FD, 0, 5, CLOUDABI_O_CREAT, 0), CLOUDABI_ENOTCAPABLE);
    rights = CLOUDABI_RIGHT_FD_TELL;
    assert_int_equal(CALL(FD_SEEK, FD, 0, CLOUDABI_WHENCE_CUR), CLOUDABI_ENOSYS);
    assert_int_equal(CALL(FD_SEEK, FD, 1, CLOUDABI_WHENCE_CUR), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(CALL(FD_SEEK, FD, 0, CLOUDABI_WHENCE_SET), CLOUDABI_ENOTCAPABLE);
    rights = CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FD_READ;
    assert_int_equal(CALL(MEM_MAP, 0, 1, 6, CLOUDABI_MAP_PRIVATE, FD, 0), 0);
    assert_int_equal(CALL(MEM_MAP, 0, 1, 6, CLOUDABI_MAP_SHARED, FD, 0), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(CALL(MEM_MAP, 0, 1, 5, CLOUDABI_MAP_PRIVATE, FD, 0), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(CALL(MEM_MAP, 0, 1, 4, CLOUDABI_MAP_PRIVATE, 99, 0), CLOUDABI_EBADF);
    rights = 0;
    assert_int_equal(CALL(FD_STAT_PUT, FD, 0, CLOUDABI_FDSTAT_FLAGS), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(CALL(FD_STAT_PUT, FD, 0, CLOUDABI_FDSTAT_RIGHTS), CLOUDABI_ENOSYS);
}

static void test_order(void **state)
{
    (void)state;
    rights = 0;
    assert_int_equal(CALL(FD_READ, 99, BAD_USER, 1), CLOUDABI_EBADF);
    assert_int_equal(CALL(FD_READ, FD, BAD_USER, 1), CLOUDABI_ENOTCAPABLE);
    rights = ALL;
    assert_int_equal(CALL(FD_READ, FD, BAD_USER, 1), CLOUDABI_EFAULT);
    assert_false(reached);
    assert_int_equal(CALL(FILE_CREATE, FD, BAD_USER, 1, CLOUDABI_FILETYPE_REGULAR_FILE),
                     CLOUDABI_EINVAL);
    assert_int_equal(CALL(FILE_LINK, FD, 0, 1, FD, BAD_USER, 1), CLOUDABI_EFAULT);
    assert_int_equal(CALL(FILE_LINK, FD, 0, 1, 99, 0, 1), CLOUDABI_EBADF);
    assert_int_equal(CALL(FILE_STAT_FGET, FD, BAD_USER), CLOUDABI_EFAULT);
    assert_int_equal(CALL(FILE_STAT_FGET, FD, 0), 0);
}

static void test_values(void **state)
{
    (void)state;
    rights = ALL;
    assert_int_equal(CALL(CLOCK_RES_GET, 0), CLOUDABI_EINVAL);
    assert_int_equal(CALL(CLOCK_RES_GET, 5), CLOUDABI_EINVAL);
    assert_int_equal(CALL(CLOCK_RES_GET, 4), CLOUDABI_ENOSYS);
    assert_int_equal(CALL(FD_CREATE1, CLOUDABI_FILETYPE_SOCKET_STREAM), CLOUDABI_EINVAL);
    assert_int_equal(CALL(FD_CREATE2, CLOUDABI_FILETYPE_SOCKET_STREAM), CLOUDABI_ENOSYS);
    assert_int_equal(CALL(FD_CREATE2, 0xe0), CLOUDABI_ENOSYS);
    assert_int_equal(CALL(FD_CREATE2, 0xe1), CLOUDABI_EINVAL);
    assert_int_equal(CALL(FD_STAT_PUT, FD, 0, 3), CLOUDABI_EINVAL);
    assert_int_equal(CALL(FD_STAT_PUT, FD, 0, 0), CLOUDABI_EINVAL);
    assert_int_equal(CALL(PROC_RAISE, 0), CLOUDABI_ENOSYS);
    assert_int_equal(CALL(PROC_RAISE, 27), CLOUDABI_EINVAL);
    assert_int_equal(CALL(LOCK_UNLOCK, 0, 5), CLOUDABI_EINVAL);
    assert_int_equal(CALL(MEM_PROTECT, 0, 0, 8), CLOUDABI_ENOTSUP);
    assert_int_equal(CALL(MEM_ADVISE, 0, 0, 7), CLOUDABI_EINVAL);
    assert_int_equal(CALL(FILE_OPEN, FD | UINT64_C(2) << 32, 0, 5, 0, 0), CLOUDABI_EINVAL);
}

/* What lies in the upper bits of a narrow argument means nothing. */
static void test_results_and_masks(void **state)
{
    (void)state;
    rights = ALL;
    assert_int_equal(CALL(FD_READ, FD | UINT64_C(0xabc) << 32, 0, 3), 0);
    assert_int_equal(out[0], 3);
    assert_int_equal(CALL(FILE_OPEN, FD | UINT64_C(1) << 32, 0, 5, 0xff0002, 0), 0);
    assert_int_equal(out[0], 1205);
    assert_int_equal(CALL(MEM_MAP, 0x1000, 1, 4, 5, UINT64_C(0x1ffffffff), 0), 0);
    assert_int_equal(out[0], 0x1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_conditional_rights),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_results_and_masks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
