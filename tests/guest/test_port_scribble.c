/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service gone mad: while clients use its port from several threads, one of its threads writes at random over the
 * whole region, and another delivers.  Clients may get any error or garbage, but never hang for good, and the
 * kernel must not mind.  New instances are started until the time is up.
 */
#include <pthread.h>

#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define RW       (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)
#define DURATION 4000000000ull
#define CLIENTS  5

static uint64_t random_state = 88172645463325252ull;

static uint64_t xorshift(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* --- the service ------------------------------------------------------------------------------------------------ */

static struct raw raw;
static unsigned madness; /* what is written over */

static void scribble_once(uint64_t *state)
{
    uint64_t r = xorshift(state);
    char *base = (char *)raw.header;
    switch (madness) {
    case 0: /* replies only, half right */
        memcpy((char *)&raw_slot(&raw, r % PORT_SLOTS)->reply + (r >> 8) % 120, &r,
               1 + (r >> 20) % 8);
        return;
    case 1: /* channel controls */
        memcpy(base + PORT_CONTROL_OFFSET + (r >> 8) % 1024, &r, 4);
        return;
    case 2: /* payload */
        memcpy(base + PORT_PAYLOAD_OFFSET + (r >> 8) % (PORT_SLOTS * PORT_PAYLOAD - 8), &r, 8);
        return;
    case 3: /* commands */
        memcpy(base + PORT_COMMAND_OFFSET + (r >> 8) % 4088, &r, 8);
        raw.header->cmd_tail += r >> 40 & 1;
        return;
    default: /* everything */
        memcpy(base + (r >> 8) % (PORT_CONTROL_OFFSET + 8192), &r, 1 + (r >> 32) % 8);
    }
}

static void *scribble(void *argument)
{
    uint64_t state = random_state ^ (uintptr_t)argument;
    for (;;) {
        for (unsigned i = 0; i < 20; i++)
            scribble_once(&state);
        for (volatile unsigned wait = 0; wait < state % 3000; wait++)
            ;
    }
    return NULL;
}

static void serve_madly(cloudabi_fd_t port, void *argument)
{
    pthread_t thread;
    madness = *(unsigned *)argument % 5;
    if (raw_map(&raw, port) != 0)
        abort();
    pthread_create(&thread, NULL, scribble, argument);
    for (;;) {
        cloudabi_errno_t error = raw_wait(&raw);
        if (error != 0)
            cloudabi_sys_proc_exit(0);
        __atomic_store_n(&raw.header->flush_pending, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&raw.header->channel_any, 0, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < 8; i++) {
            int slot = raw_next(&raw);
            if (slot < 0)
                break;
            raw_honest(&raw, (uint32_t)slot % PORT_SLOTS);
            raw_push(&raw, (uint32_t)slot % PORT_SLOTS);
        }
    }
}

/* --- the clients ------------------------------------------------------------------------------ */

static cloudabi_fd_t root;
static volatile bool over;
static uint64_t calls;

static void use(cloudabi_fd_t fd, uint64_t r)
{
    static _Thread_local char bytes[5000];
    cloudabi_filestat_t stat;
    size_t done;
    void *map;
    cloudabi_fdstat_t nonblock = {.fs_flags = CLOUDABI_FDFLAG_NONBLOCK};
    cloudabi_sys_fd_stat_put(fd, &nonblock, CLOUDABI_FDSTAT_FLAGS);
    switch (r % 6) {
    case 0:
        get(fd, bytes, sizeof(bytes), &done);
        break;
    case 1:
        put(fd, bytes, sizeof(bytes), &done);
        break;
    case 2:
        cloudabi_sys_file_stat_fget(fd, &stat);
        break;
    case 3:
        cloudabi_sys_file_readdir(fd, bytes, sizeof(bytes), 0, &done);
        break;
    case 4:
        cloudabi_sys_sock_shutdown(fd, CLOUDABI_SHUT_WR);
        break;
    default:
        if (cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd, 0,
                                 &map) == 0)
            cloudabi_sys_mem_unmap(map, 4096);
    }
}

static void *client(void *argument)
{
    static const char *const names[] = {"dir", "paged", "channel", "file", "dir/../x", "a/b/c/d/e"};
    uint64_t state = 12345 + (uintptr_t)argument * 7919;
    while (!over) {
        uint64_t r = xorshift(&state);
        const char *name = names[(r >> 8) % 6];
        cloudabi_fd_t fd;
        __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
        switch ((r >> 16) % 4) {
        case 0:
            look_at(root, name);
            break;
        case 1:
            cloudabi_sys_file_rename(root, name, strlen(name), root, "x/y", 3);
            break;
        default:
            if (open_with(root, name, 0,
                          RW | CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FD_STAT_PUT_FLAGS, 0,
                          &fd) != 0)
                break;
            use(fd, r >> 24);
            use(fd, r >> 32);
            close_fd(fd);
        }
    }
    return NULL;
}

/* A service that is only confused, not caught, answers nothing more: end it too. */
static void wait_or_end(cloudabi_fd_t service)
{
    cloudabi_subscription_t subs[2] = {
        {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE, .proc_terminate = {.fd = service}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 50000000}}};
    cloudabi_event_t events[2];
    size_t count;
    cloudabi_sys_poll(subs, events, 2, &count);
    close_fd(service);
}

int main(void)
{
    cloudabi_fd_t port;
    pthread_t threads[CLIENTS];
    unsigned instances = 0;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0)
        return 1;
    cloudabi_fd_t service = start(serve_madly, port, &instances);
    for (uintptr_t i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, client, (void *)i);
    for (uint64_t begin = now(); now() - begin < DURATION;) {
        wait_or_end(service);
        instances++;
        xorshift(&random_state);
        service = start(serve_madly, port, &instances);
    }
    over = true;
    close_fd(service);
    service = start(serve_honestly, port, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    printf("# %u instances, %u calls\n", instances, (unsigned)calls);
    CHECK(instances > 10 && calls > 100);
    CHECK_RETURNS(look_at(root, "x"), 0);
    close_fd(service);
    return tap_end();
}
