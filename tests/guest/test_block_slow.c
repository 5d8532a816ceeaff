/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that takes its time (30 requests a second): whoever is killed meanwhile, caller or service, no memory is used
 * again while the disk may still write to it.  To see it, others take all the memory there is and look whether what
 * they put there stays.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define MIB     (1ul << 20)
#define PIECE   (128ul << 10)
#define READERS 12u
#define DEVICE  (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_SEEK)
#define WATCHED (64 * MIB) /* half of the machine's memory: what was freed last is in it */
#define FILL    0x77

static cloudabi_fd_t disk, jobs;
static atomic_uint started, errors;

static uint8_t *map_pages(size_t len)
{
    void *map = NULL;
    if (cloudabi_sys_mem_map(NULL, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD, 0,
                             &map) != 0)
        abort();
    return map;
}

static cloudabi_errno_t open_disk(cloudabi_fd_t *fd)
{
    return open_with(disk, "whole", 0, DEVICE, 0, fd);
}

/* The disk is blank, so a late write shows as zeros. */
static bool memory_stays(unsigned milliseconds)
{
    uint8_t *watched = map_pages(WATCHED);
    size_t changed = 0;
    memset(watched, FILL, WATCHED);
    sleep_ms(milliseconds);
    for (size_t i = 0; i < WATCHED; i += 512)
        changed += watched[i] != FILL;
    if (changed != 0)
        printf("# %zu sectors were written to\n", changed);
    cloudabi_sys_mem_unmap(watched, WATCHED);
    return changed == 0;
}

static void *read_until_error(void *argument)
{
    uint8_t *mine = map_pages(PIECE);
    cloudabi_errno_t error;
    size_t done = 0;
    atomic_fetch_add(&started, 1);
    do
        error = get_at(*(cloudabi_fd_t *)argument, mine, PIECE, 0, &done);
    while (error == 0);
    atomic_fetch_add(&errors, error == CLOUDABI_EIO);
    cloudabi_sys_mem_unmap(mine, PIECE);
    return NULL;
}

static void read_in_child(cloudabi_fd_t fd, void *argument)
{
    uint8_t *mine = map_pages(MIB);
    size_t done;
    (void)argument;
    for (;;)
        (void)get_at(fd, mine, MIB, 0, &done);
}

static void test_killed_callers(void)
{
    cloudabi_fd_t callers[READERS], fd;
    CHECK_RETURNS(open_disk(&fd), 0);
    for (unsigned i = 0; i < READERS; i++)
        callers[i] = start(read_in_child, fd, NULL);
    sleep_ms(150);
    for (unsigned i = 0; i < READERS; i++)
        close_fd(callers[i]);
    CHECK(memory_stays(1500));
    close_fd(fd);
}

static void test_killed_service(void)
{
    pthread_t threads[READERS];
    cloudabi_fd_t fd, again;
    uint8_t byte;
    size_t done;
    char ctl[160];
    CHECK_RETURNS(open_disk(&fd), 0);
    started = errors = 0;
    for (unsigned i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, read_until_error, &fd);
    while (started < READERS)
        sleep_ms(1);
    sleep_ms(100);
    CHECK(job_process(jobs, "block", "ctl", ctl) && job_write(jobs, ctl, "kill") == 0);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(errors == READERS);
    CHECK(memory_stays(1500));
    CHECK_RETURNS(open_disk(&again), 0);
    CHECK(get_at(again, &byte, 1, 0, &done) == 0 && done == 1 && byte == 0);
    close_fd(again);
    close_fd(fd);
}

int main(void)
{
    disk = (cloudabi_fd_t)grant_fd("disk");
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    test_killed_callers();
    test_killed_service();
    return tap_end();
}
