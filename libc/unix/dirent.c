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

#define BUFFER_SIZE 16384

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
    DIR *dir = error == 0 ? malloc(sizeof(*dir)) : NULL;
    if (error != 0)
        errno = error;
    if (dir != NULL) {
        memset(dir, 0, offsetof(struct __dirstream, buffer));
        dir->fd = fd;
    }
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

static const unsigned char type_of[256] = {
    [CLOUDABI_FILETYPE_BLOCK_DEVICE] = DT_BLK,  [CLOUDABI_FILETYPE_CHARACTER_DEVICE] = DT_CHR,
    [CLOUDABI_FILETYPE_DIRECTORY] = DT_DIR,     [CLOUDABI_FILETYPE_REGULAR_FILE] = DT_REG,
    [CLOUDABI_FILETYPE_SOCKET_DGRAM] = DT_SOCK, [CLOUDABI_FILETYPE_SOCKET_STREAM] = DT_SOCK,
    [CLOUDABI_FILETYPE_SYMBOLIC_LINK] = DT_LNK,
};

/* A record as it lies in the buffer, at any address. */
struct record {
    cloudabi_dirent_t head;
    char name[];
} __attribute__((packed));

/* Names are mostly too short for a call: eight bytes a step, the last of which may overlap. */
INLINE void copy_name(char *to, const char *from, size_t len)
{
    size_t at = 0;

    if (len < 8) {
        for (; at < len; at++)
            to[at] = from[at];
        return;
    }
    for (; at + 8 < len; at += 8)
        __builtin_memcpy(to + at, from + at, 8);
    __builtin_memcpy(to + len - 8, from + len - 8, 8);
}

/* Takes the next whole record off the buffer. */
INLINE struct dirent *take_record(DIR *dir)
{
    const struct record *record = (const struct record *)(dir->buffer + dir->at);
    size_t left = dir->used - dir->at;

    if (left < sizeof(*record) || record->head.d_namlen > left - sizeof(*record))
        return NULL;
    size_t len = record->head.d_namlen;
    dir->at += sizeof(*record) + len;
    if (len >= sizeof(dir->entry.d_name))
        len = sizeof(dir->entry.d_name) - 1;
    dir->entry.d_ino = record->head.d_ino;
    dir->entry.d_off = (off_t)record->head.d_next;
    dir->entry.d_reclen = sizeof(dir->entry);
    dir->entry.d_namlen = (unsigned short)len;
    dir->entry.d_type = type_of[record->head.d_type];
    copy_name(dir->entry.d_name, record->name, len);
    dir->entry.d_name[len] = '\0';
    dir->cookie = record->head.d_next;
    return &dir->entry;
}

/* Fills the buffer and takes its first record. NULL: an error (in errno), or the end. Lock held. */
static __attribute__((noinline)) struct dirent *refill(DIR *dir)
{
    if (dir->end)
        return NULL;
    cloudabi_errno_t error = cloudabi_sys_file_readdir((cloudabi_fd_t)dir->fd, dir->buffer,
                                                       BUFFER_SIZE, dir->cookie, &dir->used);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    dir->at = 0;
    dir->end = dir->used < BUFFER_SIZE;
    return take_record(dir);
}

static struct dirent *next_entry(DIR *dir)
{
    struct dirent *entry = take_record(dir);

    return entry != NULL ? entry : refill(dir);
}

struct dirent *readdir(DIR *dir)
{
    lock_take(&dir->lock);
    struct dirent *entry = next_entry(dir);
    lock_drop(&dir->lock);
    return entry;
}

int readdir_r(DIR *dir, struct dirent *entry, struct dirent **out)
{
    int saved = errno, error;

    errno = 0;
    lock_take(&dir->lock);
    struct dirent *found = next_entry(dir);
    if (found != NULL)
        *entry = *found;
    lock_drop(&dir->lock);
    *out = found != NULL ? entry : NULL;
    error = errno;
    errno = saved;
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
