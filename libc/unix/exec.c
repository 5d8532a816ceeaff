/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exec family of POSIX: arguments and environment become keys of the argument map, and so do the standard
 * streams and the grants of this process that are still open and not marked close-on-exec. Other descriptors
 * that are open travel under the key `fds`, a map from their numbers, which the new program's start-up restores;
 * the current directory goes as the grant `cwd`.
 */
#include <alloca.h>
#include <argdata.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <tessera/grants.h>
#include <tessera/program.h>

#include "libc/unix/unix.h"

/* Numbers up to here are looked at for descriptors to pass on. */
#define INHERITED_MAX 64

static bool passes_on(int fd)
{
    cloudabi_fdstat_t st;

    return fd >= 0 && !__cloexec_get(fd) && cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &st) == 0;
}

static void write_args(struct argdata_writer *writer, char *const argv[])
{
    argdata_write_str(writer, "args");
    argdata_write_seq_begin(writer);
    for (; *argv != NULL; argv++)
        argdata_write_str(writer, *argv);
    argdata_write_seq_end(writer);
}

static void write_env(struct argdata_writer *writer, char *const envp[])
{
    argdata_write_str(writer, "env");
    argdata_write_map_begin(writer);
    for (; envp != NULL && *envp != NULL; envp++) {
        const char *sign = strchr(*envp, '=');
        if (sign == NULL)
            continue;
        argdata_write_str_len(writer, *envp, (size_t)(sign - *envp));
        argdata_write_str(writer, sign + 1);
    }
    argdata_write_map_end(writer);
}

static void write_named(struct argdata_writer *writer, const char *name, int fd)
{
    argdata_write_str(writer, name);
    argdata_write_fd(writer, (cloudabi_fd_t)fd);
}

static bool is_stream(const char *name)
{
    return strcmp(name, "stdin") == 0 || strcmp(name, "stdout") == 0 || strcmp(name, "stderr") == 0;
}

/* Whether a descriptor is a grant other than a standard stream. */
static bool is_grant(int wanted)
{
    const char *name;
    int fd;

    for (size_t i = 0; (name = grant_name(i, &fd)) != NULL; i++) {
        if (fd == wanted && !is_stream(name))
            return true;
    }
    return false;
}

static void write_others(struct argdata_writer *writer)
{
    argdata_write_str(writer, "fds");
    argdata_write_map_begin(writer);
    for (int fd = 3; fd < INHERITED_MAX; fd++) {
        if (is_grant(fd) || !passes_on(fd))
            continue;
        argdata_write_int(writer, fd);
        argdata_write_fd(writer, (cloudabi_fd_t)fd);
    }
    argdata_write_map_end(writer);
}

/* The streams come first, so that they are numbered 0, 1 and 2. */
static void write_descriptors(struct argdata_writer *writer)
{
    static const char *const streams[] = {"stdin", "stdout", "stderr"};
    const char *name;
    int cwd = __cwd_changed();
    int fd;

    for (int i = 0; i < 3; i++) {
        if (passes_on(i) && !is_grant(i))
            write_named(writer, streams[i], i);
    }
    for (size_t i = 0; (name = grant_name(i, &fd)) != NULL; i++) {
        bool replaced = cwd >= 0 && strcmp(name, "cwd") == 0;
        if (!is_stream(name) && !replaced && passes_on(fd))
            write_named(writer, name, fd);
    }
    if (cwd >= 0)
        write_named(writer, "cwd", cwd);
    write_others(writer);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct argdata_writer writer;
    struct argdata value;

    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    write_descriptors(&writer);
    write_args(&writer, argv);
    write_env(&writer, envp);
    argdata_write_map_end(&writer);
    int error = argdata_write_end(&writer, &value);
    if (error == 0)
        error = program_exec(fd, &value);
    argdata_write_free(&writer);
    return result((cloudabi_errno_t)error);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    int fd = open(path, O_EXEC);

    if (fd < 0)
        return -1;
    fexecve(fd, argv, envp);
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

/* Without a slash the name is looked for along PATH, whose directories begin with names of grants. */
int execvpe(const char *file, char *const argv[], char *const envp[])
{
    const char *path = getenv("PATH");
    size_t file_len = strlen(file);

    if (strchr(file, '/') != NULL)
        return execve(file, argv, envp);
    if (path == NULL)
        path = "/bin";
    errno = ENOENT;
    while (*path != '\0') {
        size_t len = strcspn(path, ":");
        char *full = alloca(len + file_len + 2);
        memcpy(full, path, len);
        full[len] = '/';
        memcpy(full + len + 1, file, file_len + 1);
        execve(full, argv, envp);
        if (errno != ENOENT && errno != ENOTDIR && errno != ENOTCAPABLE)
            return -1;
        path += len + (path[len] == ':');
    }
    return -1;
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* The arguments of a variadic call as a vector on the caller's stack. */
#define COLLECT(argv, first, args)                  \
    do {                                            \
        va_list ap;                                 \
        size_t count = 1;                           \
        va_copy(ap, args);                          \
        while (va_arg(ap, char *) != NULL)          \
            count++;                                \
        va_end(ap);                                 \
        argv = alloca((count + 1) * sizeof(*argv)); \
        argv[0] = (char *)(first);                  \
        for (size_t i = 1; i <= count; i++)         \
            argv[i] = va_arg(args, char *);         \
    } while (0)

int execl(const char *path, const char *first, ...)
{
    char **argv;
    va_list args;

    va_start(args, first);
    COLLECT(argv, first, args);
    va_end(args);
    return execve(path, argv, environ);
}

int execle(const char *path, const char *first, ...)
{
    char **argv;
    va_list args;

    va_start(args, first);
    COLLECT(argv, first, args);
    char **envp = va_arg(args, char **);
    va_end(args);
    return execve(path, argv, envp);
}

int execlp(const char *file, const char *first, ...)
{
    char **argv;
    va_list args;

    va_start(args, first);
    COLLECT(argv, first, args);
    va_end(args);
    return execvp(file, argv);
}
