/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything at once on one file: writes, stores, reads, cuts, syncs and dropped pages by several processes, while
 * another one reads a file that does not fit into memory.  Each word of the file is 0 or tells where it belongs.  Its
 * first half is never cut off: there it is stored to.
 */
#include "tests/guest/pager.h"

#define ACTORS  4u
#define SECONDS 4u
#define MOST    (DISK_PAGES * PAGE)

struct actor {
    cloudabi_fd_t fd;
    uint64_t seed;
    char *map;
};

static struct actor actors[ACTORS + 1];
static uint64_t words[32 * PAGE / 8];

static uint64_t draw(struct actor *actor, uint64_t below)
{
    actor->seed ^= actor->seed << 13;
    actor->seed ^= actor->seed >> 7;
    actor->seed ^= actor->seed << 17;
    return actor->seed % below;
}

static uint64_t tag(uint64_t word, uint64_t version)
{
    return (word + 1) << 16 | (version & 0xffff);
}

static bool is_tagged(const uint64_t *from, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (from[i] != 0 && from[i] >> 16 != first + i + 1)
            return false;
    return true;
}

static cloudabi_errno_t act(struct actor *actor)
{
    uint64_t at = draw(actor, MOST / 8), len = 1 + draw(actor, 12 * PAGE / 8);
    cloudabi_filestat_t stat = {.st_size = (MOST / 16 + draw(actor, MOST / 16)) * 8};
    size_t done;
    if (len > MOST / 8 - at)
        len = MOST / 8 - at;
    switch (draw(actor, 12)) {
    case 0:
        return cloudabi_sys_file_stat_fput(actor->fd, &stat, CLOUDABI_FILESTAT_SIZE);
    case 1:
        return cloudabi_sys_fd_sync(actor->fd);
    case 2:
        return cloudabi_sys_file_advise(actor->fd, at * 8, len * 8, CLOUDABI_ADVICE_DONTNEED);
    case 3:
    case 4:
    case 5:
        for (uint64_t i = 0; i < len; i++)
            words[i] = tag(at + i, actor->seed);
        return put_at(actor->fd, words, len * 8, at * 8);
    case 6:
        for (uint64_t i = at; i < at + len && i < MOST / 16; i += 100)
            ((volatile uint64_t *)(void *)actor->map)[i] = tag(i, actor->seed);
        return 0;
    case 7:
        return cloudabi_sys_mem_sync(actor->map, MOST, CLOUDABI_MS_SYNC);
    default: {
        cloudabi_errno_t error = get_at(actor->fd, words, len * 8, at * 8, &done);
        if (error == 0 && !is_tagged(words, at, done / 8))
            error = CLOUDABI_EILSEQ;
        return error;
    }
    }
}

static void run_actor(cloudabi_fd_t port, void *argument)
{
    struct actor *actor = argument;
    uint64_t end = now() + SECONDS * 1000000000ull;
    cloudabi_errno_t error = 0;
    (void)port;
    while (error == 0 && now() < end)
        error = act(actor);
    cloudabi_sys_proc_exit(error);
}

static void run_reader(cloudabi_fd_t port, void *argument)
{
    struct actor *actor = argument;
    uint64_t end = now() + SECONDS * 1000000000ull;
    (void)port;
    for (uint64_t index = 0; now() < end; index = (index + 32) % (HUGE_PAGES - 32)) {
        size_t done;
        if (get_at(actor->fd, words, 32 * PAGE, index * PAGE, &done) != 0 || done != 32 * PAGE ||
            words[5] != huge_word(index * (PAGE / 8) + 5, 0))
            cloudabi_sys_proc_exit(1);
    }
    cloudabi_sys_proc_exit(0);
}

static void check_rest(cloudabi_fd_t fd)
{
    static char first[DISK_PAGES * 4096], second[DISK_PAGES * 4096];
    size_t done, again;
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK_RETURNS(get_at(fd, first, sizeof(first), 0, &done), 0);
    CHECK(is_tagged((const uint64_t *)(const void *)first, 0, done / 8));
    CHECK_RETURNS(cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_DONTNEED), 0);
    CHECK_RETURNS(get_at(fd, second, sizeof(second), 0, &again), 0);
    CHECK(done == again && memcmp(first, second, done) == 0);
    unsigned wrong = 0;
    for (uint64_t i = 0; i < done / PAGE; i++)
        wrong += control->mapped[i] && memcmp(page_at(i), first + i * PAGE, PAGE) != 0;
    CHECK(wrong == 0);
}

static void start_actor(const struct served *served, unsigned i, cloudabi_fd_t *child)
{
    void *map = NULL;
    struct actor *actor = &actors[i];
    actor->seed = 88172645463325252ull + i * 977;
    CHECK_RETURNS(open_file(served->root, i == ACTORS ? "huge" : "places", 0, &actor->fd), 0);
    if (i < ACTORS)
        CHECK_RETURNS(cloudabi_sys_mem_map(NULL, MOST, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                           CLOUDABI_MAP_SHARED, actor->fd, 0, &map),
                      0);
    actor->map = map;
    *child = start(i == ACTORS ? run_reader : run_actor, served->port, actor);
}

int main(void)
{
    cloudabi_fd_t child[ACTORS + 1];
    pager_memory();
    for (unsigned round = 0; round < 2; round++) {
        struct served served = pager_begin(0);
        control->quota = ~0u;
        control->want_wrote = round;
        cloudabi_filestat_t stat = {.st_size = MOST};
        cloudabi_fd_t fd = NO_FD;
        CHECK_RETURNS(open_file(served.root, "places", 0, &fd), 0);
        CHECK_RETURNS(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE), 0);
        close_fd(fd);
        for (unsigned i = 0; i <= ACTORS; i++)
            start_actor(&served, i, &child[i]);
        for (unsigned i = 0; i <= ACTORS; i++) {
            cloudabi_event_t event = wait_process(child[i]);
            close_fd(child[i]);
            errno = event.proc_terminate.exitcode;
            CHECK(event.proc_terminate.exitcode == 0);
            CHECK(event.proc_terminate.signal == 0);
        }
        check_rest(actors[0].fd);
        for (unsigned i = 0; i <= ACTORS; i++)
            close_fd(actors[i].fd);
        pager_end(&served);
    }
    return tap_end();
}
