/* SPDX-License-Identifier: BSD-2-Clause */
/* The POSIX layer over descriptors: names, attributes, directories, descriptors, mappings, sockets. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "tests/guest/tap.h"

static void names(int dir)
{
    struct stat st;
    char text[32];

    CHECK(mkdirat(dir, "d", 0777) == 0);
    CHECK_ERRNO(mkdirat(dir, "d", 0777), EEXIST);
    CHECK(fstatat(dir, "d", &st, 0) == 0 && S_ISDIR(st.st_mode));
    int fd = openat(dir, "d/f", O_RDWR | O_CREAT | O_EXCL, 0666);
    CHECK(fd >= 0);
    CHECK_ERRNO(openat(dir, "d/f", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
    CHECK(write(fd, "hello", 5) == 5 && pread(fd, text, 5, 0) == 5 &&
          memcmp(text, "hello", 5) == 0);
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 5);
    CHECK(ftruncate(fd, 2) == 0 && lseek(fd, 0, SEEK_END) == 2);
    CHECK(close(fd) == 0);
    CHECK_ERRNO(close(fd), EBADF);
    CHECK(linkat(dir, "d/f", dir, "d/g", 0) == 0);
    CHECK(fstatat(dir, "d/g", &st, 0) == 0 && st.st_nlink == 2);
    CHECK(symlinkat("f", dir, "d/s") == 0);
    CHECK(readlinkat(dir, "d/s", text, sizeof(text)) == 1 && text[0] == 'f');
    CHECK(fstatat(dir, "d/s", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK(fstatat(dir, "d/s", &st, 0) == 0 && S_ISREG(st.st_mode));
    CHECK_ERRNO(openat(dir, "d/s", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK(renameat(dir, "d/g", dir, "d/h") == 0);
    CHECK_ERRNO(fstatat(dir, "d/g", &st, 0), ENOENT);
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    CHECK(utimensat(dir, "d/h", times, 0) == 0 && fstatat(dir, "d/h", &st, 0) == 0 &&
          st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
}

static void directories(int dir)
{
    int seen = 0;
    int others = 0;
    struct dirent *entry;
    DIR *d = fdopendir(openat(dir, "d", O_RDONLY | O_DIRECTORY));

    if (!CHECK(d != NULL))
        return;
    while ((entry = readdir(d)) != NULL) {
        if (strchr("fhs", entry->d_name[0]) != NULL && entry->d_namlen == 1)
            seen++;
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            others++;
    }
    CHECK(seen == 3 && others == 0);
    rewinddir(d);
    CHECK(readdir(d) != NULL);
    CHECK(closedir(d) == 0);
    CHECK_ERRNO(unlinkat(dir, "d", AT_REMOVEDIR), ENOTEMPTY);
    CHECK(unlinkat(dir, "d/f", 0) == 0 && unlinkat(dir, "d/h", 0) == 0 &&
          unlinkat(dir, "d/s", 0) == 0);
    CHECK(unlinkat(dir, "d", AT_REMOVEDIR) == 0);
}

/* What a program that holds only a directory may not reach. */
static void escapes(int dir)
{
    CHECK_ERRNO(openat(dir, "..", O_RDONLY | O_DIRECTORY), ENOTCAPABLE);
    CHECK_ERRNO(open("/tmpdir/../x", O_RDONLY), ENOTCAPABLE);
    CHECK_ERRNO(open("/etc/passwd", O_RDONLY), ENOTCAPABLE);
    CHECK(symlinkat("/etc", dir, "out") == 0);
    CHECK_ERRNO(openat(dir, "out", O_RDONLY), ENOTCAPABLE);
    CHECK(unlinkat(dir, "out", 0) == 0);
    CHECK_ERRNO(openat(-5, "x", O_RDONLY), EBADF);
}

static void current_directory(void)
{
    char name[PATH_MAX];

    CHECK(getcwd(name, sizeof(name)) != NULL && strcmp(name, "/tmpdir") == 0);
    CHECK(mkdir("cwd-test", 0777) == 0 && chdir("cwd-test") == 0);
    CHECK(getcwd(name, sizeof(name)) != NULL && strcmp(name, "/tmpdir/cwd-test") == 0);
    int fd = open("x", O_WRONLY | O_CREAT, 0666);
    CHECK(fd >= 0 && close(fd) == 0 && access("/tmpdir/cwd-test/x", F_OK) == 0);
    CHECK(unlink("x") == 0 && chdir("/tmpdir") == 0 && rmdir("cwd-test") == 0);
}

static void descriptors(int dir)
{
    int fd = openat(dir, "dup", O_RDWR | O_CREAT, 0666);
    int copy = dup(fd);

    CHECK(fd >= 0 && copy >= 0 && copy != fd);
    CHECK(write(fd, "abc", 3) == 3 && lseek(copy, 0, SEEK_CUR) == 3);
    CHECK(dup2(fd, copy) == copy);
    CHECK(dup2(fd, 100) == 100 && lseek(100, 0, SEEK_CUR) == 3 && close(100) == 0);
    int high = fcntl(fd, F_DUPFD, 50);
    CHECK(high == 50 && close(high) == 0);
    CHECK(fcntl(fd, F_GETFL) == O_RDWR);
    CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFL) == (O_RDWR | O_APPEND));
    CHECK(fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
          fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(close(copy) == 0 && close(fd) == 0);
    fd = openat(dir, "dup", O_RDONLY);
    CHECK(fcntl(fd, F_GETFL) == O_RDONLY);
    CHECK_ERRNO(write(fd, "x", 1), ENOTCAPABLE);
    CHECK(close(fd) == 0 && unlinkat(dir, "dup", 0) == 0);
}

static void mappings(int dir)
{
    int fd = openat(dir, "map", O_RDWR | O_CREAT, 0666);
    CHECK(ftruncate(fd, 8192) == 0);
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (CHECK(shared != MAP_FAILED)) {
        memcpy(shared + 4096, "mapped", 6);
        char text[6];
        CHECK(pread(fd, text, 6, 4096) == 6 && memcmp(text, "mapped", 6) == 0);
        CHECK(msync(shared, 8192, MS_SYNC) == 0);
        CHECK(munmap(shared, 8192) == 0);
    }
    close(fd);
    unlinkat(dir, "map", 0);
    char *anon = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
    CHECK(anon != MAP_FAILED && anon[5000] == 0);
    CHECK(mprotect(anon, 4096, PROT_READ) == 0 && anon[0] == 0);
    CHECK_ERRNO(mprotect(anon, 4096, PROT_WRITE | PROT_EXEC), ENOTSUP);
    CHECK(munmap(anon, 3 * 4096) == 0);
}

static void sockets(int dir)
{
    int pair[2];
    char text[8];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct pollfd p = {.fd = pair[1], .events = POLLIN | POLLOUT};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    struct iovec out[2] = {{"ab", 2}, {"cd", 2}};
    CHECK(writev(pair[0], out, 2) == 4);
    CHECK(poll(&p, 1, -1) == 1 && p.revents == (POLLIN | POLLOUT));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[1], &set);
    CHECK(select(pair[1] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(pair[1], &set));
    CHECK(read(pair[1], text, sizeof(text)) == 4 && memcmp(text, "abcd", 4) == 0);
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &dir, sizeof(int));
    struct iovec one = {"x", 1};
    struct msghdr msg = {.msg_iov = &one,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control.space)};
    CHECK(sendmsg(pair[0], &msg, 0) == 1);
    memset(&control, 0, sizeof(control));
    struct iovec in = {text, sizeof(text)};
    msg = (struct msghdr){.msg_iov = &in,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control.space)};
    CHECK(recvmsg(pair[1], &msg, 0) == 1 && msg.msg_flags == 0);
    int got = -1;
    memcpy(&got, CMSG_DATA(&control.header), sizeof(int));
    struct stat st;
    CHECK(got != dir && fstat(got, &st) == 0 && S_ISDIR(st.st_mode) && close(got) == 0);
    CHECK(shutdown(pair[0], SHUT_WR) == 0 && read(pair[1], text, 1) == 0);
    CHECK(close(pair[1]) == 0);
    CHECK_ERRNO(write(pair[0], "x", 1), EPIPE);
    CHECK(close(pair[0]) == 0);
    p.fd = 999;
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLNVAL);
}

int main(void)
{
    int dir = grant_fd("tmpdir");

    names(dir);
    directories(dir);
    escapes(dir);
    current_directory();
    descriptors(dir);
    mappings(dir);
    sockets(dir);
    return tap_end();
}
