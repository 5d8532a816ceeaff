/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors that come from a service (service.h): the kernel hands on what the service says, or says EIO when the
 * service has ended, or EDEADLK to the one who would have to answer itself.
 */
#include "tests/conformance/service.h"

#define AT(fd_) ((cloudabi_lookup_t){.fd = (fd_)})

/* --- operations on names ------------------------------------------------------------------------------------ */

typedef cloudabi_errno_t operation(cloudabi_fd_t fd, const char *name);

static cloudabi_errno_t op_create(cloudabi_fd_t fd, const char *name)
{
    return make_dir(fd, name);
}

static cloudabi_errno_t op_link(cloudabi_fd_t fd, const char *name)
{
    return link_at(fd, name, name);
}

static cloudabi_errno_t op_open(cloudabi_fd_t fd, const char *name)
{
    return open_how(fd, 0, name, 0, 0, CLOUDABI_RIGHT_FILE_STAT_FGET, 0, &(cloudabi_fd_t){0});
}

static cloudabi_errno_t op_readlink(cloudabi_fd_t fd, const char *name)
{
    return readlink_at(fd, name, (char[10]){0}, 10, &(size_t){0});
}

static cloudabi_errno_t op_rename(cloudabi_fd_t fd, const char *name)
{
    return rename_at(fd, name, name);
}

static cloudabi_errno_t op_stat_get(cloudabi_fd_t fd, const char *name)
{
    return stat_at(fd, name, 0, &(cloudabi_filestat_t){0});
}

static cloudabi_errno_t op_stat_put(cloudabi_fd_t fd, const char *name)
{
    return cloudabi_sys_file_stat_put(AT(fd), name, strlen(name), &(cloudabi_filestat_t){0},
                                      CLOUDABI_FILESTAT_MTIM_NOW);
}

static cloudabi_errno_t op_symlink(cloudabi_fd_t fd, const char *name)
{
    return symlink_at(fd, "target", name);
}

static cloudabi_errno_t op_unlink(cloudabi_fd_t fd, const char *name)
{
    return unlink_at(fd, name);
}

/* The declared error is what the service says. */
static void said(operation *op)
{
    REFUSED(op(start_service(), served_name('e', wanted)));
}

/* The service ends before, or while it is asked. */
static void service_died(operation *op, unsigned row)
{
    cloudabi_fd_t root = start_service();

    DESCRIBE(row == 0 ? "before" : "meanwhile");
    if (row == 0)
        stop_service(root);
    REFUSED(op(root, row == 0 ? "f0" : "x"));
}

/* Also where a path leads through a directory. */
static void said_below(operation *op)
{
    char path[16] = "d0/";

    strcat(path, served_name('e', wanted));
    REFUSED(op(start_service(), path));
}

static void asks_itself(operation *op)
{
    cloudabi_fd_t port, root;

    serve_here(&port, &root);
    REFUSED(op(root, "f0"));
}

#define SAID(call, error, op)                \
    TEST(call, error, "the service says so") \
    {                                        \
        said(op);                            \
    }

#define NAME_TESTS(call, op)                               \
    SAID(call, EACCES, op)                                 \
    TEST(call, EACCES, "the service says so, of a path")   \
    {                                                      \
        said_below(op);                                    \
    }                                                      \
    TEST(call, EDEADLK, "the caller serves the directory") \
    {                                                      \
        asks_itself(op);                                   \
    }                                                      \
    TEST_ROWS(call, EIO, "the service has ended", 2)       \
    {                                                      \
        service_died(op, row);                             \
    }                                                      \
    SAID(call, EIO, op)

NAME_TESTS(file_create, op_create)
NAME_TESTS(file_link, op_link)
NAME_TESTS(file_open, op_open)
NAME_TESTS(file_readlink, op_readlink)
NAME_TESTS(file_rename, op_rename)
NAME_TESTS(file_stat_get, op_stat_get)
NAME_TESTS(file_stat_put, op_stat_put)
NAME_TESTS(file_symlink, op_symlink)
NAME_TESTS(file_unlink, op_unlink)

SAID(file_create, ENOSPC, op_create)
SAID(file_create, EROFS, op_create)
SAID(file_link, ENOSPC, op_link)
SAID(file_link, EROFS, op_link)
SAID(file_link, EMLINK, op_link)
SAID(file_open, ENOSPC, op_open)
SAID(file_open, EROFS, op_open)
SAID(file_open, ENXIO, op_open)
SAID(file_open, ECONNREFUSED, op_open)
SAID(file_open, ETIMEDOUT, op_open)
SAID(file_open, EHOSTUNREACH, op_open)
SAID(file_open, ENETUNREACH, op_open)
SAID(file_open, EADDRINUSE, op_open)
SAID(file_rename, EBUSY, op_rename)
SAID(file_rename, ENOSPC, op_rename)
SAID(file_rename, EROFS, op_rename)
SAID(file_stat_put, EROFS, op_stat_put)
SAID(file_symlink, ENOSPC, op_symlink)
SAID(file_symlink, EROFS, op_symlink)
SAID(file_unlink, EBUSY, op_unlink)
SAID(file_unlink, EPERM, op_unlink)
SAID(file_unlink, EROFS, op_unlink)

TEST_ROWS(file_link, EXDEV, "the directories are of different services", 2)
{
    cloudabi_fd_t a = start_service(), b = dir;

    new_file("f0");
    REFUSED(cloudabi_sys_file_link(AT(row == 0 ? a : b), "f0", 2, row == 0 ? b : a, "new", 3));
}

TEST_ROWS(file_rename, EXDEV, "the directories are of different services", 2)
{
    cloudabi_fd_t a = start_service(), b = dir;

    new_file("f0");
    REFUSED(cloudabi_sys_file_rename(row == 0 ? a : b, "f0", 2, row == 0 ? b : a, "new", 3));
}

/* --- operations on open files ------------------------------------------------------------------------------- */

typedef cloudabi_errno_t file_operation(cloudabi_fd_t fd);

static cloudabi_errno_t op_datasync(cloudabi_fd_t fd)
{
    return cloudabi_sys_fd_datasync(fd);
}

static cloudabi_errno_t op_sync(cloudabi_fd_t fd)
{
    return cloudabi_sys_fd_sync(fd);
}

static cloudabi_errno_t op_read(cloudabi_fd_t fd)
{
    return get(fd, (char[10]){0}, 10, &(size_t){0});
}

static cloudabi_errno_t op_pread(cloudabi_fd_t fd)
{
    return get_at(fd, (char[10]){0}, 10, 0, &(size_t){0});
}

static cloudabi_errno_t op_write(cloudabi_fd_t fd)
{
    return put(fd, "x", 1, &(size_t){0});
}

static cloudabi_errno_t op_pwrite(cloudabi_fd_t fd)
{
    return put_at(fd, "x", 1, 0);
}

static cloudabi_errno_t op_allocate(cloudabi_fd_t fd)
{
    return cloudabi_sys_file_allocate(fd, 0, 8192);
}

static cloudabi_errno_t op_readdir(cloudabi_fd_t fd)
{
    return cloudabi_sys_file_readdir(fd, (char[100]){0}, 100, CLOUDABI_DIRCOOKIE_START,
                                     &(size_t){0});
}

static cloudabi_errno_t op_fget(cloudabi_fd_t fd)
{
    return cloudabi_sys_file_stat_fget(fd, &(cloudabi_filestat_t){0});
}

static cloudabi_errno_t op_fput(cloudabi_fd_t fd)
{
    return cloudabi_sys_file_stat_fput(fd, &(cloudabi_filestat_t){0}, CLOUDABI_FILESTAT_SIZE);
}

static cloudabi_errno_t op_map(cloudabi_fd_t fd)
{
    return map(PAGE, READ, CLOUDABI_MAP_SHARED, fd, 0, &(char *){NULL});
}

static void file_said(file_operation *op, char kind)
{
    REFUSED(op(open_served(start_service(), served_name(kind, wanted))));
}

static void file_died(file_operation *op, const char *name)
{
    cloudabi_fd_t root = start_service(), fd = open_served(root, name);

    stop_service(root);
    REFUSED(op(fd));
}

#define FILE_SAID(call, error, op, kind)     \
    TEST(call, error, "the service says so") \
    {                                        \
        file_said(op, kind);                 \
    }
#define FILE_DIED(call, op, name)                   \
    TEST(call, EIO, "the service has ended: " name) \
    {                                               \
        file_died(op, name);                        \
    }

FILE_SAID(fd_datasync, EIO, op_datasync, 'f')
FILE_SAID(fd_sync, EIO, op_sync, 'f')
FILE_SAID(fd_read, EIO, op_read, 'f')
FILE_SAID(fd_read, EBADF, op_read, 'c')
FILE_SAID(fd_read, EAGAIN, op_read, 'c')
FILE_SAID(fd_pread, EIO, op_pread, 'f')
FILE_SAID(fd_write, EIO, op_write, 'f')
FILE_SAID(fd_write, ENOSPC, op_write, 'f')
FILE_SAID(fd_write, EFBIG, op_write, 'f')
FILE_SAID(fd_write, EBADF, op_write, 'c')
FILE_SAID(fd_pwrite, EIO, op_pwrite, 'f')
FILE_SAID(fd_pwrite, ENOSPC, op_pwrite, 'f')
FILE_SAID(fd_pwrite, EFBIG, op_pwrite, 'f')
FILE_SAID(file_readdir, EIO, op_readdir, 'd')
FILE_SAID(file_readdir, EINVAL, op_readdir, 'd')
FILE_SAID(file_stat_fget, EIO, op_fget, 'f')
FILE_SAID(file_stat_fput, EIO, op_fput, 'f')
FILE_SAID(file_stat_fput, ENOSPC, op_fput, 'f')
FILE_SAID(file_stat_fput, EROFS, op_fput, 'f')

FILE_DIED(fd_datasync, op_datasync, "f0")
FILE_DIED(fd_datasync, op_datasync, "p")
FILE_DIED(fd_sync, op_sync, "f0")
FILE_DIED(fd_sync, op_sync, "d0")
FILE_DIED(fd_read, op_read, "f0")
FILE_DIED(fd_read, op_read, "p")
FILE_DIED(fd_pread, op_pread, "f0")
FILE_DIED(fd_pread, op_pread, "p")
FILE_DIED(fd_write, op_write, "f0")
FILE_DIED(fd_write, op_write, "p")
FILE_DIED(fd_pwrite, op_pwrite, "f0")
FILE_DIED(fd_pwrite, op_pwrite, "p")
FILE_DIED(file_allocate, op_allocate, "p")
FILE_DIED(file_readdir, op_readdir, "d0")
FILE_DIED(file_stat_fget, op_fget, "f0")
FILE_DIED(file_stat_fget, op_fget, "p")
FILE_DIED(file_stat_fput, op_fput, "f0")
FILE_DIED(file_stat_fput, op_fput, "p")
FILE_DIED(mem_map, op_map, "p")

TEST(fd_read, OK, "a served file has a position and an end")
{
    cloudabi_fd_t fd = open_served(start_service(), "f0");
    char buf[16];
    size_t done = 0;

    OK(get(fd, buf, 4, &done));
    CHECK(done == 4 && memcmp(buf, "0123", 4) == 0 && position_of(fd) == 4);
    OK(get(fd, buf, 16, &done));
    CHECK(done == 6 && memcmp(buf, "456789", 6) == 0);
    OK(get(fd, buf, 16, &done));
    CHECK(done == 0);
}

TEST(mem_map, ENODEV, "a file without pages")
{
    REFUSED(op_map(open_served(start_service(), "f0")));
}

TEST(proc_exec, EACCES, "a file without pages")
{
    cloudabi_fd_t fd;

    OK(open_with(start_service(), "f0", 0, CLOUDABI_RIGHT_PROC_EXEC | CLOUDABI_RIGHT_FD_READ, 0,
                 &fd));
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
}

/* A directory of a service that was started again is looked up again. */
static cloudabi_fd_t opened_before_restart(void)
{
    cloudabi_fd_t port, root, fd;

    make_port(&port, &root);
    start_server(port);
    fd = open_served(root, "d0");
    stop_service(root);
    start_server(port);
    return fd;
}

TEST(file_readdir, ENOMEM, "no memory to look a directory up again")
{
    cloudabi_fd_t fd = opened_before_restart();

    SHORTAGE(op_readdir(fd), (void)0);
}

TEST(file_open, OK, "below a directory whose service was started again")
{
    cloudabi_fd_t fd = open_served(opened_before_restart(), "f0");
    char buf[10];

    OK(get(fd, buf, 10, &(size_t){0}));
    CHECK(memcmp(buf, "0123456789", 10) == 0);
}

TEST(file_allocate, ENODEV, "a file without pages")
{
    REFUSED(op_allocate(open_served(start_service(), "f0")));
}

TEST(mem_sync, EIO, "the service has ended")
{
    cloudabi_fd_t root = start_service(), fd = open_served(root, "p");
    char *mem = NULL;

    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, fd, 0, &mem));
    mem[0] = 1;
    stop_service(root);
    REFUSED(cloudabi_sys_mem_sync(mem, PAGE, CLOUDABI_MS_SYNC));
}

TEST(proc_exec, EIO, "the service has ended")
{
    cloudabi_fd_t root = start_service(), fd;

    OK(open_with(root, "p", 0, CLOUDABI_RIGHT_PROC_EXEC | CLOUDABI_RIGHT_FD_READ, 0, &fd));
    stop_service(root);
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
}

/* --- streams --------------------------------------------------------------------------------------------------- */

static cloudabi_errno_t op_recv(cloudabi_fd_t fd)
{
    return receive(fd, (char[4]){0}, 4, NULL, 0, 0, &(cloudabi_recv_out_t){0});
}

static cloudabi_errno_t op_send(cloudabi_fd_t fd)
{
    return send_to(fd, "x", 1, NULL, 0, &(size_t){0});
}

/* The abort comes with the next thing that the service does. */
static void stream_aborted(file_operation *op)
{
    cloudabi_fd_t root = start_service(), fd = open_served(root, served_name('s', wanted));

    OK(stat_at(root, "f0", 0, &(cloudabi_filestat_t){0}));
    REFUSED(op(fd));
}

#define ABORTED(call, error, op)                       \
    TEST(call, error, "the service aborts the stream") \
    {                                                  \
        stream_aborted(op);                            \
    }

ABORTED(fd_read, ECONNRESET, op_read)
ABORTED(fd_read, ETIMEDOUT, op_read)
ABORTED(fd_write, ECONNRESET, op_write)
ABORTED(fd_write, ETIMEDOUT, op_write)
ABORTED(sock_recv, ECONNRESET, op_recv)
ABORTED(sock_send, ECONNRESET, op_send)

TEST_ROWS(sock_recv, EIO, "the service has ended", 1)
{
    file_died(op_recv, "s0");
}
TEST_ROWS(sock_send, EIO, "the service has ended", 1)
{
    file_died(op_send, "s0");
}

/* --- who serves a file can not use it ---------------------------------------------------------------------------- */

/* A child opens the file and hands it to the one who serves it. */
static void own_file(file_operation *op)
{
    cloudabi_fd_t port, root, pair[2], process, fd = NO_FD;
    cloudabi_recv_out_t out;
    cloudabi_tid_t tid;
    char byte;

    serve_here(&port, &root);
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    OK(cloudabi_sys_proc_fork(&process, &tid));
    if (process == CLOUDABI_PROCESS_CHILD) {
        fd = open_served(root, "f0");
        OK(send_to(pair[1], "x", 1, &fd, 1, &(size_t){0}));
        child_exit(0);
    }
    serve_some(port, 1);
    OK(receive(pair[0], &byte, 1, &fd, 1, 0, &out));
    CHECK(out.ro_fdslen == 1);
    REFUSED(op(fd));
}

#define OWN(call, op)                                 \
    TEST(call, EDEADLK, "the caller serves the file") \
    {                                                 \
        own_file(op);                                 \
    }

OWN(fd_read, op_read)
OWN(fd_pread, op_pread)
OWN(fd_write, op_write)
OWN(fd_pwrite, op_pwrite)
