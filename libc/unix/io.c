/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing and positions. */
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libc/unix/socket.h"
#include "libc/unix/unix.h"

_Static_assert(sizeof(struct iovec) == sizeof(cloudabi_iovec_t) &&
                   offsetof(struct iovec, iov_base) == offsetof(cloudabi_iovec_t, buf) &&
                   offsetof(struct iovec, iov_len) == offsetof(cloudabi_iovec_t, buf_len),
               "POSIX and ABI vectors are the same");

const struct socket_hooks *__socket_hooks;
bool __socket_special;

/* Of the few descriptors that need more than the kernel: false if this is none. */
static bool special_read(int fd, const struct iovec *iov, int iovcnt, ssize_t *done)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = iovcnt};

    return __socket_hooks->receive(fd, &msg, 0, done);
}

static bool special_write(int fd, const struct iovec *iov, int iovcnt, ssize_t *done)
{
    const struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = iovcnt};

    return __socket_hooks->send(fd, &msg, 0, done);
}

ONLY_KERNEL ssize_t read(int fd, void *buffer, size_t size)
{
    cloudabi_iovec_t iov = {buffer, size};
    size_t count = 0;
    ssize_t done;

    if (__socket_special && special_read(fd, (struct iovec *)&iov, 1, &done))
        return done;
    return result_count(cloudabi_sys_fd_read((cloudabi_fd_t)fd, &iov, 1, &count), count);
}

ONLY_KERNEL ssize_t write(int fd, const void *buffer, size_t size)
{
    cloudabi_ciovec_t iov = {buffer, size};
    size_t count = 0;
    ssize_t done;

    if (__socket_special && special_write(fd, (const struct iovec *)&iov, 1, &done))
        return done;
    return result_count(cloudabi_sys_fd_write((cloudabi_fd_t)fd, &iov, 1, &count), count);
}

ONLY_KERNEL ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    cloudabi_iovec_t iov = {buffer, size};
    size_t count = 0;

    if (offset < 0)
        return result_count(EINVAL, 0);
    return result_count(
        cloudabi_sys_fd_pread((cloudabi_fd_t)fd, &iov, 1, (cloudabi_filesize_t)offset, &count),
        count);
}

ONLY_KERNEL ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    cloudabi_ciovec_t iov = {buffer, size};
    size_t count = 0;

    if (offset < 0)
        return result_count(EINVAL, 0);
    return result_count(
        cloudabi_sys_fd_pwrite((cloudabi_fd_t)fd, &iov, 1, (cloudabi_filesize_t)offset, &count),
        count);
}

static bool bad_vector(int count)
{
    if (count >= 0 && count <= IOV_MAX)
        return false;
    errno = EINVAL;
    return true;
}

ssize_t readv(int fd, const struct iovec *iov, int iovcnt)
{
    size_t count = 0;
    ssize_t done;

    if (bad_vector(iovcnt))
        return -1;
    if (__socket_special && special_read(fd, iov, iovcnt, &done))
        return done;
    return result_count(cloudabi_sys_fd_read((cloudabi_fd_t)fd, (const cloudabi_iovec_t *)iov,
                                             (size_t)iovcnt, &count),
                        count);
}

ssize_t writev(int fd, const struct iovec *iov, int iovcnt)
{
    size_t count = 0;
    ssize_t done;

    if (bad_vector(iovcnt))
        return -1;
    if (__socket_special && special_write(fd, iov, iovcnt, &done))
        return done;
    return result_count(cloudabi_sys_fd_write((cloudabi_fd_t)fd, (const cloudabi_ciovec_t *)iov,
                                              (size_t)iovcnt, &count),
                        count);
}

ssize_t preadv(int fd, const struct iovec *iov, int iovcnt, off_t offset)
{
    size_t count = 0;

    if (bad_vector(iovcnt) || offset < 0)
        return result_count(EINVAL, 0);
    return result_count(cloudabi_sys_fd_pread((cloudabi_fd_t)fd, (const cloudabi_iovec_t *)iov,
                                              (size_t)iovcnt, (cloudabi_filesize_t)offset, &count),
                        count);
}

ssize_t pwritev(int fd, const struct iovec *iov, int iovcnt, off_t offset)
{
    size_t count = 0;

    if (bad_vector(iovcnt) || offset < 0)
        return result_count(EINVAL, 0);
    return result_count(cloudabi_sys_fd_pwrite((cloudabi_fd_t)fd, (const cloudabi_ciovec_t *)iov,
                                               (size_t)iovcnt, (cloudabi_filesize_t)offset, &count),
                        count);
}

off_t lseek(int fd, off_t offset, int whence)
{
    static const cloudabi_whence_t whences[] = {
        [SEEK_SET] = CLOUDABI_WHENCE_SET,
        [SEEK_CUR] = CLOUDABI_WHENCE_CUR,
        [SEEK_END] = CLOUDABI_WHENCE_END,
    };
    cloudabi_filesize_t position = 0;

    if (whence < SEEK_SET || whence > SEEK_END)
        return result(EINVAL);
    cloudabi_errno_t error =
        cloudabi_sys_fd_seek((cloudabi_fd_t)fd, offset, whences[whence], &position);
    return result_count(error, position);
}

int close(int fd)
{
    if (__socket_hooks != NULL)
        __socket_hooks->closed(fd);
    cloudabi_errno_t error = cloudabi_sys_fd_close((cloudabi_fd_t)fd);

    if (error == 0)
        __cloexec_set(fd, false);
    return result(error);
}

int fsync(int fd)
{
    return result(cloudabi_sys_fd_sync((cloudabi_fd_t)fd));
}

int fdatasync(int fd)
{
    return result(cloudabi_sys_fd_datasync((cloudabi_fd_t)fd));
}

void sync(void)
{
    /* What a program may sync it has as descriptors. */
}

int ftruncate(int fd, off_t length)
{
    cloudabi_filestat_t st = {.st_size = (cloudabi_filesize_t)length};

    if (length < 0)
        return result(EINVAL);
    return result(cloudabi_sys_file_stat_fput((cloudabi_fd_t)fd, &st, CLOUDABI_FILESTAT_SIZE));
}

int truncate(const char *path, off_t length)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0)
        return -1;
    int done = ftruncate(fd, length);
    int saved = errno;
    close(fd);
    errno = saved;
    return done;
}

/* These two return the error and leave errno alone. */
int posix_fallocate(int fd, off_t offset, off_t length)
{
    if (offset < 0 || length <= 0)
        return EINVAL;
    return cloudabi_sys_file_allocate((cloudabi_fd_t)fd, (cloudabi_filesize_t)offset,
                                      (cloudabi_filesize_t)length);
}

int posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
    if (offset < 0 || length < 0)
        return EINVAL;
    return cloudabi_sys_file_advise((cloudabi_fd_t)fd, (cloudabi_filesize_t)offset,
                                    (cloudabi_filesize_t)length, (cloudabi_advice_t)advice);
}
