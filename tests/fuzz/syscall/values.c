/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments: numbers at the edges, pointers to every kind of memory and of none, descriptors. */
#include "tests/fuzz/syscall/fuzz.h"

#define ARENA_PAGES 64u

static char *arena;     /* pages of all kinds, see values_init; those below 32 stay as they are */
static char *field;     /* pages to map, protect and remove */
static char *shared;    /* four pages that forked children share */
static char *truncated; /* four pages of an object of one */

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static char *map(size_t pages, cloudabi_mflags_t flags, cloudabi_fd_t fd)
{
    void *mem = NULL;

    (void)cloudabi_sys_mem_map(NULL, pages * PAGE, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE, flags,
                               fd, 0, &mem);
    return mem;
}

void values_init(void)
{
    cloudabi_filestat_t one = {.st_size = PAGE};
    cloudabi_fd_t fd = NO_FD;

    arena = map(ARENA_PAGES, CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD);
    field = map(ARENA_PAGES, CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_ANON_FD);
    shared = map(4, CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED, CLOUDABI_MAP_ANON_FD);
    cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd);
    cloudabi_sys_file_stat_fput(fd, &one, CLOUDABI_FILESTAT_SIZE);
    truncated = map(4, CLOUDABI_MAP_SHARED, fd);
    /* Page 40 can be read only, 44 not at all, 48 is not there. */
    cloudabi_sys_mem_protect(arena + 40 * PAGE, PAGE, CLOUDABI_PROT_READ);
    cloudabi_sys_mem_protect(arena + 44 * PAGE, PAGE, 0);
    cloudabi_sys_mem_unmap(arena + 48 * PAGE, PAGE);
}

uint64_t any_number(struct random *random)
{
    uint64_t n = random_next(random);

    switch (below(random, 8)) {
    case 0:
        return below(random, 16);
    case 1:
        return (UINT64_C(1) << below(random, 64)) - below(random, 3) + 1;
    case 2:
        return -(uint64_t)below(random, 4100);
    case 3:
        return (uint64_t)INT64_MAX - below(random, 3) + 1;
    case 4:
        return below(random, 1u << 20) & ~(uint64_t)(PAGE - 1);
    case 5:
        return n >> below(random, 64);
    default:
        return below(random, 10000);
    }
}

uint64_t any_length(struct random *random)
{
    return once_in(random, 8) ? any_number(random) : below(random, once_in(random, 4) ? 20000 : 64);
}

uint64_t any_flags(struct random *random)
{
    switch (below(random, 4)) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << below(random, 8);
    case 2:
        return below(random, 16);
    default:
        return once_in(random, 4) ? random_next(random) : UINT64_C(1) << below(random, 4);
    }
}

uint64_t any_fd(struct random *random)
{
    if (once_in(random, 20))
        return random_next(random) & UINT32_MAX;
    return below(random, once_in(random, 4) ? 200 : 32);
}

uint64_t any_pointer(struct random *random)
{
    uint64_t in_page = once_in(random, 3) ? below(random, PAGE) : below(random, 512) * 8;

    switch (below(random, 14)) {
    case 0:
        return below(random, 3) * 8;
    case 1:
        return UINT64_C(0xffffffff80000000) + below(random, 1u << 22);
    case 2:
        return UINT64_C(0xffff800000000000) + below(random, 1u << 27);
    case 3:
        return UINT64_C(0x0000800000000000) - below(random, 2 * PAGE);
    case 4:
        return random_next(random);
    case 5:
        return (uint64_t)(arena + 40 * PAGE) - below(random, 64); /* into what can only be read */
    case 6:
        return (uint64_t)(arena + 44 * PAGE) - below(random, 64);
    case 7:
        return (uint64_t)(arena + 48 * PAGE) - below(random, 64); /* across the end */
    case 8:
        return (uint64_t)(truncated + PAGE) - below(random, 64) + below(random, 2) * PAGE;
    case 9:
        return (uint64_t)shared + below(random, 4 * PAGE);
    case 10:
        return (uint64_t)(void *)any_pointer; /* code */
    case 11:
        return (uint64_t)any_page(random) + in_page;
    default:
        return (uint64_t)(arena + below(random, 32) * PAGE + in_page);
    }
}

void *good_memory(struct random *random, size_t len)
{
    uint64_t room = PAGE - (len & (PAGE - 1)) + 1;

    return arena + below(random, 30) * PAGE + (below(random, room) & ~UINT64_C(7));
}

void *any_page(struct random *random)
{
    return field + below(random, ARENA_PAGES - 4) * PAGE;
}

uint64_t some_place(struct random *random, const void *from, size_t len)
{
    if (once_in(random, 12))
        return any_pointer(random);
    char *to = good_memory(random, len);
    memcpy(to, from, len);
    return (uint64_t)to;
}
