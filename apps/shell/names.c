/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names. The shell only finds the grant that a name begins with; everything below it, `..` and
 * symbolic links too, is decided by the kernel, so nothing here has to be trusted. What is
 * refused is explained.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

static struct {
    const char *grant; /* NULL: above all grants */
    int fd;
    char path[NAME_MAX_LEN + 1]; /* "" is the grant itself */
} current = {.fd = -1};

/* --- from text to place ------------------------------------------------------------------- */

/* The grant whose name is the LEN bytes at NAME. */
static const char *find_grant(const char *name, size_t len, int *fd)
{
    const char *grant;
    int number;
    for (size_t i = 0; (grant = grant_name(i, &number)) != NULL; i++) {
        if (strlen(grant) != len || memcmp(grant, name, len) != 0)
            continue;
        *fd = number;
        return grant;
    }
    return NULL;
}

static bool set_path(struct place *place, const char *dir, const char *path)
{
    while (*path == '/')
        path++;
    if (*path == '\0')
        path = ".";
    const char *slash = dir[0] != '\0' ? "/" : "";
    int len = snprintf(place->path, sizeof(place->path), "%s%s%s", dir, slash, path);
    if (len >= 0 && (size_t)len < sizeof(place->path))
        return true;
    complain("%.40s...: the name is too long", place->typed);
    return false;
}

static bool is_above(const char *typed, size_t first)
{
    return current.grant == NULL && first == 1 && typed[0] == '.' &&
           strspn(typed + 1, "/.") == strlen(typed + 1) && strstr(typed, "..") == NULL;
}

bool name_resolve(const char *typed, struct place *place)
{
    size_t first = strcspn(typed, "/");
    *place = (struct place){.fd = -1, .typed = typed};
    if (typed[0] == '\0') {
        complain("refused: an empty name");
        return false;
    }
    if (typed[0] == '/') {
        complain(
            "refused: `%s` begins at a root, and no root was granted; names begin with a grant",
            typed);
        return false;
    }
    place->grant = find_grant(typed, first, &place->fd);
    if (place->grant != NULL)
        return set_path(place, "", typed + first);
    if (current.grant != NULL) {
        place->grant = current.grant;
        place->fd = current.fd;
        return set_path(place, current.path, typed);
    }
    if (is_above(typed, first))
        return set_path(place, "", "");
    complain("refused: `%.*s` was not granted to this shell (`fds` lists what was)", (int)first,
             typed);
    return false;
}

const char *name_last(const char *typed)
{
    const char *last = typed;
    for (const char *at = typed; *at != '\0'; at++) {
        if (*at == '/' && at[1] != '/' && at[1] != '\0')
            last = at + 1;
    }
    return last;
}

bool place_below(const struct place *dir, const char *name, const char *typed, struct place *place)
{
    *place = (struct place){.fd = dir->fd, .grant = dir->grant, .typed = typed};
    return set_path(place, strcmp(dir->path, ".") == 0 ? "" : dir->path, name);
}

/* --- opening ------------------------------------------------------------------------------ */

static bool is_grant_itself(const struct place *place)
{
    return strcmp(place->path, ".") == 0;
}

static cloudabi_errno_t duplicate(const struct place *place, cloudabi_oflags_t oflags,
                                  const cloudabi_fdstat_t *have, cloudabi_rights_t needed, int *fd)
{
    cloudabi_fd_t copy = 0;
    if ((oflags & CLOUDABI_O_DIRECTORY) != 0 && have->fs_filetype != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    if ((needed & CLOUDABI_RIGHT_FD_READ) != 0 && have->fs_filetype == CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_EISDIR;
    if ((needed & ~have->fs_rights_base) != 0)
        return CLOUDABI_ENOTCAPABLE;
    cloudabi_errno_t error = cloudabi_sys_fd_dup((cloudabi_fd_t)place->fd, &copy);
    if (error == 0)
        *fd = (int)copy;
    return error;
}

cloudabi_errno_t place_try_open(const struct place *place, cloudabi_oflags_t oflags,
                                cloudabi_rights_t needed, cloudabi_rights_t optional, int *fd)
{
    cloudabi_fdstat_t have;
    cloudabi_fd_t opened = 0;
    if (place->fd < 0)
        return CLOUDABI_EISDIR;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)place->fd, &have);
    if (error != 0)
        return error;
    if (is_grant_itself(place))
        return duplicate(place, oflags, &have, needed, fd);
    if (have.fs_filetype != CLOUDABI_FILETYPE_DIRECTORY)
        return CLOUDABI_ENOTDIR;
    const cloudabi_fdstat_t wanted = {
        .fs_rights_base = needed | (optional & have.fs_rights_inheriting),
        .fs_rights_inheriting = have.fs_rights_inheriting,
    };
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)place->fd,
                                      .flags = CLOUDABI_LOOKUP_SYMLINK_FOLLOW};
    error =
        cloudabi_sys_file_open(lookup, place->path, strlen(place->path), oflags, &wanted, &opened);
    if (error == 0)
        *fd = (int)opened;
    return error;
}

int place_open(const struct place *place, cloudabi_oflags_t oflags, cloudabi_rights_t needed,
               cloudabi_rights_t optional)
{
    int fd = -1;
    cloudabi_errno_t error = place_try_open(place, oflags, needed, optional, &fd);
    if (error == 0)
        return fd;
    struct needs needs = {CLOUDABI_RIGHT_FILE_OPEN, needed};
    if ((oflags & CLOUDABI_O_CREAT) != 0)
        needs.base |= CLOUDABI_RIGHT_FILE_CREATE_FILE;
    if (place->fd >= 0 && is_grant_itself(place))
        needs.base = needed;
    place_complain(place, needs, error);
    return -1;
}

/* --- explaining --------------------------------------------------------------------------- */

void place_complain(const struct place *place, struct needs needs, cloudabi_errno_t error)
{
    cloudabi_fdstat_t have;
    char missing[600];
    if (error != CLOUDABI_ENOTCAPABLE || place->fd < 0 ||
        cloudabi_sys_fd_stat_get((cloudabi_fd_t)place->fd, &have) != 0) {
        complain("%s: %s", place->typed, strerror(error));
        return;
    }
    cloudabi_rights_t lacks = needs.base & ~have.fs_rights_base;
    if (!is_grant_itself(place))
        lacks |= needs.inheriting & ~have.fs_rights_inheriting;
    if (lacks == 0) {
        complain("refused: `%s` leads out of `%s`, and nothing beyond it was granted", place->typed,
                 place->grant);
        return;
    }
    rights_text(lacks, ", ", missing, sizeof(missing));
    complain("refused: `%s`: missing right %s on `%s`", place->typed, missing, place->grant);
}

/* --- attributes --------------------------------------------------------------------------- */

cloudabi_errno_t place_stat(const struct place *place, bool follow, cloudabi_filestat_t *stat)
{
    if (place->fd < 0) {
        *stat = (cloudabi_filestat_t){.st_filetype = CLOUDABI_FILETYPE_DIRECTORY};
        return 0;
    }
    if (is_grant_itself(place)) {
        cloudabi_fdstat_t have;
        cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)place->fd, &have);
        *stat = (cloudabi_filestat_t){.st_filetype = have.fs_filetype};
        if (error == 0 && (have.fs_rights_base & CLOUDABI_RIGHT_FILE_STAT_FGET) != 0)
            (void)cloudabi_sys_file_stat_fget((cloudabi_fd_t)place->fd, stat);
        return error;
    }
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)place->fd,
                                      .flags = follow ? CLOUDABI_LOOKUP_SYMLINK_FOLLOW : 0};
    return cloudabi_sys_file_stat_get(lookup, place->path, strlen(place->path), stat);
}

bool place_is_directory(const struct place *place)
{
    cloudabi_filestat_t stat;
    return place_stat(place, true, &stat) == 0 && stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY;
}

/* --- the current directory ---------------------------------------------------------------- */

/* Takes `.`, empty components and `name/..` out of a path that has been opened as it is. */
static void make_plain(char *path)
{
    char *to = path;
    for (char *at = path; *at != '\0';) {
        size_t len = strcspn(at, "/");
        char *next = at + len + (at[len] == '/');
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            while (to > path && *--to != '/')
                ;
        } else if (len != 0 && !(len == 1 && at[0] == '.')) {
            if (to > path)
                *to++ = '/';
            memmove(to, at, len);
            to += len;
        }
        at = next;
    }
    *to = '\0';
}

bool change_directory(const char *typed)
{
    struct place place;
    if (typed == NULL ||
        (strcmp(typed, "..") == 0 && current.grant != NULL && current.path[0] == '\0')) {
        current.grant = NULL;
        current.fd = -1;
        current.path[0] = '\0';
        return true;
    }
    if (!name_resolve(typed, &place))
        return false;
    if (place.fd < 0)
        return true;
    int fd = place_open(&place, CLOUDABI_O_DIRECTORY, 0, 0);
    if (fd < 0)
        return false;
    close(fd);
    make_plain(place.path);
    current.grant = place.grant;
    current.fd = place.fd;
    strcpy(current.path, place.path);
    return true;
}

void current_directory(char *text, size_t size)
{
    const char *slash = current.grant != NULL && current.path[0] != '\0' ? "/" : "";
    snprintf(text, size, "%s%s%s", current.grant != NULL ? current.grant : "", slash, current.path);
}
