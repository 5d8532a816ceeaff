/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths of the POSIX layer. There is no root directory: the first component of an absolute path names a
 * grant. The current directory is a descriptor of libc's own; at start it is the grant `cwd`, else
 * `tmpdir`, else the only directory among the grants.
 *
 * Keys: p = cwd_lock.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "libc/thread/lock.h"
#include "libc/unix/unix.h"

static lock_word cwd_lock;
static int cwd_fd = -1;         /* p: -1 until it is first needed */
static bool cwd_owned;          /* p: opened by chdir, so to be closed by the next */
static char cwd_name[PATH_MAX]; /* p */

static bool is_directory(int fd)
{
    cloudabi_fdstat_t st;

    return cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st) == 0 &&
           st.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY;
}

/* Index of the only directory that was granted; -1 if there are none or several. */
static int only_directory(void)
{
    int found = -1;
    int fd;

    for (size_t i = 0; grant_name(i, &fd) != NULL; i++) {
        if (!is_directory(fd))
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

static void set_cwd(int fd, bool owned, const char *name)
{
    cwd_fd = fd;
    cwd_owned = owned;
    strncpy(cwd_name, name, sizeof(cwd_name) - 1);
}

static void first_cwd(void)
{
    static const char *const names[] = {"cwd", "tmpdir"};
    char name[PATH_MAX] = "/";

    for (size_t i = 0; i < 2 && cwd_fd < 0; i++) {
        int fd = grant_fd(names[i]);
        if (fd >= 0 && is_directory(fd)) {
            strcat(name, names[i]);
            set_cwd(fd, false, name);
        }
    }
    int index = cwd_fd < 0 ? only_directory() : -1;
    if (index >= 0) {
        int fd;
        strncat(name, grant_name((size_t)index, &fd), sizeof(name) - 2);
        set_cwd(fd, false, name);
    }
}

static int current_fd(void)
{
    lock_take(&cwd_lock);
    if (cwd_fd < 0)
        first_cwd();
    int fd = cwd_fd;
    lock_drop(&cwd_lock);
    return fd;
}

/* Descriptor of the grant that is named by the LEN bytes at NAME; -1 if there is none. */
static int grant_of(const char *name, size_t len)
{
    const char *candidate;
    int fd;

    for (size_t i = 0; (candidate = grant_name(i, &fd)) != NULL; i++) {
        if (strlen(candidate) == len && memcmp(candidate, name, len) == 0)
            return fd;
    }
    return -1;
}

bool __place_of(int dirfd, const char *path, struct place *place)
{
    int fd = dirfd;

    if (path[0] == '\0') {
        errno = ENOENT;
        return false;
    }
    if (path[0] == '/') {
        while (*path == '/')
            path++;
        size_t len = strcspn(path, "/");
        fd = grant_of(path, len);
        if (fd < 0 && len == 3 && memcmp(path, "tmp", 3) == 0)
            fd = grant_fd("tmpdir"); /* what tmpfile() and the like hope for */
        path += len;
        while (*path == '/')
            path++;
        if (*path == '\0')
            path = ".";
    } else if (dirfd == AT_FDCWD) {
        fd = current_fd();
    }
    if (fd < 0) {
        errno = dirfd == AT_FDCWD || path[0] == '/' ? ENOTCAPABLE : EBADF;
        return false;
    }
    *place = (struct place){(cloudabi_fd_t)fd, path, strlen(path)};
    return true;
}

/* Make DIR/PATH plain: no `.`, no empty components, `..` taken back. */
static void join_name(char *out, const char *dir, const char *path)
{
    size_t len = 0;

    out[0] = '\0';
    if (path[0] != '/') {
        strcpy(out, dir);
        len = strlen(out);
    }
    while (*path != '\0') {
        size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            while (len > 0 && out[--len] != '/')
                ;
            out[len] = '\0';
        } else if (part > 0 && !(part == 1 && path[0] == '.') && len + part + 2 < PATH_MAX) {
            out[len++] = '/';
            memcpy(out + len, path, part);
            len += part;
            out[len] = '\0';
        }
        path += part;
        while (*path == '/')
            path++;
    }
}

/* Out of the way of the numbers that programs choose themselves. */
#define CWD_NUMBER 96

static void change_to(int fd, const char *name)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, CWD_NUMBER);
    if (high >= 0) {
        close(fd);
        fd = high;
    }
    lock_take(&cwd_lock);
    int old = cwd_owned ? cwd_fd : -1;
    set_cwd(fd, true, name);
    lock_drop(&cwd_lock);
    if (old >= 0)
        close(old);
}

int __cwd_changed(void)
{
    lock_take(&cwd_lock);
    int fd = cwd_owned ? cwd_fd : -1;
    lock_drop(&cwd_lock);
    return fd;
}

int chdir(const char *path)
{
    char name[PATH_MAX];
    int fd = open(path, O_SEARCH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    lock_take(&cwd_lock);
    join_name(name, cwd_name, path);
    lock_drop(&cwd_lock);
    change_to(fd, name);
    return 0;
}

int fchdir(int fd)
{
    int copy = is_directory(fd) ? dup(fd) : -1;

    if (copy < 0) {
        errno = errno == EBADF ? EBADF : ENOTDIR;
        return -1;
    }
    __cloexec_set(copy, true);
    change_to(copy, "/.");
    return 0;
}

char *getcwd(char *buffer, size_t size)
{
    if (current_fd() < 0) {
        errno = ENOTCAPABLE;
        return NULL;
    }
    lock_take(&cwd_lock);
    size_t needed = strlen(cwd_name) + 1;
    if (buffer == NULL)
        buffer = malloc(size > needed ? size : needed);
    else if (size < needed)
        buffer = NULL, errno = size == 0 ? EINVAL : ERANGE;
    if (buffer != NULL)
        memcpy(buffer, cwd_name, needed);
    lock_drop(&cwd_lock);
    return buffer;
}
