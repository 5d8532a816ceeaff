/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting programs with exactly what is named. A program's argument data is a map: `args`,
 * `stdin`, `stdout`, `stderr`, and each named grant; its descriptors are those and no others.
 */
#include <string.h>
#include <unistd.h>

#include <argdata.h>
#include <tessera/grants.h>
#include <tessera/program.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

#define GRANTS_MAX 16u

#define RIGHTS_COMMON                                                                  \
    (CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_TELL | CLOUDABI_RIGHT_FILE_STAT_FGET | \
     CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS | CLOUDABI_RIGHT_POLL_FD_READWRITE |             \
     CLOUDABI_RIGHT_SOCK_SHUTDOWN)
#define RIGHTS_READ                                                                    \
    (RIGHTS_COMMON | CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FILE_ADVISE |             \
     CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_FILE_READDIR | \
     CLOUDABI_RIGHT_FILE_READLINK | CLOUDABI_RIGHT_FILE_STAT_GET)
#define RIGHTS_WRITE                                                            \
    (RIGHTS_COMMON | CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SYNC |         \
     CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_FILE_ALLOCATE |                \
     CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE | CLOUDABI_RIGHT_FILE_STAT_FPUT_TIMES | \
     CLOUDABI_RIGHT_FILE_STAT_PUT_TIMES | CLOUDABI_RIGHT_FILE_OPEN |            \
     CLOUDABI_RIGHT_FILE_CREATE_FILE | CLOUDABI_RIGHT_FILE_CREATE_DIRECTORY |   \
     CLOUDABI_RIGHT_FILE_UNLINK | CLOUDABI_RIGHT_FILE_RENAME_SOURCE |           \
     CLOUDABI_RIGHT_FILE_RENAME_TARGET | CLOUDABI_RIGHT_FILE_LINK_SOURCE |      \
     CLOUDABI_RIGHT_FILE_LINK_TARGET | CLOUDABI_RIGHT_FILE_SYMLINK)
#define RIGHTS_EXEC                                                               \
    (CLOUDABI_RIGHT_PROC_EXEC | CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_MEM_MAP | \
     CLOUDABI_RIGHT_MEM_MAP_EXEC | CLOUDABI_RIGHT_FILE_OPEN)

/* A program about to be started. */
struct start {
    struct argdata_writer writer;
    int fds[GRANTS_MAX + 3];
    const char *names[GRANTS_MAX + 3];
    bool owned[GRANTS_MAX + 3]; /* to be closed after the start */
    size_t count;
};

/* --- grants ------------------------------------------------------------------------------- */

static bool add_grant(struct start *start, const char *name, int fd, bool owned)
{
    if (start->count == GRANTS_MAX + 3) {
        complain("too many grants");
        if (owned)
            close(fd);
        return false;
    }
    start->names[start->count] = name;
    start->owned[start->count] = owned;
    start->fds[start->count++] = fd;
    return true;
}

static bool is_named(const struct start *start, const char *name)
{
    for (size_t i = 0; i < start->count; i++) {
        if (strcmp(start->names[i], name) == 0)
            return true;
    }
    return false;
}

static cloudabi_errno_t narrow(int fd, cloudabi_rights_t rights)
{
    cloudabi_fdstat_t stat;
    cloudabi_errno_t error = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &stat);
    stat.fs_rights_base &= rights;
    stat.fs_rights_inheriting &= rights;
    return error != 0 ? error
                      : cloudabi_sys_fd_stat_put((cloudabi_fd_t)fd, &stat, CLOUDABI_FDSTAT_RIGHTS);
}

/* Rights by letters, and those of them without which a file would be of no use. */
static bool rights_of_letters(const char *letters, cloudabi_rights_t *rights,
                              cloudabi_rights_t *needed)
{
    *rights = *needed = 0;
    for (; *letters != '\0'; letters++) {
        switch (*letters) {
        case 'r':
            *rights |= RIGHTS_READ;
            *needed |= CLOUDABI_RIGHT_FD_READ;
            break;
        case 'w':
            *rights |= RIGHTS_WRITE;
            *needed |= CLOUDABI_RIGHT_FD_WRITE;
            break;
        case 'x':
            *rights |= RIGHTS_EXEC;
            *needed |= CLOUDABI_RIGHT_PROC_EXEC;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* Opens PATH for a grant with just RIGHTS. -1 after complaining. */
static int open_grant(const char *path, cloudabi_rights_t rights, cloudabi_rights_t needed)
{
    struct place place;
    if (!name_resolve(path, &place))
        return -1;
    bool directory = place_is_directory(&place);
    cloudabi_oflags_t oflags = directory ? CLOUDABI_O_DIRECTORY : 0;
    int fd = place_open(&place, oflags, directory ? 0 : needed, rights);
    if (fd < 0)
        return -1;
    cloudabi_errno_t error = narrow(fd, rights);
    if (error == 0)
        return fd;
    complain("%s: %s", path, strerror(error));
    close(fd);
    return -1;
}

/* NAME=PATH[:LETTERS]. */
static bool add_named(struct start *start, char *word)
{
    cloudabi_rights_t rights, needed;
    char *equals = strchr(word, '=');
    char *colon = strrchr(equals, ':');
    bool known =
        colon != NULL && colon[1] != '\0' && rights_of_letters(colon + 1, &rights, &needed);
    *equals = '\0';
    if (known)
        *colon = '\0';
    else
        (void)rights_of_letters("r", &rights, &needed);
    if (is_named(start, word)) {
        complain("`%s` is named twice", word);
        return false;
    }
    int fd = open_grant(equals + 1, rights, needed);
    return fd >= 0 && add_grant(start, word, fd, true);
}

/* A word that names a grant: letters, digits, `_` and `-`, then `=`. */
static bool is_grant_word(const char *word)
{
    size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return len != 0 && word[len] == '=' && word[0] != '-';
}

/* --- streams ------------------------------------------------------------------------------ */

static bool add_output(struct start *start, const char *name, int output)
{
    cloudabi_fd_t copy = 0;
    cloudabi_rights_t rights = RIGHTS_COMMON | CLOUDABI_RIGHT_FD_WRITE;
    if (output < 0) /* the shell's own: nobody else shuts it down or sets its flags */
        rights &= ~(CLOUDABI_RIGHT_SOCK_SHUTDOWN | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS);
    if (is_named(start, name))
        return true;
    cloudabi_errno_t error =
        cloudabi_sys_fd_dup((cloudabi_fd_t)(output >= 0 ? output : terminal_fd), &copy);
    if (error == 0)
        error = narrow((int)copy, rights);
    if (error == 0)
        return add_grant(start, name, (int)copy, true);
    complain("%s: %s", name, strerror(error));
    return false;
}

/* --- starting ----------------------------------------------------------------------------- */

static int open_program(const char *name, bool quiet)
{
    struct place place;
    int fd = -1;
    const cloudabi_rights_t extras = CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_MEM_MAP |
                                     CLOUDABI_RIGHT_MEM_MAP_EXEC | CLOUDABI_RIGHT_FILE_STAT_FGET;
    if (strchr(name, '/') != NULL) {
        if (!quiet && name_resolve(name, &place))
            fd = place_open(&place, 0, CLOUDABI_RIGHT_PROC_EXEC, extras);
        return fd;
    }
    int programs = grant_fd("programs");
    place = (struct place){.fd = programs, .grant = "programs", .typed = name};
    if (programs < 0 || strlen(name) > 255) {
        if (!quiet)
            complain("refused: `programs` was not granted to this shell");
        return -1;
    }
    strcpy(place.path, name);
    if (quiet)
        return place_try_open(&place, 0, CLOUDABI_RIGHT_PROC_EXEC, extras, &fd) == 0 ? fd : -1;
    return place_open(&place, 0, CLOUDABI_RIGHT_PROC_EXEC, extras);
}

bool program_exists(const char *name)
{
    if (strchr(name, '/') != NULL)
        return true; /* open_program() will say what is wrong with it */
    int fd = open_program(name, true);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void write_argdata(struct start *start, char **args, size_t args_count)
{
    struct argdata_writer *writer = &start->writer;
    argdata_write_begin(writer, NULL, 0);
    argdata_write_map_begin(writer);
    argdata_write_str(writer, "args");
    argdata_write_seq_begin(writer);
    for (size_t i = 0; i < args_count; i++)
        argdata_write_str(writer, args[i]);
    argdata_write_seq_end(writer);
    for (size_t i = 0; i < start->count; i++) {
        argdata_write_str(writer, start->names[i]);
        argdata_write_fd(writer, (cloudabi_fd_t)i);
    }
    argdata_write_map_end(writer);
}

static int spawn(struct start *start, int program, char **args, size_t args_count)
{
    struct argdata data;
    int process = -1;
    write_argdata(start, args, args_count);
    cloudabi_errno_t error = argdata_write_end(&start->writer, &data);
    if (error == 0)
        error = (cloudabi_errno_t)program_spawn_fds(program, data.data, data.len, start->fds,
                                                    start->count, &process);
    argdata_write_free(&start->writer);
    if (error == 0)
        return process;
    complain("%s: %s", args[0], strerror(error));
    return -1;
}

/* The words of a command without `run`: grants go to START, the rest stays in WORDS. False after
 * complaining. */
static bool take_words(struct start *start, struct streams streams, char **words, size_t *count)
{
    size_t kept = 1, at = 1;
    if (streams.input >= 0 && !add_grant(start, "stdin", streams.input, false))
        return false;
    for (; at < *count && is_grant_word(words[at]); at++) {
        if (!add_named(start, words[at]))
            return false;
    }
    while (at < *count)
        words[kept++] = words[at++];
    *count = kept;
    return add_output(start, "stdout", streams.output) && add_output(start, "stderr", -1);
}

int program_start(const struct command *command, struct streams streams)
{
    struct start start = {.count = 0};
    bool run = strcmp(command->words[0], "run") == 0;
    char **words = command->words + run;
    size_t count = command->count - run;
    int process = -1;
    if (count == 0) {
        complain("run: a program is needed (help)");
        return -1;
    }
    int program = open_program(words[0], false);
    if (program < 0)
        return -1;
    (void)out_flush();
    if (take_words(&start, streams, words, &count))
        process = spawn(&start, program, words, count);
    for (size_t i = 0; i < start.count; i++) {
        if (start.owned[i])
            close(start.fds[i]);
    }
    close(program);
    return process;
}
