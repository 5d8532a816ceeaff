/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a path, as <libgen.h> has them, and GNU's basename of <string.h>. */
#include <string.h>

static char dot[] = ".";

/* Takes slashes off the end of PATH, but not the first character. */
static void cut_slashes(char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
}

char *__libc_basename(char *path) __asm__("basename");
char *__libc_basename(char *path)
{
    if (path == NULL || *path == '\0')
        return dot;
    cut_slashes(path);
    char *last = strrchr(path, '/');
    return last != NULL && last[1] != '\0' ? last + 1 : path;
}

char *__libc_gnu_basename(const char *path) __asm__("__gnu_basename");
char *__libc_gnu_basename(const char *path)
{
    const char *last = strrchr(path, '/');

    return (char *)(last != NULL ? last + 1 : path);
}

char *dirname(char *path)
{
    if (path == NULL || *path == '\0')
        return dot;
    cut_slashes(path);
    char *last = strrchr(path, '/');
    if (last == NULL)
        return dot;
    last[last == path] = '\0';
    cut_slashes(path);
    return path;
}
