/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Directory streams over file_readdir. The buffer holds records of 24 bytes plus name without padding; one
 * that is cut at the end of the buffer is read again from its cookie.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libc/thread/lock.h"
#include "libc/unix/unix.h"

#define BUFFER_SIZE 4096

/* Keys: d = lock. */
struct __dirstream {
    int fd;
    lock_word lock;
    cloudabi_dircookie_t cookie; /* d: where the next fill starts */
    size_t used;                 /* d: bytes in the buffer */
    size_t at;                   /* d: next record in the buffer */
    bool end;                    /* d: nothing follows the buffer */
    struct dirent entry;         /* d */
    char buffer[BUFFER_SIZE];    /* d */
};

DIR *fdopendir(int fd)
{
    cloudabi_fdstat_t st;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st);

    if (error == 0 && st.fs_filetype != CLOUDABI_FILETYPE_DIRECTORY)
        error = ENOTDIR;
    DIR *dir = error == 0 ? calloc(1, sizeof(*dir)) : NULL;
    if (error != 0)
        errno = error;
    if (dir != NULL)
        dir->fd = fd;
    return dir;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

int dirfd(DIR *dir)
{
    return dir->fd;
}

int fdclosedir(DIR *dir)
{
    int fd = dir->fd;

    free(dir);
    return fd;
}

int closedir(DIR *dir)
{
    return close(fdclosedir(dir));
}

static unsigned char type_of(cloudabi_filetype_t type)
{
    switch (type) {
    case CLOUDABI_FILETYPE_BLOCK_DEVICE:
        return DT_BLK;
    case CLOUDABI_FILETYPE_CHARACTER_DEVICE:
        return DT_CHR;
    case CLOUDABI_FILETYPE_DIRECTORY:
        return DT_DIR;
    case CLOUDABI_FILETYPE_REGULAR_FILE:
        return DT_REG;
    case CLOUDABI_FILETYPE_SOCKET_DGRAM:
    case CLOUDABI_FILETYPE_SOCKET_STREAM:
        return DT_SOCK;
    case CLOUDABI_FILETYPE_SYMBOLIC_LINK:
        return DT_LNK;
    default:
        return DT_UNKNOWN;
    }
}

/* A record as it lies in the buffer, at any address. */
struct record {
    cloudabi_dirent_t head;
    char name[];
} __attribute__((packed));

/* Take the next whole record off the buffer. */
static bool take_record(DIR *dir)
{
    const struct record *record = (const struct record *)(dir->buffer + dir->at);
    size_t left = dir->used - dir->at;

    if (left < sizeof(*record) || record->head.d_namlen > left - sizeof(*record))
        return false;
    size_t len = record->head.d_namlen;
    dir->at += sizeof(*record) + len;
    if (len >= sizeof(dir->entry.d_name))
        len = sizeof(dir->entry.d_name) - 1;
    dir->entry.d_ino = record->head.d_ino;
    dir->entry.d_off = (off_t)record->head.d_next;
    dir->entry.d_reclen = sizeof(dir->entry);
    dir->entry.d_namlen = (unsigned short)len;
    dir->entry.d_type = type_of(record->head.d_type);
    memcpy(dir->entry.d_name, record->name, len);
    dir->entry.d_name[len] = '\0';
    dir->cookie = record->head.d_next;
    return true;
}

static cloudabi_errno_t next_entry(DIR *dir, bool *found)
{
    *found = take_record(dir);
    if (*found || dir->end)
        return 0;
    cloudabi_errno_t error = cloudabi_sys_file_readdir((cloudabi_fd_t)dir->fd, dir->buffer,
                                                       BUFFER_SIZE, dir->cookie, &dir->used);
    if (error != 0)
        return error;
    dir->at = 0;
    dir->end = dir->used < BUFFER_SIZE;
    *found = take_record(dir);
    return 0;
}

struct dirent *readdir(DIR *dir)
{
    bool found = false;

    lock_take(&dir->lock);
    cloudabi_errno_t error = next_entry(dir, &found);
    lock_drop(&dir->lock);
    if (error != 0)
        errno = error;
    return found ? &dir->entry : NULL;
}

int readdir_r(DIR *dir, struct dirent *entry, struct dirent **out)
{
    bool found = false;

    lock_take(&dir->lock);
    cloudabi_errno_t error = next_entry(dir, &found);
    if (found)
        *entry = dir->entry;
    lock_drop(&dir->lock);
    *out = found ? entry : NULL;
    return error;
}

void seekdir(DIR *dir, long position)
{
    lock_take(&dir->lock);
    dir->cookie = (cloudabi_dircookie_t)position;
    dir->used = dir->at = 0;
    dir->end = false;
    lock_drop(&dir->lock);
}

void rewinddir(DIR *dir)
{
    seekdir(dir, (long)CLOUDABI_DIRCOOKIE_START);
}

long telldir(DIR *dir)
{
    lock_take(&dir->lock);
    long position = (long)dir->cookie;
    lock_drop(&dir->lock);
    return position;
}
