/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands on files and directories. Each works on names below grants and explains refusals. */
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/list.h"
#include "apps/shell/shell.h"

#define READ_EXTRAS                                                                    \
    (CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_TELL | CLOUDABI_RIGHT_FILE_STAT_FGET | \
     CLOUDABI_RIGHT_POLL_FD_READWRITE)

/* --- contents ----------------------------------------------------------------------------- */

static char copy_buffer[16384];

typedef cloudabi_errno_t copy_put(void *to, const char *bytes, size_t len);

/* Writes all that FD gives with PUT. */
static cloudabi_errno_t copy_out(int fd, copy_put *put, void *to)
{
    for (;;) {
        const cloudabi_iovec_t piece = {copy_buffer, sizeof(copy_buffer)};
        size_t got = 0;
        cloudabi_errno_t error = cloudabi_sys_fd_read((cloudabi_fd_t)fd, &piece, 1, &got);
        if (error != 0 || got == 0)
            return error;
        error = put(to, copy_buffer, got);
        if (error != 0)
            return error;
    }
}

static cloudabi_errno_t put_output(void *to, const char *bytes, size_t len)
{
    (void)to;
    out_text(bytes, len);
    return out_flush();
}

int builtin_cat(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2) {
        complain("cat: no name; in a pipe or with < it is a program");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        struct place place;
        int fd = name_resolve(argv[i], &place)
                     ? place_open(&place, 0, CLOUDABI_RIGHT_FD_READ, READ_EXTRAS)
                     : -1;
        if (fd < 0) {
            failed = 1;
            continue;
        }
        cloudabi_errno_t error = copy_out(fd, put_output, NULL);
        if (error != 0 && out_flush() != 0) { /* whoever redirected the output complains */
            close(fd);
            return 1;
        }
        if (error != 0) {
            complain("%s: %s", argv[i], strerror(error));
            failed = 1;
        }
        close(fd);
    }
    return failed;
}

int builtin_echo(int argc, char **argv)
{
    bool newline = argc < 2 || strcmp(argv[1], "-n") != 0;
    for (int i = newline ? 1 : 2; i < argc; i++) {
        out_text(argv[i], strlen(argv[i]));
        if (i + 1 < argc)
            out_text(" ", 1);
    }
    if (newline)
        out_text("\n", 1);
    return 0;
}

/* --- names -------------------------------------------------------------------------------- */

int builtin_mkdir(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        struct place place;
        if (!name_resolve(argv[i], &place)) {
            failed = 1;
            continue;
        }
        cloudabi_errno_t error =
            place.fd < 0
                ? CLOUDABI_EEXIST
                : cloudabi_sys_file_create((cloudabi_fd_t)place.fd, place.path, strlen(place.path),
                                           CLOUDABI_FILETYPE_DIRECTORY);
        if (error != 0) {
            place_complain(&place, (struct needs){CLOUDABI_RIGHT_FILE_CREATE_DIRECTORY, 0}, error);
            failed = 1;
        }
    }
    return failed;
}

int builtin_sync(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        struct place place;
        int fd = -1;
        if (name_resolve(argv[i], &place))
            fd = place_open(&place, place_is_directory(&place) ? CLOUDABI_O_DIRECTORY : 0,
                            CLOUDABI_RIGHT_FD_SYNC, 0);
        cloudabi_errno_t error = fd >= 0 ? cloudabi_sys_fd_sync((cloudabi_fd_t)fd) : 0;
        if (error != 0)
            complain("%s: %s", argv[i], strerror(error));
        if (fd < 0 || error != 0)
            failed = 1;
        if (fd >= 0)
            close(fd);
    }
    return failed;
}

static cloudabi_errno_t unlink_place(const struct place *place, cloudabi_ulflags_t flags)
{
    if (place->fd < 0)
        return CLOUDABI_EPERM;
    return cloudabi_sys_file_unlink((cloudabi_fd_t)place->fd, place->path, strlen(place->path),
                                    flags);
}

static cloudabi_errno_t remove_tree(const struct place *place, unsigned depth);

static cloudabi_errno_t remove_contents(const struct place *place, unsigned depth)
{
    struct listing list = {0};
    int fd = -1;
    cloudabi_errno_t error =
        place_try_open(place, CLOUDABI_O_DIRECTORY, CLOUDABI_RIGHT_FILE_READDIR, 0, &fd);
    if (error != 0)
        return error;
    error = listing_read(&list, fd);
    close(fd);
    for (size_t i = 0; i < list.count && error == 0; i++) {
        struct place below;
        error = place_below(place, list.names[i], place->typed, &below)
                    ? remove_tree(&below, depth + 1)
                    : CLOUDABI_ENAMETOOLONG;
    }
    listing_free(&list);
    return error;
}

static cloudabi_errno_t remove_tree(const struct place *place, unsigned depth)
{
    cloudabi_errno_t error = unlink_place(place, 0);
    if (error != CLOUDABI_EISDIR && error != CLOUDABI_EPERM)
        return error;
    error = depth < 64 ? remove_contents(place, depth) : CLOUDABI_ELOOP;
    return error != 0 ? error : unlink_place(place, CLOUDABI_UNLINK_REMOVEDIR);
}

int builtin_rm(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "-r") == 0;
    int failed = argc < 2 + all;
    for (int i = 1 + all; i < argc; i++) {
        struct place place;
        if (!name_resolve(argv[i], &place)) {
            failed = 1;
            continue;
        }
        if (strcmp(place.path, ".") == 0) {
            complain("rm: `%s` was granted as it is, and stays", argv[i]);
            failed = 1;
            continue;
        }
        cloudabi_errno_t error = all ? remove_tree(&place, 0) : unlink_place(&place, 0);
        if (!all && (error == CLOUDABI_EISDIR || error == CLOUDABI_EPERM))
            error = unlink_place(&place, CLOUDABI_UNLINK_REMOVEDIR);
        if (error != 0) {
            place_complain(&place, (struct needs){CLOUDABI_RIGHT_FILE_UNLINK, 0}, error);
            failed = 1;
        }
    }
    return failed;
}

/* The two names of mv, cp, ln; a target that is a directory stands for the same name in it. */
static bool two_names(int argc, char **argv, struct place *from, struct place *to)
{
    if (argc != 3) {
        complain("%s: two names are needed", argv[0]);
        return false;
    }
    if (!name_resolve(argv[1], from) || !name_resolve(argv[2], to))
        return false;
    if (from->fd < 0 || to->fd < 0) {
        complain("%s: that is the place above the grants, not a name", argv[0]);
        return false;
    }
    if (!place_is_directory(to))
        return true;
    struct place dir = *to;
    return place_below(&dir, name_last(argv[1]), argv[2], to);
}

static bool place_lacks(const struct place *place, cloudabi_rights_t right)
{
    cloudabi_fdstat_t have = {0};
    return cloudabi_sys_fd_stat_get((cloudabi_fd_t)place->fd, &have) == 0 &&
           (have.fs_rights_base & right) == 0;
}

/* Why mv or ln failed. A refusal is told of the side that it came from. */
static void complain_of_two(const char *command, const struct place *from, cloudabi_rights_t source,
                            const struct place *to, cloudabi_rights_t target,
                            cloudabi_errno_t error)
{
    cloudabi_filestat_t stat;
    if (error == CLOUDABI_EXDEV) {
        complain("%s: `%s` and `%s` are kept by different services; use cp", command, from->typed,
                 to->typed);
        return;
    }
    bool at_target = error == CLOUDABI_ENOTCAPABLE && !place_lacks(from, source) &&
                     (place_lacks(to, target) || place_stat(from, false, &stat) == 0);
    if (at_target)
        place_complain(to, (struct needs){target, 0}, error);
    else
        place_complain(from, (struct needs){source, 0}, error);
}

int builtin_mv(int argc, char **argv)
{
    struct place from, to;
    if (!two_names(argc, argv, &from, &to))
        return 1;
    cloudabi_errno_t error =
        cloudabi_sys_file_rename((cloudabi_fd_t)from.fd, from.path, strlen(from.path),
                                 (cloudabi_fd_t)to.fd, to.path, strlen(to.path));
    if (error != 0)
        complain_of_two(argv[0], &from, CLOUDABI_RIGHT_FILE_RENAME_SOURCE, &to,
                        CLOUDABI_RIGHT_FILE_RENAME_TARGET, error);
    return error != 0;
}

static cloudabi_errno_t put_file(void *to, const char *bytes, size_t len)
{
    return write_all(*(int *)to, bytes, len);
}

int builtin_cp(int argc, char **argv)
{
    struct place from, to;
    if (!two_names(argc, argv, &from, &to))
        return 1;
    int source = place_open(&from, 0, CLOUDABI_RIGHT_FD_READ, READ_EXTRAS);
    if (source < 0)
        return 1;
    int target = place_open(&to, CLOUDABI_O_CREAT | CLOUDABI_O_TRUNC,
                            CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE,
                            CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FILE_STAT_FGET);
    bool failed = target < 0;
    if (!failed) {
        cloudabi_errno_t error = copy_out(source, put_file, &target);
        failed = error != 0;
        if (failed)
            complain("cp: %s", strerror(error));
        close(target);
    }
    close(source);
    return failed;
}

int builtin_ln(int argc, char **argv)
{
    bool symbolic = argc > 1 && strcmp(argv[1], "-s") == 0;
    struct place from, to;
    cloudabi_errno_t error;
    if (symbolic) {
        if (argc != 4) {
            complain("ln -s: a target and a name are needed");
            return 1;
        }
        if (!name_resolve(argv[3], &to) || to.fd < 0)
            return 1;
        error = cloudabi_sys_file_symlink(argv[2], strlen(argv[2]), (cloudabi_fd_t)to.fd, to.path,
                                          strlen(to.path));
        if (error != 0)
            place_complain(&to, (struct needs){CLOUDABI_RIGHT_FILE_SYMLINK, 0}, error);
        return error != 0;
    }
    if (!two_names(argc, argv, &from, &to))
        return 1;
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)from.fd};
    error = cloudabi_sys_file_link(lookup, from.path, strlen(from.path), (cloudabi_fd_t)to.fd,
                                   to.path, strlen(to.path));
    if (error != 0)
        complain_of_two(argv[0], &from, CLOUDABI_RIGHT_FILE_LINK_SOURCE, &to,
                        CLOUDABI_RIGHT_FILE_LINK_TARGET, error);
    return error != 0;
}
