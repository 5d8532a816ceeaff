/* SPDX-License-Identifier: BSD-2-Clause */
/* C11's threads, and smaller parts of the C library: sorted directories, parts of paths, streams that are locked. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>
#include <utime.h>

#include "tests/guest/tap.h"

#define THREADS 4
#define ROUNDS  1000

static mtx_t mutex;
static cnd_t condition;
static tss_t key;
static once_flag once = ONCE_FLAG_INIT;
static int counted, begun, destroyed, onces;
static thread_local int own;

static void count_once(void)
{
    onces++;
}

static void count_destroyed(void *value)
{
    mtx_lock(&mutex);
    destroyed += value != NULL;
    mtx_unlock(&mutex);
}

static int count(void *argument)
{
    int number = *(int *)argument;
    call_once(&once, count_once);
    tss_set(key, argument);
    own = number;
    mtx_lock(&mutex);
    begun++;
    cnd_broadcast(&condition);
    while (begun < THREADS)
        cnd_wait(&condition, &mutex);
    mtx_unlock(&mutex);
    for (int i = 0; i < ROUNDS; i++) {
        mtx_lock(&mutex);
        counted++;
        mtx_unlock(&mutex);
    }
    if (number == 1)
        thrd_exit(own + 100);
    return tss_get(key) == argument ? own + 100 : -1;
}

static void test_threads(void)
{
    thrd_t threads[THREADS];
    int numbers[THREADS], code;
    CHECK(mtx_init(&mutex, mtx_plain) == thrd_success && cnd_init(&condition) == thrd_success);
    CHECK(tss_create(&key, count_destroyed) == thrd_success);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(thrd_create(&threads[i], count, &numbers[i]) == thrd_success);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(thrd_join(threads[i], &code) == thrd_success && code == 100 + i);
    CHECK(counted == THREADS * ROUNDS && onces == 1 && destroyed == THREADS);
    CHECK(thrd_equal(thrd_current(), thrd_current()) != 0 && own == 0);
}

static int try_locked(void *argument)
{
    return mtx_trylock(argument);
}

static void test_mutexes(void)
{
    struct timespec past = {.tv_sec = 1}, moment = {.tv_nsec = 1000000};
    mtx_t again;
    thrd_t thread;
    int code = -1;
    CHECK(mtx_init(&again, mtx_recursive | mtx_timed) == thrd_success);
    CHECK(mtx_lock(&again) == thrd_success && mtx_trylock(&again) == thrd_success);
    CHECK(thrd_create(&thread, try_locked, &again) == thrd_success);
    CHECK(thrd_join(thread, &code) == thrd_success && code == thrd_busy);
    CHECK(mtx_unlock(&again) == thrd_success && mtx_unlock(&again) == thrd_success);
    CHECK(mtx_lock(&mutex) == thrd_success);
    CHECK(cnd_timedwait(&condition, &mutex, &past) == thrd_timedout);
    CHECK(mtx_unlock(&mutex) == thrd_success);
    CHECK(thrd_sleep(&moment, NULL) == 0);
}

static int is_plain(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void test_directories(void)
{
    static const char *const names[] = {"f10", "f9", "b", "f1"};
    struct dirent **list = NULL;
    char order[64] = "";
    CHECK(mkdir("/tmpdir/scan", 0755) == 0);
    for (int i = 0; i < 4; i++) {
        char path[40];
        snprintf(path, sizeof(path), "/tmpdir/scan/%s", names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0644));
    }
    int n = scandir("/tmpdir/scan", &list, is_plain, versionsort);
    CHECK(n == 4);
    for (int i = 0; i < n; i++) {
        strcat(strcat(order, list[i]->d_name), " ");
        free(list[i]);
    }
    free(list);
    CHECK(strcmp(order, "b f1 f9 f10 ") == 0);
    CHECK(scandir("/tmpdir/scan", &list, NULL, alphasort) == 6);
    CHECK(strcmp(list[0]->d_name, ".") == 0 && strcmp(list[4]->d_name, "f10") == 0);
    for (int i = 0; i < 6; i++)
        free(list[i]);
    free(list);
    CHECK_ERRNO(scandir("/tmpdir/none", &list, NULL, NULL), ENOENT);
}

static bool parts(const char *path, const char *directory, const char *name)
{
    char a[40], b[40];
    strcpy(a, path);
    strcpy(b, path);
    return strcmp(dirname(a), directory) == 0 && strcmp(basename(b), name) == 0;
}

static void test_paths(void)
{
    CHECK(parts("/usr/lib", "/usr", "lib") && parts("/usr/", "/", "usr") &&
          parts("usr", ".", "usr"));
    CHECK(parts("/", "/", "/") && parts("a//b//", "a", "b") && parts("", ".", "."));
    CHECK(parts("///", "/", "/") && parts("..", ".", "..") && parts("/a/b/c", "/a/b", "c"));
}

static int try_stream(void *argument)
{
    return ftrylockfile(argument);
}

static void test_streams(void)
{
    thrd_t thread;
    int code = 0;
    flockfile(stdout);
    flockfile(stdout);
    putc_unlocked('#', stdout);
    puts(" one line");
    CHECK(thrd_create(&thread, try_stream, stdout) == thrd_success);
    CHECK(thrd_join(thread, &code) == thrd_success && code != 0);
    funlockfile(stdout);
    CHECK(ftrylockfile(stdout) == 0);
    funlockfile(stdout);
    funlockfile(stdout);
}

static void test_headers(void)
{
    struct utimbuf times = {.actime = 100, .modtime = 200};
    struct stat status;
    regmatch_t match[2];
    regex_t pattern;
    CHECK(regcomp(&pattern, "f\\([0-9]*\\)$", 0) == 0);
    CHECK(regexec(&pattern, "a f42", 2, match, 0) == 0 && match[1].rm_so == 3 &&
          match[1].rm_eo == 5);
    regfree(&pattern);
    CHECK(utime("/tmpdir/scan/b", &times) == 0 && stat("/tmpdir/scan/b", &status) == 0);
    CHECK(status.st_mtime == 200 && status.st_atime == 100);
}

int main(void)
{
    test_threads();
    test_mutexes();
    test_directories();
    test_paths();
    test_streams();
    test_headers();
    return tap_end();
}
