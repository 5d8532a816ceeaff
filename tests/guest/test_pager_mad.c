/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager gone mad: its answers are mostly right, and at random short, late, wrong or none at all; it sends
 * commands that nobody asked for and ends in the middle of things.  Clients of several processes do everything that can
 * be done with its files.  They may get any error, garbage or SIGBUS; the kernel must not mind, and nothing may hang
 * or be left over in the end.
 *
 * Arguments: seconds (4), seed (1).
 */
#include <pthread.h>
#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define PAGE       4096u
#define FILE_PAGES 200u
#define FILES      6u
#define PAGERS     2u
#define CLIENTS    3u
#define THREADS    3u
#define ANY_RIGHTS (FILE_BASE)

static uint64_t seed = 1, seconds = 4;
static _Thread_local uint64_t state = 1;
static cloudabi_fd_t device, jobs;
static cloudabi_fd_t ports[PAGERS], roots[PAGERS];

static void reseed(uint64_t value)
{
    state = (seed * 1000003 + value + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

static bool one_in(uint64_t n)
{
    return draw(n) == 0;
}

/* --- the pager -------------------------------------------------------------------------------------------------- */

struct mad {
    struct raw raw;
    int late[PORT_SLOTS];
    unsigned late_count;
    uint64_t strange; /* one answer in so many is not right */
};

static char buffer[PORT_SLOTS][PORT_PAGES_MAX * PAGE] __attribute__((aligned(4096)));

static uint64_t some_address(void)
{
    static const uint64_t wild[] = {0, 16, 0x7fffffffe000, 0x800000000000, 0xffffffff80200000};
    return one_in(2) ? wild[draw(5)] : (uint64_t)&buffer[0][0] + draw(sizeof(buffer));
}

static size_t some_extents(struct mad *mad, uint32_t i, uint32_t len, bool holes)
{
    struct port_extent *extent = (struct port_extent *)(void *)raw_payload(&mad->raw, i);
    size_t n = 0;
    while (len > 0 && n < PORT_EXTENTS_MAX) {
        uint32_t part = one_in(2) ? len : (uint32_t)(1 + draw(len / 512)) * 512;
        extent[n++] = (struct port_extent){
            .offset = holes && one_in(3) ? PORT_HOLE : draw(FILE_PAGES * 8) * 512, .len = part};
        len -= part;
    }
    if (one_in(mad->strange) && n > 0)
        extent[draw(n)] = (struct port_extent){draw(2) ? state : state & ~511ull, draw(2) * state};
    return n * sizeof(*extent);
}

static void answer_pages(struct mad *mad, uint32_t i, struct port_reply *reply)
{
    uint32_t len = raw_slot(&mad->raw, i)->request.len;
    bool in = raw_slot(&mad->raw, i)->request.op == PORT_PAGE_IN;
    if (len > PORT_PAGES_MAX * PAGE)
        len = PORT_PAGES_MAX * PAGE;
    if (one_in(3))
        len = (uint32_t)(1 + draw(len / PAGE)) * PAGE;
    reply->flags = in || one_in(2) ? 0 : PORT_REPLY_WROTE;
    if (one_in(2)) {
        reply->kind = PORT_REPLY_DATA;
        reply->a = one_in(mad->strange) ? some_address() : (uint64_t)buffer[i % PORT_SLOTS];
        reply->len = len;
    } else {
        reply->kind = PORT_REPLY_EXTENTS;
        reply->fd[0] = one_in(mad->strange) ? (int32_t)draw(20) : (int32_t)device;
        reply->len = (uint32_t)some_extents(mad, i, len, in || one_in(mad->strange));
    }
    if (one_in(mad->strange))
        reply->len = (uint32_t)state;
}

static struct port_reply *answer_open(struct mad *mad, uint32_t i)
{
    struct port_reply *reply = raw_honest(&mad->raw, i);
    unsigned file = (unsigned char)raw_payload(&mad->raw, i)[1] % FILES;
    if (raw_slot(&mad->raw, i)->request.op != PORT_OPEN || raw_payload(&mad->raw, i)[0] != 'p')
        return reply;
    reply->node = NODE_PAGED + file;
    reply->flags = one_in(8) ? 0 : PORT_REPLY_PAGER;
    if (one_in(20))
        reply->flags = (uint32_t)draw(128);
    reply->attr.size = one_in(10) ? 0 : draw(FILE_PAGES * PAGE);
    if (one_in(mad->strange))
        reply->attr.size = state;
    return reply;
}

static struct port_reply *answer(struct mad *mad, uint32_t i)
{
    struct port_reply *reply = answer_open(mad, i);
    switch (raw_slot(&mad->raw, i)->request.op) {
    case PORT_PAGE_IN:
    case PORT_PAGE_OUT:
        answer_pages(mad, i, reply);
        break;
    case PORT_RESERVE:
        reply->a = raw_slot(&mad->raw, i)->request.b;
        if (one_in(4))
            reply->a = (1 + draw(64)) * PAGE;
        if (one_in(mad->strange))
            reply->a = state;
        break;
    case PORT_UNLINK:
    case PORT_RENAME:
    case PORT_STAT:
        reply->node = one_in(2) ? NODE_PAGED + draw(FILES) : 0;
        break;
    default:
        break;
    }
    if (one_in(20))
        reply->error = (uint16_t)(1 + draw(70));
    if (one_in(mad->strange))
        ((unsigned char *)reply)[draw(sizeof(*reply))] ^= (unsigned char)(1u << draw(8));
    return reply;
}

static void some_command(struct mad *mad)
{
    static const uint8_t ops[] = {PORT_CMD_RESIZE, PORT_CMD_INVAL, PORT_CMD_REVOKE, PORT_CMD_MINT,
                                  PORT_CMD_READY};
    if (mad->raw.cmd_tail - __atomic_load_n(&mad->raw.header->cmd_head, __ATOMIC_ACQUIRE) > 32)
        return;
    struct port_command *command = raw_command(&mad->raw, ops[draw(5)]);
    command->node = NODE_PAGED + draw(FILES);
    command->a = one_in(4) ? state : draw(FILE_PAGES * PAGE);
    command->b = one_in(4) ? state : draw(FILE_PAGES * PAGE);
    command->form = (uint8_t)draw(PORT_FORMS);
    command->type = one_in(2) ? CLOUDABI_FILETYPE_REGULAR_FILE : (uint8_t)state;
    command->rights = FILE_BASE;
}

static void send(struct mad *mad, uint32_t i)
{
    answer(mad, i);
    raw_push(&mad->raw, i);
    if (one_in(4000))
        raw_push(&mad->raw, i); /* twice */
}

static void send_late_ones(struct mad *mad)
{
    while (mad->late_count > 0 && one_in(3)) {
        unsigned at = (unsigned)draw(mad->late_count);
        int slot = mad->late[at];
        mad->late[at] = mad->late[--mad->late_count];
        send(mad, (uint32_t)slot);
    }
}

static void mad_step(struct mad *mad)
{
    for (int i; (i = raw_next(&mad->raw)) >= 0;) {
        if (one_in(6) && mad->late_count < PORT_SLOTS)
            mad->late[mad->late_count++] = i;
        else if (!one_in(5000)) /* else: never */
            send(mad, (uint32_t)i);
    }
    if (one_in(30))
        some_command(mad);
    send_late_ones(mad);
}

static void serve_madly(cloudabi_fd_t port, void *argument)
{
    static struct mad mad;
    reseed(*(unsigned *)argument + 1000);
    mad.strange = one_in(2) ? 1000 : 50 + draw(200);
    if (raw_map(&mad.raw, port) != 0)
        cloudabi_sys_proc_exit(1);
    memset(buffer, 'x', sizeof(buffer));
    for (;;) {
        cloudabi_errno_t error;
        if (mad.late_count > 0) {
            error = raw_deliver(&mad.raw);
            cloudabi_sys_thread_yield();
        } else {
            error = raw_wait(&mad.raw);
        }
        if (error != 0 || one_in(20000))
            cloudabi_sys_proc_exit(0);
        __atomic_store_n(&mad.raw.header->flush_pending, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&mad.raw.header->channel_any, 0, __ATOMIC_RELAXED);
        mad_step(&mad);
    }
}

/* --- clients ---------------------------------------------------------------------------------------------------- */

#define MAPS 4u

static char *maps[MAPS]; /* of the process; other threads unmap them under one's feet */

static cloudabi_fd_t some_file(void)
{
    char name[3] = {'p', (char)('0' + draw(FILES)), '\0'};
    cloudabi_fd_t fd = NO_FD;
    cloudabi_oflags_t how = one_in(8) ? CLOUDABI_O_TRUNC : 0;
    cloudabi_fdflags_t flags = (cloudabi_fdflags_t)(one_in(4) ? 1u << draw(5) : 0);
    cloudabi_fdstat_t want = {.fs_flags = flags, .fs_rights_base = ANY_RIGHTS};
    cloudabi_lookup_t at = {.fd = roots[draw(PAGERS)], .flags = 0};
    (void)cloudabi_sys_file_open(at, name, 2, how, &want, &fd);
    return fd;
}

static void *some_memory(void)
{
    static char own[40 * PAGE];
    char *map = maps[draw(MAPS)];
    return map != NULL && one_in(2) ? map + draw(20 * PAGE) : own + draw(PAGE);
}

static void map_some(cloudabi_fd_t fd)
{
    unsigned slot = (unsigned)draw(MAPS);
    void *map = NULL;
    cloudabi_mflags_t how = one_in(2) ? CLOUDABI_MAP_SHARED : CLOUDABI_MAP_PRIVATE;
    cloudabi_mprot_t prot = CLOUDABI_PROT_READ | (one_in(4) ? 0 : CLOUDABI_PROT_WRITE);
    if (maps[slot] != NULL && !one_in(3)) {
        (void)cloudabi_sys_mem_map(maps[slot], 40 * PAGE, prot, how | CLOUDABI_MAP_FIXED, fd,
                                   draw(50) * PAGE, &map);
        return;
    }
    if (cloudabi_sys_mem_map(NULL, 40 * PAGE, prot, how, fd, draw(50) * PAGE, &map) == 0)
        maps[slot] = map;
}

static void touch_some(void)
{
    volatile char *map = maps[draw(MAPS)];
    for (unsigned i = 0; map != NULL && i < 6; i++) {
        char *at = (char *)map + draw(40) * PAGE + draw(PAGE);
        if (one_in(2))
            *(volatile char *)at = 'y';
        else
            (void)*(volatile char *)at;
    }
}

static void fork_some(void)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        return;
    if (process == CLOUDABI_PROCESS_CHILD) {
        for (unsigned i = 0; i < 3; i++)
            touch_some();
        cloudabi_sys_proc_exit(0);
    }
    if (one_in(2))
        nap(draw(2000000));
    close_fd(process);
}

static void lock_some(void)
{
    char *map = maps[draw(MAPS)];
    if (map == NULL)
        return;
    _Atomic(cloudabi_lock_t) *lock = (void *)(map + draw(40) * PAGE);
    cloudabi_subscription_t subs[2] = {
        {.type = CLOUDABI_EVENTTYPE_LOCK_WRLOCK,
         .lock = {.lock = lock, .lock_scope = CLOUDABI_SCOPE_SHARED}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = draw(3000000)}}};
    cloudabi_event_t events[2];
    size_t count;
    (void)cloudabi_sys_poll(subs, events, 2, &count);
    (void)cloudabi_sys_lock_unlock(lock, CLOUDABI_SCOPE_SHARED);
}

static void use_memory(cloudabi_fd_t fd)
{
    char *map = maps[draw(MAPS)];
    switch (draw(8)) {
    case 0:
    case 1:
        map_some(fd);
        break;
    case 2:
        fork_some();
        break;
    case 3:
        lock_some();
        break;
    case 4:
        (void)cloudabi_sys_mem_sync(map, (1 + draw(40)) * PAGE,
                                    one_in(2) ? CLOUDABI_MS_SYNC : CLOUDABI_MS_ASYNC);
        break;
    case 5:
        (void)cloudabi_sys_mem_protect(map, (1 + draw(40)) * PAGE,
                                       one_in(2) ? CLOUDABI_PROT_READ
                                                 : CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE);
        break;
    default:
        touch_some();
    }
}

static void use_file(cloudabi_fd_t fd)
{
    cloudabi_filestat_t stat = {.st_size = one_in(20) ? state : draw(FILE_PAGES * PAGE)};
    uint64_t at = draw(FILE_PAGES * PAGE);
    size_t done;
    switch (draw(12)) {
    case 0:
    case 1:
        (void)put_at(fd, some_memory(), draw(20 * PAGE), at);
        break;
    case 2:
    case 3:
        (void)get_at(fd, some_memory(), draw(20 * PAGE), at, &done);
        break;
    case 4:
        (void)put(fd, some_memory(), draw(20 * PAGE), &done);
        break;
    case 5:
        (void)cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE);
        break;
    case 6:
        (void)cloudabi_sys_file_allocate(fd, at, draw(20 * PAGE));
        break;
    case 7:
        (void)(one_in(2) ? cloudabi_sys_fd_sync(fd) : cloudabi_sys_fd_datasync(fd));
        break;
    case 8:
        (void)cloudabi_sys_file_advise(fd, at, draw(30 * PAGE),
                                       one_in(2) ? CLOUDABI_ADVICE_DONTNEED
                                                 : CLOUDABI_ADVICE_WILLNEED);
        break;
    case 9:
        (void)cloudabi_sys_file_stat_fget(fd, &stat);
        break;
    default:
        use_memory(fd);
    }
}

static void use_names(void)
{
    cloudabi_fd_t root = roots[draw(PAGERS)];
    char name[3] = {'p', (char)('0' + draw(FILES)), '\0'};
    if (one_in(3))
        (void)unlink_at(root, name);
    else if (one_in(2))
        (void)cloudabi_sys_file_rename(root, name, 2, root, "p9", 2);
    else
        (void)look_at(root, name);
}

static void *run_client_thread(void *argument)
{
    reseed((uintptr_t)argument);
    for (;;) {
        cloudabi_fd_t fd = some_file();
        for (uint64_t i = draw(12); i > 0; i--)
            use_file(fd);
        if (one_in(4))
            use_names();
        close_fd(fd);
    }
    return NULL;
}

static uint32_t run_client(void *argument)
{
    unsigned instance = *(unsigned *)argument;
    pthread_t thread;
    for (uintptr_t i = 1; i < THREADS; i++)
        pthread_create(&thread, NULL, run_client_thread, (void *)(instance * THREADS + i));
    run_client_thread((void *)(uintptr_t)(instance * THREADS));
    return 0;
}

/* --- the test --------------------------------------------------------------------------------------------------- */

static cloudabi_fd_t processes[PAGERS + CLIENTS];
static unsigned instances[2];

static cloudabi_fd_t start_client(unsigned *instance)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        return NO_FD;
    if (process == CLOUDABI_PROCESS_CHILD) {
        close_processes();
        for (unsigned i = 0; i < PAGERS; i++)
            close_fd(ports[i]);
        close_fd(jobs);
        run_client(instance);
    }
    return process;
}

static void restart(unsigned i)
{
    close_fd(processes[i]);
    instances[i >= PAGERS]++;
    if (i < PAGERS)
        processes[i] = start(serve_madly, ports[i], &instances[0]);
    else
        processes[i] = start_client(&instances[1]);
}

/* Waits a moment for one to end, or takes any one. */
static unsigned next_to_restart(void)
{
    cloudabi_subscription_t subs[PAGERS + CLIENTS + 1];
    cloudabi_event_t events[PAGERS + CLIENTS + 1];
    size_t count = 0;
    for (unsigned i = 0; i < PAGERS + CLIENTS; i++)
        subs[i] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                            .userdata = i,
                                            .proc_terminate = {.fd = processes[i]}};
    subs[PAGERS + CLIENTS] = (cloudabi_subscription_t){
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .userdata = draw(PAGERS + CLIENTS),
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 100000000}};
    if (cloudabi_sys_poll(subs, events, PAGERS + CLIENTS + 1, &count) != 0 || count == 0)
        return 0;
    return (unsigned)events[0].userdata;
}

static void begin(void)
{
    cloudabi_filestat_t stat = {.st_size = FILE_PAGES * PAGE};
    for (unsigned i = 0; i < PAGERS; i++)
        CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, &ports[i], &roots[i]), 0);
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &device), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(device, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    for (unsigned i = 0; i < PAGERS + CLIENTS; i++)
        processes[i] = NO_FD;
}

static void end(void)
{
    for (unsigned i = 0; i < PAGERS + CLIENTS; i++)
        close_fd(processes[i]);
    for (unsigned i = 0; i < PAGERS; i++) {
        close_fd(ports[i]);
        close_fd(roots[i]);
    }
    close_fd(device);
}

static void run_for(uint64_t time)
{
    begin();
    for (unsigned i = 0; i < PAGERS + CLIENTS; i++)
        restart(i);
    for (uint64_t first = now(); now() - first < time;)
        restart(next_to_restart());
    end();
}

static const char *const classes[] = {"process", "vmspace", "memobj", "file",    "fd_table",
                                      "port",    "node",    "thread", "channel", "futex"};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static void check_returned(const uint64_t before[CLASSES + 1])
{
    bool same = false;
    for (unsigned tries = 0; tries < 1000 && !same; tries++) {
        same = job_number(jobs, "usage", "free_frames") + 400 >= before[CLASSES];
        for (unsigned i = 0; i < CLASSES && same; i++)
            same = job_number(jobs, "usage", classes[i]) <= before[i];
        nap(10000000);
    }
    CHECK(same);
    for (unsigned i = 0; i < CLASSES && !same; i++)
        printf("# %s: %u, now %u\n", classes[i], (unsigned)before[i],
               (unsigned)job_number(jobs, "usage", classes[i]));
}

int main(int argc, char **argv)
{
    uint64_t before[CLASSES + 1];
    seconds = argc > 1 ? strtoull(argv[1], NULL, 0) : seconds;
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : seed;
    if (grant_fd("jobs") < 0)
        return 77;
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    reseed(0);
    run_for(500000000); /* caches fill */
    nap(500000000);
    for (unsigned i = 0; i < CLASSES; i++)
        before[i] = job_number(jobs, "usage", classes[i]);
    before[CLASSES] = job_number(jobs, "usage", "free_frames");
    run_for(seconds * 1000000000);
    printf("# %u pagers, %u clients\n", instances[0], instances[1]);
    CHECK(instances[0] > PAGERS && instances[1] > CLIENTS);
    check_returned(before);
    return tap_end();
}
