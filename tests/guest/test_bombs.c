/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a job can do to its neighbours by using all that it gets: nothing much.  Each bomb goes off in a job with limits
 * and 10 % of a CPU, while this program asks a service; the median of its round trips may not grow, and when
 * the job has been killed all is given back.  Arguments: `unlimited`: the job gets all the CPU time that it can;
 * `strict`: a tenth more is too much.  That is for an emulator that counts instructions
 * (tests/scenario/test_bombs.py): elsewhere the host's other work makes more of a difference than the bomb, and
 * this only finds a neighbour that starves.
 */
#include <pthread.h>
#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/tap.h"

#define RW      (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define ANON    (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)
#define SAMPLES 300
#define TRIES   5 /* the host has other things to do as well */

static cloudabi_fd_t jobs, home, tmp;
static bool unlimited, strict;

/* --- bombs ------------------------------------------------------------------------------------ */

static uint32_t fork_bomb(void *arg)
{
    (void)arg;
    for (;;) {
        cloudabi_fd_t child;
        cloudabi_tid_t tid;
        if (cloudabi_sys_proc_fork(&child, &tid) != 0)
            (void)nap(1000000);
    }
}

static uint32_t descriptor_bomb(void *arg)
{
    cloudabi_fd_t fd[2];
    (void)arg;
    for (;;) {
        if (cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_DGRAM, &fd[0], &fd[1]) != 0)
            (void)cloudabi_sys_fd_dup(0, &fd[0]);
    }
}

static uint32_t memory_bomb(void *arg)
{
    void *mem;
    (void)arg;
    for (;;) {
        cloudabi_fd_t child;
        cloudabi_tid_t tid;
        if (cloudabi_sys_proc_fork(&child, &tid) == 0 && child == CLOUDABI_PROCESS_CHILD)
            for (;;)
                if (cloudabi_sys_mem_map(NULL, 1 << 20, RW, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem) ==
                    0)
                    memset(mem, 1, 1 << 20); /* ends by SIGBUS */
        wait_process(child);
        cloudabi_sys_fd_close(child);
    }
}

static uint32_t socket_bomb(void *arg)
{
    static char data[65536];
    cloudabi_fd_t fd[2];
    size_t done;
    (void)arg;
    for (;;)
        if (cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &fd[0], &fd[1]) == 0) {
            (void)put(fd[0], data, sizeof(data), &done);
            (void)put(fd[1], data, sizeof(data), &done);
        }
}

static uint32_t file_bomb(void *arg)
{
    static char data[65536];
    cloudabi_fd_t fd;
    size_t done;
    (void)arg;
    if (open_file(tmp, "bomb", CLOUDABI_O_CREAT, &fd) != 0)
        return 1;
    for (;;) /* up to the service's own limit, or 8 MiB here */
        for (unsigned i = 0; i < 128; i++)
            if (put_at(fd, data, sizeof(data), i * sizeof(data)) != 0)
                (void)get(fd, data, 1, &done);
}

static void *spin(void *arg)
{
    (void)arg;
    for (volatile unsigned i = 0;; i++) {
    }
    return NULL;
}

static uint32_t thread_bomb(void *arg)
{
    pthread_t thread;
    (void)arg;
    for (;;)
        if (pthread_create(&thread, NULL, spin, NULL) != 0)
            (void)nap(1000000);
}

static void *ask(void *arg)
{
    cloudabi_filestat_t stat;
    (void)arg;
    for (;;)
        (void)stat_at(tmp, "bomb", 0, &stat);
    return NULL;
}

static uint32_t slot_bomb(void *arg)
{
    pthread_t thread;
    (void)arg;
    for (unsigned i = 0; i < 30; i++)
        (void)pthread_create(&thread, NULL, ask, NULL);
    ask(NULL);
    return 0;
}

static uint32_t cpu_bomb(void *arg)
{
    spin(arg);
    return 0;
}

/* --- the neighbour ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t round_trip(void)
{
    static uint64_t sample[SAMPLES];
    cloudabi_filestat_t stat;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t start = now();
        if (stat_at(tmp, "quiet", 0, &stat) != 0)
            return UINT64_MAX;
        sample[i] = now() - start;
    }
    qsort(sample, SAMPLES, sizeof(*sample), compare);
    return sample[SAMPLES / 2];
}

/* The least of some medians: what the host does meanwhile only makes them longer. */
static uint64_t quiet_round_trip(void)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t median = round_trip();
        best = median < best ? median : best;
    }
    return best;
}

static uint64_t disturbed_round_trip(uint64_t good_enough)
{
    uint64_t best = UINT64_MAX;
    for (unsigned i = 0; i < TRIES && best > good_enough; i++) {
        uint64_t median = round_trip();
        best = median < best ? median : best;
        (void)nap(10000000);
    }
    return best;
}

static const struct {
    const char *name;
    uint32_t (*run)(void *);
} bombs[] = {
    {"fork", fork_bomb},     {"descriptor", descriptor_bomb},
    {"memory", memory_bomb}, {"socket", socket_bomb},
    {"file", file_bomb},     {"thread", thread_bomb},
    {"slot", slot_bomb},     {"cpu", cpu_bomb},
};

static void limit(void)
{
    CHECK_RETURNS(job_write(home, "bomb/limits", "memory 8388608"), 0);
    CHECK_RETURNS(job_write(home, "bomb/limits", "threads 40"), 0);
    CHECK_RETURNS(job_write(home, "bomb/limits", "processes 24"), 0);
    CHECK_RETURNS(job_write(home, "bomb/limits", "descriptors 2000"), 0);
    CHECK_RETURNS(job_write(home, "bomb/limits", "slots 2"), 0);
    if (!unlimited)
        CHECK_RETURNS(job_write(home, "bomb/limits", "cpu 10"), 0);
}

static void explode(size_t i)
{
    cloudabi_fd_t process;
    CHECK_RETURNS(make_dir(home, "bomb"), 0);
    limit();
    uint64_t before = quiet_round_trip();
    /* Who asks the same service without a limit of time is served in turn: his share of slots bounds how much of his
     * goes before the neighbour's, and that is more than a tenth. */
    bool in_turn = unlimited && bombs[i].run == slot_bomb;
    uint64_t most = strict && !in_turn ? before + before / 10 : before * 4;
    CHECK_RETURNS(job_start(home, "bomb", bombs[i].run, NULL, &process), 0);
    (void)nap(300000000);
    uint64_t during = disturbed_round_trip(most);
    printf("# %s: %llu ns before, %llu during\n", bombs[i].name, (unsigned long long)before,
           (unsigned long long)during);
    CHECK(during <= most);
    cloudabi_sys_fd_close(
        process); /* the job counts its first process until its descriptor is closed */
    CHECK_RETURNS(job_write(home, "bomb/limits", "processes 0"),
                  0); /* or a fork bomb grows again */
    CHECK(job_clear(home, "bomb"));
    CHECK_RETURNS(rmdir_at(home, "bomb"), 0);
}

int main(int argc, char **argv)
{
    cloudabi_fd_t fd;
    for (int i = 1; i < argc; i++) {
        unlimited |= strcmp(argv[i], "unlimited") == 0;
        strict |= strcmp(argv[i], "strict") == 0;
    }
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    tmp = (cloudabi_fd_t)grant_fd("tmp");
    CHECK_RETURNS(job_open(jobs, "program", &home), 0);
    CHECK_RETURNS(open_file(tmp, "quiet", CLOUDABI_O_CREAT, &fd), 0);
    cloudabi_sys_fd_close(fd);
    uint64_t memory = job_number(home, "usage", "memory");
    for (size_t i = 0; i < sizeof(bombs) / sizeof(*bombs); i++)
        explode(i);
    CHECK(job_number(home, "usage", "memory") <= memory + 65536);
    CHECK(job_number(home, "usage", "processes") == 1);
    CHECK(job_number(home, "usage", "threads") == 1);
    return tap_end();
}
