/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls: which argument is of which kind. A kind is a letter:
 *   f descriptor   D F K that of a directory, file, socket   l a directory's with lookup flags   n number, offset, time
 *   e small value         g flags                           a address (of a page, mostly)
 *   p path (2)            v pieces of memory (2)            b buffer (2)        r range of memory (2)
 *   d list of descriptors (2)                               k lock or condition variable
 *   S fdstat  T filestat  I recv_in  O send_in  A threadattr  P subscriptions and events
 *   o result: always memory that can be written, as the vDSO's code stores there
 */
#include "tests/fuzz/syscall/fuzz.h"

typedef cloudabi_errno_t call_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                       uint64_t, uint64_t);

struct call {
    const char *name, *kinds;
    call_function *function;
    unsigned weight; /* in 16 */
};

#define CALL(name, kinds, weight)                                          \
    {                                                                      \
#name, kinds, (call_function *)(void *)cloudabi_sys_##name, weight \
    }

static const struct call calls[CALLS] = {
    CALL(clock_res_get, "eo", 4),    CALL(clock_time_get, "eno", 4),
    CALL(condvar_signal, "ken", 16), CALL(fd_close, "f", 3),
    CALL(fd_create1, "eo", 8),       CALL(fd_create2, "eoo", 8),
    CALL(fd_datasync, "F", 8),       CALL(fd_dup, "fo", 8),
    CALL(fd_pread, "Fvzo", 16),      CALL(fd_pwrite, "Fvzo", 16),
    CALL(fd_read, "fvo", 6),         CALL(fd_replace, "ff", 2),
    CALL(fd_seek, "Fzeo", 16),       CALL(fd_stat_get, "fS", 16),
    CALL(fd_stat_put, "fSg", 8),     CALL(fd_sync, "F", 8),
    CALL(fd_write, "fvo", 12),       CALL(file_advise, "Fzze", 16),
    CALL(file_allocate, "Fzz", 8),   CALL(file_create, "Dpe", 16),
    CALL(file_link, "lpDp", 16),     CALL(file_open, "lpgSo", 16),
    CALL(file_readdir, "Dbno", 16),  CALL(file_readlink, "Dpbo", 16),
    CALL(file_rename, "DpDp", 16),   CALL(file_stat_fget, "fT", 16),
    CALL(file_stat_fput, "FTg", 16), CALL(file_stat_get, "lpT", 16),
    CALL(file_stat_put, "lpTg", 16), CALL(file_symlink, "pDp", 16),
    CALL(file_unlink, "Dpg", 16),    CALL(lock_unlock, "ke", 16),
    CALL(mem_advise, "re", 16),      CALL(mem_map, "azgGmzo", 16),
    CALL(mem_protect, "rg", 16),     CALL(mem_sync, "rg", 16),
    CALL(mem_unmap, "r", 12),        CALL(poll, "Po", 12),
    CALL(proc_exec, "fbd", 8),       CALL(proc_exit, "n", 0),
    CALL(proc_fork, "oo", 1),        CALL(proc_raise, "e", 1),
    CALL(random_get, "b", 16),       CALL(sock_recv, "KIo", 6),
    CALL(sock_send, "KOo", 12),      CALL(sock_shutdown, "Kg", 1),
    CALL(thread_create, "Ao", 2),    CALL(thread_exit, "ke", 0),
    CALL(thread_yield, "", 4)};

const char *call_name(unsigned number)
{
    return number < CALLS ? calls[number].name : "(instruction)";
}

/* --- composed arguments --------------------------------------------------------------------------------- */

/* One pair of pointer and length; mostly good. */
static void piece(struct random *random, cloudabi_iovec_t *vec)
{
    vec->buf_len = any_length(random);
    vec->buf = once_in(random, 6) ? (void *)any_pointer(random) : good_memory(random, PAGE);
    if (vec->buf_len > 30 * PAGE && !once_in(random, 20))
        vec->buf_len %= 8000;
}

static void pieces(struct random *random, uint64_t *pointer, uint64_t *count)
{
    cloudabi_iovec_t vecs[20];
    size_t n = below(random, once_in(random, 4) ? 20 : 3);

    for (size_t i = 0; i < n; i++)
        piece(random, &vecs[i]);
    *pointer = some_place(random, vecs, sizeof(vecs[0]) * n);
    *count = once_in(random, 16) ? any_number(random) : n;
}

/* Names are few, so that calls meet. */
static void path(struct random *random, uint64_t *pointer, uint64_t *len)
{
    static const char *const parts[] = {"a", "b", "c", "d", "..", ".", "", "l", "a", "b"};
    char text[1200];
    size_t at = 0, components = 1 + (once_in(random, 3) ? below(random, 4) : 0);

    if (once_in(random, 40))
        components = below(random, 400);
    for (size_t i = 0; i < components && at < 1100; i++) {
        const char *part = parts[below(random, 10)];
        if (i > 0 || once_in(random, 50))
            text[at++] = '/';
        memcpy(text + at, part, strlen(part));
        at += strlen(part);
    }
    if (at > 0 && once_in(random, 40))
        text[below(random, at)] = (char)random_next(random);
    *pointer = some_place(random, text, at);
    *len = once_in(random, 30) ? any_number(random) : at;
}

static void fds(struct random *random, uint64_t *pointer, uint64_t *count)
{
    cloudabi_fd_t list[40];
    size_t n = below(random, once_in(random, 4) ? 40 : 4);

    for (size_t i = 0; i < n; i++)
        list[i] = (cloudabi_fd_t)any_fd(random);
    *pointer = some_place(random, list, n * sizeof(list[0]));
    *count = once_in(random, 20) ? any_number(random) : n;
}

static uint64_t fdstat(struct random *random)
{
    cloudabi_fdstat_t stat = {
        .fs_flags = (cloudabi_fdflags_t)any_flags(random),
        .fs_rights_base = once_in(random, 3) ? random_next(random) : FILE_BASE,
        .fs_rights_inheriting = once_in(random, 3) ? random_next(random) : 0,
    };

    if (once_in(random, 3)) {
        stat.fs_rights_base = DIR_BASE;
        stat.fs_rights_inheriting = DIR_BELOW;
    }
    return some_place(random, &stat, sizeof(stat));
}

static uint64_t filestat(struct random *random)
{
    cloudabi_filestat_t stat = {
        .st_size = once_in(random, 3) ? any_number(random) : below(random, 100000),
        .st_atim = any_number(random),
        .st_mtim = any_number(random),
    };

    return some_place(random, &stat, sizeof(stat));
}

static uint64_t recv_in(struct random *random)
{
    cloudabi_recv_in_t in = {.ri_flags = (cloudabi_riflags_t)any_flags(random)};
    uint64_t pointer, count;

    pieces(random, &pointer, &count);
    in.ri_data = (const cloudabi_iovec_t *)pointer;
    in.ri_data_len = count;
    fds(random, &pointer, &count);
    in.ri_fds = (cloudabi_fd_t *)pointer;
    in.ri_fds_len = count;
    return some_place(random, &in, sizeof(in));
}

static uint64_t send_in(struct random *random)
{
    cloudabi_send_in_t in = {.si_flags =
                                 once_in(random, 8) ? (cloudabi_siflags_t)any_flags(random) : 0};
    uint64_t pointer, count;

    pieces(random, &pointer, &count);
    in.si_data = (const cloudabi_ciovec_t *)pointer;
    in.si_data_len = count;
    fds(random, &pointer, &count);
    in.si_fds = (const cloudabi_fd_t *)pointer;
    in.si_fds_len = count;
    return some_place(random, &in, sizeof(in));
}

/* Each is used once, and now and then one that is in use: then two threads run into each other. */
static void *guest_stack(struct random *random)
{
    static char stacks[128][3 * PAGE];
    static _Atomic unsigned used;

    if (used >= 128)
        return NULL;
    return stacks[once_in(random, 50) ? below(random, 128) : used++];
}

static uint64_t threadattr(struct random *random)
{
    cloudabi_threadattr_t attr = {.entry_point = guest_thread,
                                  .stack = guest_stack(random),
                                  .stack_len = 3 * PAGE,
                                  .argument = (void *)random_next(random)};

    if (once_in(random, 4))
        attr.stack = (void *)(once_in(random, 2) ? random_next(random) | UINT64_C(1) << 63
                                                 : below(random, PAGE));
    if (once_in(random, 4))
        attr.stack_len = once_in(random, 2) ? below(random, 256) : random_next(random);
    if (once_in(random, 100))
        attr.entry_point = (cloudabi_threadentry_t *)any_pointer(random);
    return some_place(random, &attr, sizeof(attr));
}

/* Few of them, so that threads meet; some are shared with other processes, some hostile. */
static uint64_t lock(struct random *random)
{
    static _Atomic(cloudabi_lock_t) locks[8];

    return once_in(random, 4) ? any_pointer(random) : (uint64_t)&locks[below(random, 8)];
}

static void subscription(struct random *random, cloudabi_subscription_t *sub)
{
    memset(sub, 0, sizeof(*sub));
    sub->userdata = random_next(random);
    sub->type = (cloudabi_eventtype_t)below(random, once_in(random, 20) ? 256 : 8);
    switch (sub->type) {
    case CLOUDABI_EVENTTYPE_CLOCK:
        sub->clock.clock_id = (cloudabi_clockid_t)below(random, 6);
        sub->clock.timeout = once_in(random, 4) ? any_number(random) : below(random, 2000000);
        sub->clock.flags = (cloudabi_subclockflags_t)below(random, 3);
        break;
    case CLOUDABI_EVENTTYPE_CONDVAR:
        sub->condvar.condvar = (_Atomic(cloudabi_condvar_t) *)lock(random);
        sub->condvar.lock = (_Atomic(cloudabi_lock_t) *)lock(random);
        sub->condvar.condvar_scope = (cloudabi_scope_t)(4 * below(random, 4));
        sub->condvar.lock_scope = (cloudabi_scope_t)(4 * below(random, 4));
        break;
    case CLOUDABI_EVENTTYPE_LOCK_RDLOCK:
    case CLOUDABI_EVENTTYPE_LOCK_WRLOCK:
        sub->lock.lock = (_Atomic(cloudabi_lock_t) *)lock(random);
        sub->lock.lock_scope = (cloudabi_scope_t)(4 * below(random, 4));
        break;
    default:
        sub->fd_readwrite.fd = (cloudabi_fd_t)any_fd(random);
        sub->fd_readwrite.flags = (cloudabi_subrwflags_t)below(random, 3);
    }
}

/* Mostly with a clock at the end, so that it does not wait for ever. */
static void subscriptions(struct random *random, uint64_t *arg)
{
    cloudabi_subscription_t subs[20];
    size_t n = 1 + below(random, once_in(random, 4) ? 19 : 2);

    for (size_t i = 0; i < n; i++)
        subscription(random, &subs[i]);
    if (!once_in(random, 64)) {
        cloudabi_subscription_t *last = &subs[n > 1 ? n - 1 : 0];
        memset(last, 0, sizeof(*last));
        last->type = CLOUDABI_EVENTTYPE_CLOCK;
        last->clock.clock_id = CLOUDABI_CLOCK_MONOTONIC;
        last->clock.timeout = below(random, 300000);
    }
    arg[0] = some_place(random, subs, n * sizeof(subs[0]));
    arg[1] = once_in(random, 8) ? any_pointer(random) : (uint64_t)good_memory(random, n * 32);
    arg[2] = once_in(random, 30) ? any_number(random) : n;
}

/* Pages to map, protect, remove; now and then anything. */
static uint64_t page(struct random *random)
{
    if (once_in(random, 100))
        return any_pointer(random);
    return (uint64_t)any_page(random);
}

static void range(struct random *random, uint64_t *arg)
{
    arg[0] = page(random);
    arg[1] = once_in(random, 50) ? any_number(random) : below(random, 4) * PAGE;
}

cloudabi_fd_t objects[KINDS][OF_KIND];

static uint64_t object(struct random *random, enum kind kind)
{
    return once_in(random, 4) ? any_fd(random) : objects[kind][below(random, OF_KIND)];
}

/* --- making the call -------------------------------------------------------------------------------------- */

static uint64_t small(struct random *random, const char *name)
{
    static const cloudabi_filetype_t types[] = {CLOUDABI_FILETYPE_DIRECTORY,
                                                CLOUDABI_FILETYPE_DIRECTORY,
                                                CLOUDABI_FILETYPE_SHARED_MEMORY,
                                                CLOUDABI_FILETYPE_SHARED_MEMORY,
                                                CLOUDABI_FILETYPE_SOCKET_DGRAM,
                                                CLOUDABI_FILETYPE_SOCKET_STREAM,
                                                CLOUDABI_FILETYPE_SOCKET_STREAM,
                                                CLOUDABI_FILETYPE_REGULAR_FILE,
                                                0xe0};

    if (once_in(random, 20))
        return random_next(random);
    if (strncmp(name, "fd_create", 9) == 0 || strcmp(name, "file_create") == 0)
        return types[below(random, sizeof(types))];
    if (strncmp(name, "lock_", 5) == 0 || strncmp(name, "condvar", 7) == 0)
        return 4 + 4 * below(random, 2);
    return below(random, 8);
}

/* Puts the argument of KIND at ARG; how many registers it took. */
static unsigned argument(struct random *random, const char *name, char kind, uint64_t *arg)
{
    switch (kind) {
    case 'f':
        arg[0] = any_fd(random);
        return 1;
    case 'D':
        arg[0] = object(random, DIRECTORIES);
        return 1;
    case 'F':
        arg[0] = object(random, FILES);
        return 1;
    case 'K':
        arg[0] = object(random, SOCKETS);
        return 1;
    case 'z':
        arg[0] = once_in(random, 8) ? any_number(random) : below(random, 4) * PAGE;
        return 1;
    case 'l':
        arg[0] = object(random, DIRECTORIES) |
                 (once_in(random, 20) ? random_next(random) : below(random, 2)) << 32;
        return 1;
    case 'm':
        arg[0] = object(random, FILES);
        return 1;
    case 'G': /* mapping: private or shared, seldom at a fixed place */
        arg[0] = once_in(random, 8)
                     ? any_flags(random)
                     : (4u << below(random, 2)) | below(random, 2) | (once_in(random, 4) ? 2 : 0);
        return 1;
    case 'e':
        arg[0] = small(random, name);
        return 1;
    case 'g':
        arg[0] = any_flags(random);
        return 1;
    case 'a':
        arg[0] = once_in(random, 2) ? 0 : page(random);
        return 1;
    case 'k':
        arg[0] = lock(random);
        return 1;
    case 'S':
        arg[0] = fdstat(random);
        return 1;
    case 'T':
        arg[0] = filestat(random);
        return 1;
    case 'I':
        arg[0] = recv_in(random);
        return 1;
    case 'O':
        arg[0] = send_in(random);
        return 1;
    case 'A':
        arg[0] = threadattr(random);
        return 1;
    case 'o':
        arg[0] = (uint64_t)good_memory(random, 64);
        return 1;
    case 'p':
        path(random, &arg[0], &arg[1]);
        return 2;
    case 'v':
        pieces(random, &arg[0], &arg[1]);
        return 2;
    case 'd':
        fds(random, &arg[0], &arg[1]);
        return 2;
    case 'b':
        arg[0] = any_pointer(random);
        arg[1] = any_length(random);
        return 2;
    case 'r':
        range(random, arg);
        return 2;
    case 'P':
        subscriptions(random, arg);
        return 3;
    default:
        arg[0] = any_number(random);
        return 1;
    }
}

static void count(unsigned number, cloudabi_errno_t error)
{
    statistics->made[number]++;
    if (error != 0)
        statistics->failed[number]++;
}

bool make_call(struct random *random)
{
    uint64_t arg[12] = {0};
    unsigned number, at = 0;
    cloudabi_fd_t fork_fd = 0;
    cloudabi_tid_t tid;
    cloudabi_errno_t error;

    do {
        number = (unsigned)below(random, CALLS);
    } while (below(random, 16) >= calls[number].weight && !once_in(random, 5000));
    const struct call *call = &calls[number];
    bool maps = strcmp(call->name, "mem_map") == 0;
    if (strcmp(call->name, "proc_fork") == 0) {
        error = cloudabi_sys_proc_fork(&fork_fd,
                                       &tid); /* its results must not be overwritten by others */
    } else {
        for (const char *kind = call->kinds; *kind != '\0'; kind++)
            at += argument(random, call->name, *kind, &arg[at]);
        if (maps && (arg[3] & CLOUDABI_MAP_ANON) != 0 && !once_in(random, 8)) {
            arg[4] = CLOUDABI_MAP_ANON_FD;
            arg[5] = 0;
        }
        error = call->function(arg[0], arg[1], arg[2], arg[3], arg[4], arg[5], arg[6], arg[7]);
    }
    count(number, error);
    return error == 0 && fork_fd == CLOUDABI_PROCESS_CHILD;
}

void make_raw_call(struct random *random)
{
    uint64_t number = once_in(random, 8) ? random_next(random) : below(random, 60), flags,
             result = number;
    register uint64_t a4 __asm__("r10") = any_number(random);
    register uint64_t a5 __asm__("r8") = any_pointer(random);
    register uint64_t a6 __asm__("r9") = any_number(random);
    uint64_t a1 = once_in(random, 2) ? any_fd(random) : any_pointer(random),
             a2 = any_pointer(random), a3 = any_length(random);

    if (number == 39 || number == 40 ||
        number == 47) /* exit, fork, thread_exit: others make those */
        return;
    __asm__ volatile("syscall\n\tpushfq\n\tpopq %[flags]"
                     : "+a"(result), [flags] "=r"(flags), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(a4),
                       "+r"(a5), "+r"(a6)
                     :
                     : "rcx", "r11", "memory", "cc");
    count(CALLS, flags & 1 ? (cloudabi_errno_t)result : 0);
}
