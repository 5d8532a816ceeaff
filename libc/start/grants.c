/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From argument bytes to argv, environ, standard streams and named grants. A program that is started with
 * a map gets: `args` (a sequence of strings) as argv, `env` (a map of strings) as environ, `stdin`,
 * `stdout` and `stderr` as the descriptors of the standard streams, and every key whose value is a
 * descriptor as a grant of that name.
 *
 * All tables are made once, by one allocation each, and stay for the life of the process.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "libc/start/argbytes.h"
#include "libc/start/program.h"
#include "libc/start/start.h"

/* As many as libc/unix/exec.c passes on. */
#define INHERITED_MAX 64

int __stdio_fd[3] = {-1, -1, -1};
struct program_args __libc_args;
struct grants __libc_grants;

static struct arg_view program_map(void)
{
    struct arg_view all = {__libc_info.argdata, __libc_info.argdata_len};

    return arg_elements(all, ARG_MAP);
}

/* Value of a key of a map's elements; an empty view if there is none. */
static struct arg_view map_get(struct arg_view rest, const char *wanted)
{
    struct arg_view key;
    struct arg_view value;

    while (arg_next(&rest, &key) && arg_next(&rest, &value)) {
        const char *name = arg_str(key);
        if (name != NULL && strcmp(name, wanted) == 0)
            return value;
    }
    return (struct arg_view){NULL, 0};
}

static size_t count_elements(struct arg_view rest)
{
    struct arg_view element;
    size_t count = 0;

    while (arg_next(&rest, &element))
        count++;
    return count;
}

static void make_argv(struct arg_view elements)
{
    struct arg_view element;
    int argc = 0;
    char **argv = calloc(count_elements(elements) + 2, sizeof(*argv));

    if (argv == NULL)
        return;
    while (arg_next(&elements, &element)) {
        const char *text = arg_str(element);
        argv[argc++] = (char *)(text != NULL ? text : "");
    }
    if (argc == 0)
        argv[argc++] = (char *)"program";
    __libc_args = (struct program_args){argc, argv};
}

static void make_environ(struct arg_view elements)
{
    struct arg_view key;
    struct arg_view value;
    size_t used = 0;
    char **table;

    if (elements.len == 0)
        return;
    table = calloc(count_elements(elements) / 2 + 1, sizeof(*table));
    if (table == NULL)
        return;
    while (arg_next(&elements, &key) && arg_next(&elements, &value)) {
        const char *name = arg_str(key);
        const char *text = arg_str(value);
        char *line = name != NULL && text != NULL ? malloc(key.len + value.len) : NULL;
        if (line == NULL)
            continue;
        strcpy(line, name);
        strcat(line, "=");
        strcat(line, text);
        table[used++] = line;
    }
    environ = table;
}

static void make_grants(struct arg_view elements)
{
    struct arg_view key;
    struct arg_view value;
    struct grants grants = {calloc(count_elements(elements) / 2 + 1, sizeof(struct grant)), 0};

    if (grants.list == NULL)
        return;
    while (arg_next(&elements, &key) && arg_next(&elements, &value)) {
        const char *name = arg_str(key);
        int fd = arg_fd(value);
        if (name != NULL && fd >= 0)
            grants.list[grants.count++] = (struct grant){name, fd};
    }
    __libc_grants = grants;
}

/* True if there was such a grant. */
static bool renumber(int from, int to)
{
    bool found = false;

    for (size_t i = 0; i < __libc_grants.count; i++) {
        if (__libc_grants.list[i].fd == from) {
            __libc_grants.list[i].fd = to;
            found = true;
        }
    }
    return found;
}

/*
 * Programs written for POSIX take it that the streams are 0, 1 and 2. Launchers list them so; if one
 * did not, give stream N the number N, moving what is there. Grants follow.
 */
static void place_stream(int number, const char *name)
{
    int fd = grant_fd(name);
    cloudabi_fd_t other;

    if (fd < 0 || fd == number)
        goto out;
    if (cloudabi_sys_fd_dup((cloudabi_fd_t)number, &other) == 0) {
        renumber(number, (int)other);
        if (cloudabi_sys_fd_replace((cloudabi_fd_t)fd, (cloudabi_fd_t)number) == 0)
            fd = number;
    } else if (cloudabi_sys_fd_dup((cloudabi_fd_t)fd, &other) == 0) {
        /* The lowest free number is taken: N itself if those below are in use. */
        if (other == (cloudabi_fd_t)number)
            fd = number;
        else
            (void)cloudabi_sys_fd_close(other);
    }
out:
    __stdio_fd[number] = fd;
}

/* The minimal big-endian two's complement of a small number; -1 if it is none. */
static int small_int(struct arg_view v)
{
    if (v.len < 2 || v.len > 3 || v.data[0] != ARG_INT || (v.data[1] & 0x80) != 0)
        return -1;
    return v.len == 2 ? v.data[1] : v.data[1] << 8 | v.data[2];
}

struct inherited {
    int number;
    int fd;
};

/* Move what has this number elsewhere, if it is a grant or waits for its own number. */
static void move_away(int number, struct inherited *waiting, size_t count)
{
    int other = dup(number);

    if (other < 0)
        return;
    bool wanted = renumber(number, other);
    for (size_t i = 0; i < count; i++) {
        if (waiting[i].fd == number) {
            waiting[i].fd = other;
            wanted = true;
        }
    }
    if (!wanted)
        close(other);
}

/* Give inherited descriptors the numbers that they had in the program that exec'ed (unix/exec.c). */
static void restore_numbers(struct arg_view elements)
{
    struct inherited list[INHERITED_MAX];
    struct arg_view key;
    struct arg_view value;
    size_t count = 0;

    while (count < INHERITED_MAX && arg_next(&elements, &key) && arg_next(&elements, &value)) {
        struct inherited entry = {small_int(key), arg_fd(value)};
        if (entry.number > 2 && entry.fd >= 0)
            list[count++] = entry;
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i].fd == list[i].number)
            continue;
        move_away(list[i].number, list + i + 1, count - i - 1);
        if (dup2(list[i].fd, list[i].number) >= 0)
            close(list[i].fd);
    }
}

void __libc_grants_start(bool renumber_streams)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    struct arg_view map = program_map();

    make_argv(arg_elements(map_get(map, "args"), ARG_SEQ));
    make_environ(arg_elements(map_get(map, "env"), ARG_MAP));
    make_grants(map);
    for (int i = 0; i < 3; i++) {
        if (renumber_streams)
            place_stream(i, names[i]);
        else
            __stdio_fd[i] = grant_fd(names[i]);
    }
    if (renumber_streams)
        restore_numbers(arg_elements(map_get(map, "fds"), ARG_MAP));
}

int grant_fd(const char *name)
{
    for (size_t i = 0; i < __libc_grants.count; i++) {
        if (strcmp(__libc_grants.list[i].name, name) == 0)
            return __libc_grants.list[i].fd;
    }
    return -1;
}

const char *grant_name(size_t index, int *fd)
{
    if (index >= __libc_grants.count)
        return NULL;
    if (fd != NULL)
        *fd = __libc_grants.list[index].fd;
    return __libc_grants.list[index].name;
}

const void *program_argbytes(size_t *len)
{
    *len = __libc_info.argdata_len;
    return __libc_info.argdata;
}

int program_args(char ***argv)
{
    *argv = __libc_args.argv;
    return __libc_args.argc;
}
