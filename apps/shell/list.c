/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories: their names, and the command ls. */
#include "apps/shell/list.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

static bool listing_add(struct listing *list, const char *name, size_t len)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        char **names = realloc(list->names, room * sizeof(*names));
        if (names == NULL)
            return false;
        list->names = names;
        list->room = room;
    }
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, len);
    copy[len] = '\0';
    list->names[list->count++] = copy;
    return true;
}

void listing_free(struct listing *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds what is in one buffer of records; moves *COOKIE behind the last whole one. False: no
 * memory. */
static bool listing_take(struct listing *list, const char *buffer, size_t used,
                         cloudabi_dircookie_t *cookie)
{
    for (size_t at = 0; used - at >= sizeof(cloudabi_dirent_t);) {
        cloudabi_dirent_t entry;
        memcpy(&entry, buffer + at, sizeof(entry));
        at += sizeof(entry);
        if (entry.d_namlen > used - at)
            break;
        const char *name = buffer + at;
        bool dots = (entry.d_namlen == 1 && name[0] == '.') ||
                    (entry.d_namlen == 2 && name[0] == '.' && name[1] == '.');
        if (!dots && !listing_add(list, name, entry.d_namlen))
            return false;
        *cookie = entry.d_next;
        at += entry.d_namlen;
    }
    return true;
}

cloudabi_errno_t listing_read(struct listing *list, int fd)
{
    static char buffer[8192];
    cloudabi_dircookie_t cookie = CLOUDABI_DIRCOOKIE_START;
    size_t used;
    do {
        cloudabi_errno_t error =
            cloudabi_sys_file_readdir((cloudabi_fd_t)fd, buffer, sizeof(buffer), cookie, &used);
        if (error != 0)
            return error;
        if (!listing_take(list, buffer, used, &cookie))
            return CLOUDABI_ENOMEM;
    } while (used == sizeof(buffer));
    qsort(list->names, list->count, sizeof(*list->names), compare_names);
    return 0;
}

static void print_long(const struct place *place, const char *name)
{
    cloudabi_filestat_t stat;
    char date[32] = "-", target[256];
    size_t target_len = 0;
    cloudabi_errno_t error = place_stat(place, false, &stat);
    if (error != 0) {
        out("%-9s %s\n", "?", name);
        return;
    }
    time_t seconds = (time_t)(stat.st_mtim / 1000000000);
    struct tm broken;
    if (seconds != 0 && gmtime_r(&seconds, &broken) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &broken);
    out("%-9s %3u %10llu %19s %s", type_name(stat.st_filetype), (unsigned)stat.st_nlink,
        (unsigned long long)stat.st_size, date, name);
    if (stat.st_filetype == CLOUDABI_FILETYPE_SYMBOLIC_LINK && place->fd >= 0 &&
        cloudabi_sys_file_readlink((cloudabi_fd_t)place->fd, place->path, strlen(place->path),
                                   target, sizeof(target), &target_len) == 0)
        out(" -> %.*s", (int)target_len, target);
    out("\n");
}

static int list_directory(const struct place *dir, bool details)
{
    struct listing list = {0};
    int fd = place_open(dir, CLOUDABI_O_DIRECTORY, CLOUDABI_RIGHT_FILE_READDIR, 0);
    if (fd < 0)
        return 1;
    cloudabi_errno_t error = listing_read(&list, fd);
    close(fd);
    if (error != 0)
        complain("%s: %s", dir->typed, strerror(error));
    for (size_t i = 0; i < list.count; i++) {
        struct place place;
        if (!details)
            out("%s\n", list.names[i]);
        else if (place_below(dir, list.names[i], list.names[i], &place))
            print_long(&place, list.names[i]);
    }
    listing_free(&list);
    return error != 0;
}

static int list_grants(bool details)
{
    const char *grant;
    int fd;
    for (size_t i = 0; (grant = grant_name(i, &fd)) != NULL; i++) {
        const struct place place = {.fd = fd, .grant = grant, .typed = grant, .path = "."};
        if (details)
            print_long(&place, grant);
        else
            out("%s\n", grant);
    }
    return 0;
}

static int list_one(const char *typed, bool details)
{
    struct place place;
    cloudabi_filestat_t stat;
    if (!name_resolve(typed, &place))
        return 1;
    if (place.fd < 0)
        return list_grants(details);
    cloudabi_errno_t error = place_stat(&place, true, &stat);
    /* Without the right to stat, it is taken for a directory. */
    if (error == CLOUDABI_ENOTCAPABLE ||
        (error == 0 && stat.st_filetype == CLOUDABI_FILETYPE_DIRECTORY))
        return list_directory(&place, details);
    if (error != 0) {
        place_complain(&place, (struct needs){CLOUDABI_RIGHT_FILE_STAT_GET, 0}, error);
        return 1;
    }
    if (details)
        print_long(&place, typed);
    else
        out("%s\n", typed);
    return 0;
}

int builtin_ls(int argc, char **argv)
{
    bool details = argc > 1 && strcmp(argv[1], "-l") == 0;
    int failed = 0;
    if (argc == 1 + details)
        return list_one(".", details);
    for (int i = 1 + details; i < argc; i++)
        failed |= list_one(argv[i], details);
    return failed;
}
