/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory's entries as a sorted array. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int select_function(const struct dirent *);
typedef int compare_function(const struct dirent **, const struct dirent **);

struct entries {
    struct dirent **list;
    size_t count, room;
};

static bool entries_add(struct entries *entries, const struct dirent *entry)
{
    if (entries->count == entries->room) {
        size_t room = entries->room != 0 ? 2 * entries->room : 16;
        struct dirent **list = reallocarray(entries->list, room, sizeof(*list));
        if (list == NULL)
            return false;
        entries->list = list;
        entries->room = room;
    }
    struct dirent *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return false;
    *copy = *entry;
    entries->list[entries->count++] = copy;
    return true;
}

static void entries_free(struct entries *entries)
{
    while (entries->count != 0)
        free(entries->list[--entries->count]);
    free(entries->list);
}

/* All that SELECT wants; false and errno if that can not be. */
static bool entries_read(struct entries *entries, DIR *dir, select_function *select)
{
    struct dirent *entry;

    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0)
        if ((select == NULL || select(entry) != 0) && !entries_add(entries, entry))
            return false;
    return errno == 0;
}

static int scan(DIR *dir, struct dirent ***list, select_function *select, compare_function *compare)
{
    struct entries entries = {0};

    if (dir == NULL)
        return -1;
    bool fine = entries_read(&entries, dir, select);
    int error = errno;
    closedir(dir);
    if (!fine) {
        entries_free(&entries);
        errno = error;
        return -1;
    }
    if (compare != NULL && entries.count > 1)
        qsort(entries.list, entries.count, sizeof(*entries.list),
              (int (*)(const void *, const void *))(void *)compare);
    *list = entries.list;
    return (int)entries.count;
}

int scandir(const char *path, struct dirent ***list, select_function *select,
            compare_function *compare)
{
    return scan(opendir(path), list, select, compare);
}

int scandirat(int at, const char *path, struct dirent ***list, select_function *select,
              compare_function *compare)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0)
        close(fd);
    return scan(dir, list, select, compare);
}

int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int versionsort(const struct dirent **a, const struct dirent **b)
{
    return strverscmp((*a)->d_name, (*b)->d_name);
}
