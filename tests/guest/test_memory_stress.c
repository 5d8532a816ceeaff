/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory under stress, on all CPUs at once: threads of one process map, fill, protect, check and unmap, each in
 * a region of its own, fork children that check and spoil their copies, and share an object of which
 * the tail comes and goes.
 */
#include <pthread.h>

#include "tests/guest/call.h"
#include "tests/guest/tap.h"

#define PAGE    4096
#define PAGES   48
#define THREADS 4
#define TURNS   1500
#define ANON    (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)
#define RW      (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define KEPT    16 /* pages of the shared object that are never cut off */

struct worker {
    pthread_t thread;
    uint64_t seed;
    unsigned number;
    volatile uint64_t *region;
    bool mapped[PAGES];
    uint64_t value[PAGES];
    unsigned bad;
};

static cloudabi_fd_t shared_fd;
static volatile uint64_t *shared;
static struct worker workers[THREADS];

static uint64_t next_random(struct worker *w)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed;
}

static volatile uint64_t *page_of(struct worker *w, unsigned page)
{
    return w->region + page * (PAGE / 8);
}

static bool region_is_right(struct worker *w)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (w->mapped[i] && (page_of(w, i)[0] != w->value[i] || page_of(w, i)[511] != w->value[i]))
            return false;
    return true;
}

static void do_map(struct worker *w, unsigned first, unsigned count)
{
    void *mem;
    w->bad += cloudabi_sys_mem_map((void *)page_of(w, first), count * PAGE, RW,
                                   ANON | CLOUDABI_MAP_FIXED, CLOUDABI_MAP_ANON_FD, 0, &mem) != 0;
    for (unsigned i = first; i < first + count; i++) {
        w->mapped[i] = true;
        w->value[i] = 0;
    }
}

static void do_unmap(struct worker *w, unsigned first, unsigned count)
{
    /* Not a hole for others to map into: no access instead. */
    void *mem;
    w->bad += cloudabi_sys_mem_map((void *)page_of(w, first), count * PAGE, 0,
                                   ANON | CLOUDABI_MAP_FIXED, CLOUDABI_MAP_ANON_FD, 0, &mem) != 0;
    memset(&w->mapped[first], 0, count);
}

static void do_store(struct worker *w, unsigned page)
{
    if (!w->mapped[page])
        return;
    w->value[page] = next_random(w);
    page_of(w, page)[0] = page_of(w, page)[511] = w->value[page];
}

/* Goes through read-only and inaccessible and back: nothing may change. */
static void do_protect(struct worker *w, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (!w->mapped[i])
            return;
    w->bad +=
        cloudabi_sys_mem_protect((void *)page_of(w, first), count * PAGE, CLOUDABI_PROT_READ) != 0;
    w->bad += !region_is_right(w);
    w->bad += cloudabi_sys_mem_protect((void *)page_of(w, first), count * PAGE, 0) != 0;
    w->bad += cloudabi_sys_mem_protect((void *)page_of(w, first), count * PAGE, RW) != 0;
}

static void do_fork(struct worker *w)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0) {
        w->bad++;
        return;
    }
    if (process == CLOUDABI_PROCESS_CHILD) {
        bool right = region_is_right(w);
        for (unsigned i = 0; i < PAGES; i++)
            do_store(w, i);
        right = right && region_is_right(w);
        cloudabi_sys_proc_exit(right ? 0 : 1);
    }
    for (unsigned i = 0; i < PAGES; i += 2)
        do_store(w, i);
    cloudabi_event_t end = wait_process(process);
    w->bad += end.error != 0 || end.proc_terminate.signal != 0 || end.proc_terminate.exitcode != 0;
    cloudabi_sys_fd_close(process);
}

/* The thread's own page of the object, through a mapping of its own that comes and goes. */
static void do_shared(struct worker *w)
{
    void *mem;
    w->bad +=
        cloudabi_sys_mem_map(NULL, KEPT * PAGE, RW, CLOUDABI_MAP_SHARED, shared_fd, 0, &mem) != 0;
    volatile uint64_t *here = (volatile uint64_t *)mem + w->number * (PAGE / 8);
    volatile uint64_t *there = shared + w->number * (PAGE / 8);
    uint64_t value = next_random(w);
    *here = value;
    w->bad += *there != value;
    *there = value + 1;
    w->bad += *here != value + 1;
    w->bad += cloudabi_sys_mem_unmap(mem, KEPT * PAGE) != 0;
}

static void do_resize(struct worker *w)
{
    cloudabi_filestat_t stat = {.st_size = (KEPT + next_random(w) % 100) * PAGE};
    w->bad += cloudabi_sys_file_stat_fput(shared_fd, &stat, CLOUDABI_FILESTAT_SIZE) != 0;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        unsigned first = next_random(w) % PAGES, count = 1 + next_random(w) % 8;
        if (first + count > PAGES)
            count = PAGES - first;
        unsigned what = next_random(w) % 100;
        if (what < 20)
            do_map(w, first, count);
        else if (what < 25)
            do_unmap(w, first, count);
        else if (what < 70)
            do_store(w, first);
        else if (what < 80)
            do_protect(w, first, count);
        else if (what < 82)
            do_fork(w);
        else if (what < 90)
            do_shared(w);
        else if (what < 93)
            do_resize(w);
        else
            w->bad += !region_is_right(w);
    }
    return NULL;
}

int main(void)
{
    cloudabi_filestat_t stat = {.st_size = KEPT * PAGE};
    void *mem = NULL;
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &shared_fd), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(shared_fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, KEPT * PAGE, RW, CLOUDABI_MAP_SHARED, shared_fd, 0, &mem), 0);
    shared = mem;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].seed = 88172645463325252 + i * 7919;
        workers[i].number = i;
        CHECK_RETURNS(
            cloudabi_sys_mem_map(NULL, PAGES * PAGE, 0, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem), 0);
        workers[i].region = mem;
    }
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_RETURNS(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK_RETURNS(pthread_join(workers[i].thread, NULL), 0);
        CHECK(workers[i].bad == 0);
    }
    return tap_end();
}
