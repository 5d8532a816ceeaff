/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls, processes, threads and a file system in memory, in wall time: here and in the Linux guest (beside.py). */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "beside.h"

#define PAGE    4096
#define ENTRIES 1000

static int dir, file;
static char page[PAGE];

/* --- calls and memory ------------------------------------------------------------------------- */

static void bad_descriptor(unsigned rounds)
{
    struct stat stat;
    while (rounds-- > 0)
        must(fstat(1000, &stat) != 0, "fstat");
}

static void gettime(unsigned rounds)
{
    while (rounds-- > 0)
        now();
}

static void map_touch_unmap(unsigned rounds)
{
    while (rounds-- > 0) {
        char *mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
        must(mem != MAP_FAILED, "mmap");
        *(volatile char *)mem = 1;
        munmap(mem, PAGE);
    }
}

static void page_faults(unsigned rounds)
{
    size_t size = (size_t)rounds * PAGE;
    char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANON | MAP_PRIVATE, -1, 0);
    must(mem != MAP_FAILED, "mmap");
    for (size_t at = 0; at < size; at += PAGE)
        *(volatile char *)(mem + at) = 1;
    munmap(mem, size);
}

/* --- processes and threads -------------------------------------------------------------------- */

static void fork_wait(unsigned rounds)
{
    while (rounds-- > 0) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0)
            _exit(0);
        must(waitpid(child, NULL, 0) == child, "waitpid");
    }
}

static void *end_at_once(void *argument)
{
    return argument;
}

static void create_join(unsigned rounds)
{
    pthread_t thread;
    while (rounds-- > 0) {
        must(pthread_create(&thread, NULL, end_at_once, NULL) == 0, "pthread_create");
        pthread_join(thread, NULL);
    }
}

static void echo_byte(unsigned rounds)
{
    int ends[2];
    char byte = 'x';
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        close(ends[0]);
        while (read(ends[1], &byte, 1) == 1)
            must(write(ends[1], &byte, 1) == 1, "write");
        _exit(0);
    }
    close(ends[1]);
    while (rounds-- > 0)
        must(write(ends[0], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1, "echo");
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned turns_left;

/* Takes every second turn until there are none left. */
static void *take_turns(void *odd)
{
    pthread_mutex_lock(&mutex);
    while (turns_left > 0) {
        if (turns_left % 2 == (odd != NULL)) {
            turns_left--;
            pthread_cond_signal(&changed);
        } else {
            pthread_cond_wait(&changed, &mutex);
        }
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void turn_about(unsigned rounds)
{
    pthread_t thread;
    turns_left = 2 * rounds;
    must(pthread_create(&thread, NULL, take_turns, NULL) == 0, "pthread_create");
    take_turns(&thread);
    pthread_join(thread, NULL);
}

/* --- files ------------------------------------------------------------------------------------ */

static int open_file(const char *name, int flags)
{
    int fd = openat(dir, name, flags, 0666);
    must(fd >= 0, name);
    return fd;
}

static void open_close(unsigned rounds)
{
    while (rounds-- > 0)
        close(open_file("file", O_RDONLY));
}

static void stat_name(unsigned rounds)
{
    struct stat stat;
    while (rounds-- > 0)
        must(fstatat(dir, "file", &stat, 0) == 0, "fstatat");
}

static void create_unlink(unsigned rounds)
{
    while (rounds-- > 0) {
        close(open_file("fresh", O_WRONLY | O_CREAT | O_EXCL));
        must(unlinkat(dir, "fresh", 0) == 0, "unlinkat");
    }
}

static void read_directory(unsigned rounds)
{
    while (rounds-- > 0) {
        DIR *many = fdopendir(open_file("many", O_RDONLY | O_DIRECTORY));
        must(many != NULL, "fdopendir");
        int count = 0;
        while (readdir(many) != NULL)
            count++;
        must(count >= ENTRIES, "readdir");
        closedir(many);
    }
}

static void read_page(unsigned rounds)
{
    while (rounds-- > 0)
        must(pread(file, page, PAGE, 0) == PAGE, "pread");
}

static void write_page(unsigned rounds)
{
    while (rounds-- > 0)
        must(pwrite(file, page, PAGE, 0) == PAGE, "pwrite");
}

static void make_files(void)
{
    char name[32];
    file = open_file("file", O_RDWR | O_CREAT);
    must(mkdirat(dir, "many", 0777) == 0, "mkdirat");
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof(name), "many/entry-%d", i);
        close(open_file(name, O_WRONLY | O_CREAT));
    }
    write_page(1);
}

static const struct {
    const char *name;
    void (*run)(unsigned rounds);
    unsigned rounds;
} tests[] = {
    {"fstat of a bad descriptor", bad_descriptor, 50000},
    {"clock_gettime", gettime, 50000},
    {"map, touch, unmap", map_touch_unmap, 5000},
    {"page fault", page_faults, 4000},
    {"fork, exit, wait", fork_wait, 300},
    {"thread: create, join", create_join, 1000},
    {"byte to a process and back", echo_byte, 5000},
    {"turn about, two threads", turn_about, 5000},
    {"open, close", open_close, 5000},
    {"stat by name", stat_name, 5000},
    {"create, close, unlink", create_unlink, 2000},
    {"readdir of 1,000 entries", read_directory, 50},
    {"4 KiB read", read_page, 10000},
    {"4 KiB written", write_page, 10000},
};

int main(int argc, char **argv)
{
    dir = work_directory(argc, argv);
    make_files();
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].run(tests[i].rounds / 10); /* warm up */
        double start = now();
        tests[i].run(tests[i].rounds);
        printf("%s: %.3f us\n", tests[i].name, (now() - start) / tests[i].rounds * 1e6);
    }
    return 0;
}
