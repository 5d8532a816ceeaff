/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc_exec: this program runs itself again with other descriptors and arguments. As the second instance its
 * argument data are {"second": fd 0}, and nothing else may be open.
 */
#include <tessera/grants.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

/* Argument data: a map {"second": fd 0}. */
static const unsigned char second_data[] = {6,   0x88, 8,    's', 'e', 'c', 'o', 'n',
                                            'd', 0,    0x85, 3,   0,   0,   0,   0};

static cloudabi_fd_t self;

/* The exit code of the second instance: 0 if it holds exactly descriptor 0. */
static int second(void)
{
    cloudabi_fdstat_t stat;
    size_t done;

    if (cloudabi_sys_fd_stat_get(0, &stat) != 0 ||
        stat.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM)
        return 2;
    for (cloudabi_fd_t fd = 1; fd < 1024; fd++)
        if (cloudabi_sys_fd_stat_get(fd, &stat) != CLOUDABI_EBADF)
            return 3;
    return put(0, "here", 4, &done) == 0 && done == 4 ? 0 : 4;
}

static uint32_t run_self(void *socket)
{
    cloudabi_sys_proc_exec(self, second_data, sizeof(second_data), socket, 1);
    return 99;
}

static void test_exec(void)
{
    cloudabi_fd_t a, b;
    cloudabi_event_t end;
    char buf[8];
    size_t done = 0;

    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    end = in_child(run_self, &b);
    CHECK(end.error == 0 && end.proc_terminate.signal == 0 && end.proc_terminate.exitcode == 0);
    CHECK_RETURNS(get(a, buf, sizeof(buf), &done), 0);
    CHECK(done == 4 && memcmp(buf, "here", 4) == 0);
    cloudabi_sys_fd_close(a);
    cloudabi_sys_fd_close(b);
}

static uint32_t stack_of_descriptors(void *arg)
{
    cloudabi_fd_t fds[1] = {NO_FD};
    cloudabi_errno_t error = cloudabi_sys_proc_exec(self, second_data, sizeof(second_data), fds, 1);

    (void)arg;
    return error;
}

static void test_refused(void)
{
    cloudabi_fd_t dir = (cloudabi_fd_t)grant_fd("tmpdir"), fd, a, b, weak;
    size_t done;

    CHECK(in_child(stack_of_descriptors, NULL).proc_terminate.exitcode == CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_proc_exec(NO_FD, NULL, 0, NULL, 0), CLOUDABI_EBADF);
    CHECK_RETURNS(cloudabi_sys_fd_dup(self, &weak), 0);
    CHECK_RETURNS(narrow(weak, CLOUDABI_RIGHT_FD_READ, 0), 0);
    CHECK_RETURNS(cloudabi_sys_proc_exec(weak, NULL, 0, NULL, 0), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b), 0);
    CHECK(cloudabi_sys_proc_exec(a, NULL, 0, NULL, 0) != 0);
    CHECK_RETURNS(cloudabi_sys_proc_exec(self, (void *)8, 100, NULL, 0), CLOUDABI_EFAULT);
    CHECK_RETURNS(cloudabi_sys_proc_exec(self, NULL, 0, (void *)8, 3), CLOUDABI_EFAULT);
    CHECK_RETURNS(open_file(dir, "rubbish", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put(fd, "\177ELF rubbish", 12, &done), 0);
    /* Open for writing: refused before it is looked at. */
    CHECK_RETURNS(cloudabi_sys_proc_exec(fd, NULL, 0, NULL, 0), CLOUDABI_EBADF);
    cloudabi_sys_fd_close(fd);
    CHECK_RETURNS(
        open_with(dir, "rubbish", 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_PROC_EXEC, 0, &fd), 0);
    CHECK_RETURNS(cloudabi_sys_proc_exec(fd, NULL, 0, NULL, 0), CLOUDABI_ENOEXEC);
    cloudabi_sys_fd_close(fd);
}

/* Damaged copies of this very program: whatever happens, it happens to the child alone. */
static uint32_t run_file(void *path)
{
    cloudabi_fd_t fd, sock[1];

    if (open_with((cloudabi_fd_t)grant_fd("tmpdir"), path, 0,
                  CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_PROC_EXEC, 0, &fd) != 0)
        return 98;
    return cloudabi_sys_proc_exec(fd, NULL, 0, sock, 0);
}

static void test_damaged(void)
{
    cloudabi_fd_t dir = (cloudabi_fd_t)grant_fd("tmpdir"), fd;
    static unsigned char image[4096];
    uint64_t random[2];
    size_t done = 0;
    int ended = 0;

    if (!CHECK(get_at(self, image, sizeof(image), 0, &done) == 0 && done == sizeof(image)))
        return;
    for (int i = 0; i < 40; i++) {
        unsigned char copy[sizeof(image)];
        memcpy(copy, image, sizeof(copy));
        for (int k = 0; k < 4; k++) {
            cloudabi_sys_random_get(random, sizeof(random));
            copy[16 + random[0] % 600] = (unsigned char)random[1];
        }
        if (open_file(dir, "damaged", CLOUDABI_O_CREAT | CLOUDABI_O_TRUNC, &fd) != 0)
            break;
        put_at(fd, copy, sizeof(copy), 0);
        cloudabi_sys_fd_close(fd);
        ended += in_child(run_file, "damaged").error == 0;
    }
    CHECK(ended == 40);
}

int main(void)
{
    if (grant_fd("second") >= 0)
        return second();
    self = (cloudabi_fd_t)grant_fd("self");
    test_exec();
    test_refused();
    test_damaged();
    return tap_end();
}
