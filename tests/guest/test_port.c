/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a port: who may serve it, what becomes of requests, directories, files and mappings when the service
 * ends in any way, callers that are killed, shares of slots, references that come back, and what a service starts.
 */
#include <pthread.h>
#include <tessera/grants.h>

#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define RW (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)

static cloudabi_fd_t self;

/* --- a service with some special names ------------------------------------------------------------------------- */

/*
 * stall  is answered only when its caller is gone; late the same, but with what the name would be otherwise
 * share  is answered when 16 of them are waiting
 * stats  read: struct counts
 */
struct counts {
    uint64_t named, forgotten, stalled, flushed, most_waiting, refused;
};

#define SHARE 16u

struct special {
    struct raw raw;
    uint64_t stalled, sharing; /* slots */
    struct counts counts;
};

static bool named(const struct special *s, uint32_t i, const char *name)
{
    const struct port_request *request = &raw_slot(&s->raw, i)->request;
    return request->op <= PORT_READLINK && request->path_len >= strlen(name) &&
           memcmp(raw_payload(&s->raw, i), name, strlen(name)) == 0;
}

static void answer(struct special *s, uint32_t i)
{
    struct port_reply *reply = raw_honest(&s->raw, i);
    uint32_t asked = raw_slot(&s->raw, i)->request.len;
    if (raw_slot(&s->raw, i)->request.op == PORT_READ) {
        s->counts.named = s->raw.named;
        s->counts.forgotten = s->raw.forgotten;
        memcpy(raw_payload(&s->raw, i), &s->counts, sizeof(s->counts));
        reply->len = sizeof(s->counts) < asked ? sizeof(s->counts) : asked;
    }
    raw_push(&s->raw, i);
}

static void answer_all(struct special *s, uint64_t *slots)
{
    for (; *slots != 0; *slots &= *slots - 1)
        answer(s, (uint32_t)__builtin_ctzll(*slots));
}

static void take(struct special *s, uint32_t i)
{
    if (named(s, i, "stall") || named(s, i, "cstall") || named(s, i, "dstall")) {
        s->stalled |= 1ull << i;
        s->counts.stalled++;
    } else if (named(s, i, "share")) {
        s->sharing |= 1ull << i;
        uint64_t waiting = (uint64_t)__builtin_popcountll(s->sharing);
        if (waiting > s->counts.most_waiting)
            s->counts.most_waiting = waiting;
        if (waiting >= SHARE)
            answer_all(s, &s->sharing);
    } else {
        answer(s, i);
    }
}

static void look_at_channels(struct special *s)
{
    if (__atomic_exchange_n(&s->raw.header->channel_any, 0, __ATOMIC_ACQ_REL) == 0)
        return;
    for (unsigned n = 0; n < s->raw.channels; n++) {
        __atomic_store_n(&s->raw.header->channel_pending[n / 64], 0, __ATOMIC_RELAXED);
        if ((raw_channel(&s->raw, n)->client_flags & PORT_CLIENT_CLOSED) == 0)
            continue;
        s->counts.refused++;
        raw_channel(&s->raw, n)->client_flags = 0;
    }
}

static void serve_special(cloudabi_fd_t port, void *argument)
{
    static struct special s;
    (void)argument;
    if (raw_map(&s.raw, port) != 0)
        abort();
    while (raw_wait(&s.raw) == 0) {
        for (int i; (i = raw_next(&s.raw)) >= 0;)
            take(&s, (uint32_t)i);
        look_at_channels(&s); /* before an answer takes a closed one again */
        uint64_t gone = __atomic_load_n(&s.raw.header->flush_pending, __ATOMIC_ACQUIRE) & s.stalled;
        __atomic_fetch_and(&s.raw.header->flush_pending, ~gone, __ATOMIC_ACQ_REL);
        s.stalled &= ~gone;
        s.counts.flushed += (uint64_t)__builtin_popcountll(gone);
        answer_all(&s, &gone);
    }
}

static struct counts counts_of(cloudabi_fd_t root)
{
    struct counts counts = {0};
    cloudabi_fd_t fd;
    size_t done;
    CHECK_RETURNS(open_with(root, "stats", 0, RW, 0, &fd), 0);
    CHECK_RETURNS(get(fd, &counts, sizeof(counts), &done), 0);
    close_fd(fd);
    return counts;
}

/* --- helpers ------------------------------------------------------------------------------------------------------ */

static void make_port(cloudabi_fd_t *port, cloudabi_fd_t *root)
{
    CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, port, root), 0);
}

static cloudabi_event_t wait_for(cloudabi_fd_t process)
{
    cloudabi_subscription_t sub = {.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                   .proc_terminate = {.fd = process}};
    cloudabi_event_t event = {.error = CLOUDABI_EIO};
    size_t count;
    cloudabi_sys_poll(&sub, &event, 1, &count);
    close_fd(process);
    return event;
}

static bool exited_with(cloudabi_fd_t process, cloudabi_signal_t signal, cloudabi_exitcode_t code)
{
    cloudabi_event_t event = wait_for(process);
    errno = event.proc_terminate.exitcode;
    return event.error == 0 && event.proc_terminate.signal == signal &&
           event.proc_terminate.exitcode == code;
}

/* A client of its own: exits with the errno of a stat. */
struct question {
    cloudabi_fd_t root;
    const char *name;
};

static void ask(cloudabi_fd_t port, void *argument)
{
    const struct question *question = argument;
    if (port != NO_FD)
        close_fd(port);
    cloudabi_sys_proc_exit(look_at(question->root, question->name));
}

static cloudabi_fd_t client(cloudabi_fd_t port, cloudabi_fd_t root, const char *name)
{
    struct question question = {root, name};
    return start(ask, port, &question);
}

/* --- who serves ------------------------------------------------------------------------------- */

static void test_waiting_for_a_service(void)
{
    cloudabi_fd_t port, root;
    make_port(&port, &root);
    cloudabi_fd_t early = client(port, root, "a"), late = client(port, root, "b");
    sleep_ms(20);
    cloudabi_fd_t service = start(serve_special, port, NULL);
    CHECK(exited_with(early, 0, 0));
    CHECK(exited_with(late, 0, 0));
    close_fd(service);
    sleep_ms(5);
    cloudabi_fd_t next = client(port, root, "c");
    sleep_ms(5);
    service = start(serve_special, port, NULL);
    CHECK(exited_with(next, 0, 0));
    close_fd(service);
    sleep_ms(5);
    cloudabi_fd_t never = client(port, root, "d");
    sleep_ms(5);
    close_fd(port);
    CHECK(exited_with(never, 0, CLOUDABI_EIO));
    CHECK_RETURNS(look_at(root, "e"), CLOUDABI_EIO);
    close_fd(root);
}

static void serve_and_ask(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    cloudabi_fd_t root = *(cloudabi_fd_t *)argument, fd;
    if (raw_map(&raw, port) != 0)
        cloudabi_sys_proc_exit(100);
    if (look_at(root, "x") != CLOUDABI_EDEADLK)
        cloudabi_sys_proc_exit(101);
    if (open_with(root, "x", 0, RW, 0, &fd) != CLOUDABI_EDEADLK)
        cloudabi_sys_proc_exit(102);
    if (look_at(root, "x/../y") != CLOUDABI_EDEADLK)
        cloudabi_sys_proc_exit(103);
    cloudabi_sys_proc_exit(0);
}

static void look_into_header(cloudabi_fd_t port, void *argument)
{
    const struct raw *raw = argument;
    if (raw_deliver(raw) != CLOUDABI_EPERM || raw_wait(raw) != CLOUDABI_EPERM)
        cloudabi_sys_proc_exit(100);
    (void)port;
    cloudabi_sys_proc_exit((cloudabi_exitcode_t)raw->header->magic);
}

static void serve_and_fork(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    (void)argument;
    if (raw_map(&raw, port) != 0)
        cloudabi_sys_proc_exit(100);
    cloudabi_event_t event = wait_for(start(look_into_header, port, &raw));
    cloudabi_sys_proc_exit(event.proc_terminate.signal);
}

static void test_who_serves(void)
{
    cloudabi_fd_t port, root;
    void *map;
    size_t done;
    make_port(&port, &root);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_PRIVATE, port, 0, &map),
        CLOUDABI_EINVAL);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, port, 4096, &map),
        CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, PORT_REGION_SIZE + 4096, CLOUDABI_PROT_READ,
                                       CLOUDABI_MAP_SHARED, port, 0, &map),
                  CLOUDABI_EINVAL);
    CHECK_RETURNS(cloudabi_sys_fd_read(port, NULL, 0, &done), CLOUDABI_EPERM);
    CHECK_RETURNS(put(port, "x", 1, &done), CLOUDABI_EINVAL);
    CHECK(exited_with(start(serve_and_ask, port, &root), 0, 0));
    CHECK(exited_with(start(serve_and_fork, port, NULL), 0, CLOUDABI_SIGSEGV));
    cloudabi_fd_t service = start(serve_special, port, NULL);
    CHECK_RETURNS(look_at(root, "x"), 0);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, port, 0, &map),
        CLOUDABI_EBUSY);
    CHECK_RETURNS(cloudabi_sys_fd_read(port, NULL, 0, &done), CLOUDABI_EPERM);
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

/* Unmaps and maps again, and breaks the protocol, again and again. */
static void serve_again_and_again(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    (void)argument;
    for (unsigned i = 0; i < 20; i++) {
        if (raw_map(&raw, port) != 0)
            cloudabi_sys_proc_exit(100);
        if (i % 2 == 0) {
            cloudabi_sys_mem_unmap(raw.header, PORT_REGION_SIZE);
            continue;
        }
        raw.header->rep_tail = 1000;
        if (raw_deliver(&raw) != CLOUDABI_EPROTO)
            cloudabi_sys_proc_exit(101);
    }
    if (raw_map(&raw, port) != 0)
        cloudabi_sys_proc_exit(102);
    raw_serve(&raw);
}

static void test_same_process_again(void)
{
    cloudabi_fd_t port, root;
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_again_and_again, port, NULL);
    cloudabi_errno_t error;
    do { /* requests in flight when a serving ends get EIO */
        error = look_at(root, "x");
    } while (error == CLOUDABI_EIO);
    CHECK_RETURNS(error, 0);
    close_fd(service);
    service = start(serve_special, port, NULL);
    do {
        error = look_at(root, "x");
    } while (error == CLOUDABI_EIO);
    CHECK_RETURNS(error, 0);
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

/* --- what becomes of things ------------------------------------------------------------------- */

static void touch_forever(cloudabi_fd_t port, void *argument)
{
    volatile char *map = argument;
    (void)port;
    for (;;)
        map[0]++;
}

enum end { END_EXIT, END_KILL, END_EXEC, ENDS };

static void serve_then_end(cloudabi_fd_t port, void *argument)
{
    static struct special s;
    enum end end = *(enum end *)argument;
    if (raw_map(&s.raw, port) != 0)
        abort();
    while (raw_wait(&s.raw) == 0) {
        for (int i; (i = raw_next(&s.raw)) >= 0;) {
            if (!named(&s, (uint32_t)i, "end"))
                take(&s, (uint32_t)i);
            else if (end == END_EXIT)
                cloudabi_sys_proc_exit(0);
            else if (end == END_KILL)
                cloudabi_sys_proc_raise(CLOUDABI_SIGKILL);
            else
                cloudabi_sys_proc_exec(self, NULL, 0, &port, 1);
        }
    }
}

static void test_restart(enum end end)
{
    cloudabi_fd_t port, root, dir, below, file, paged, stream, fd;
    cloudabi_filestat_t stat;
    char byte;
    size_t done;
    void *map;
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_then_end, port, &end);
    CHECK_RETURNS(open_dir(root, "dir", &dir), 0);
    CHECK_RETURNS(open_dir(dir, "d2", &below), 0);
    CHECK_RETURNS(open_with(root, "file", 0, RW, 0, &file), 0);
    CHECK_RETURNS(open_with(root, "paged", 0, FILE_BASE, 0, &paged), 0);
    CHECK_RETURNS(open_with(root, "channel", 0, RW, 0, &stream), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, paged, 0, &map),
                  0);
    cloudabi_fd_t toucher = start(touch_forever, port, map);
    cloudabi_fd_t waiting = client(port, root, "stall");
    sleep_ms(20);
    CHECK_RETURNS(look_at(root, "end"), CLOUDABI_EIO);
    CHECK(exited_with(waiting, 0, CLOUDABI_EIO));
    CHECK(wait_for(toucher).proc_terminate.signal == CLOUDABI_SIGBUS);
    CHECK_RETURNS(get(file, &byte, 1, &done), CLOUDABI_EIO);
    CHECK_RETURNS(get(stream, &byte, 1, &done), CLOUDABI_EIO);
    CHECK_RETURNS(put(stream, &byte, 1, &done), CLOUDABI_EIO);
    cloudabi_fd_t heir = start(serve_special, port, NULL);
    CHECK_RETURNS(look_at(root, "x"), 0);
    CHECK_RETURNS(look_at(dir, "x"), 0);
    CHECK_RETURNS(look_at(below, "x/../y"), 0);
    CHECK_RETURNS(open_with(dir, "file", 0, RW, 0, &fd), 0);
    CHECK_RETURNS(get(fd, &byte, 1, &done), 0);
    CHECK_RETURNS(get(file, &byte, 1, &done), CLOUDABI_EIO);
    CHECK_RETURNS(get(paged, &byte, 1, &done), CLOUDABI_EIO);
    CHECK_RETURNS(put(paged, &byte, 1, &done), CLOUDABI_EIO);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(paged, &stat), CLOUDABI_EIO);
    CHECK_RETURNS(get(stream, &byte, 1, &done), CLOUDABI_EIO);
    cloudabi_fd_t all[] = {service, heir, port, root, dir, below, file, paged, stream, fd};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        close_fd(all[i]);
    cloudabi_sys_mem_unmap(map, 4096);
}

/* --- many callers ----------------------------------------------------------------------------- */

#define THREADS (SHARE * 6)
static cloudabi_fd_t shared_root;

static void *share(void *argument)
{
    (void)argument;
    return (void *)(uintptr_t)look_at(shared_root, "share");
}

static void test_shares(void)
{
    cloudabi_fd_t port, root;
    pthread_t threads[THREADS];
    unsigned good = 0;
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_special, port, NULL);
    shared_root = root;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, share, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += result == NULL;
    }
    CHECK(good == THREADS);
    CHECK(counts_of(root).most_waiting == SHARE);
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

/* Callers that are killed while they wait: by the dozen, so that slots would run out if one was lost. */
#define KILLED 120

static void open_and_hang(cloudabi_fd_t port, void *argument)
{
    const struct question *question = argument;
    cloudabi_fd_t fd;
    (void)port;
    open_with(question->root, question->name, 0, RW, 0, &fd);
    cloudabi_sys_proc_exit(1);
}

static void test_abandoned(void)
{
    static const char *const names[] = {"stall", "cstall", "dstall/x"};
    cloudabi_fd_t port, root;
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_special, port, NULL);
    struct counts counts = counts_of(root);
    for (unsigned i = 0; i < KILLED; i += 12) {
        cloudabi_fd_t callers[12];
        for (unsigned j = 0; j < 12; j++) {
            struct question question = {root, names[j % 3]};
            callers[j] = start(open_and_hang, port, &question);
        }
        while (counts_of(root).stalled < i + 12) /* all of them wait */
            sleep_ms(1);
        for (unsigned j = 0; j < 12; j++)
            close_fd(callers[j]);
    }
    for (unsigned tries = 0;
         tries < 300 && (counts.flushed < KILLED || counts.refused < KILLED / 3); tries++) {
        sleep_ms(10);
        counts = counts_of(root);
    }
    CHECK(counts.flushed == KILLED);
    counts = counts_of(root);
    CHECK(counts.refused == KILLED / 3); /* streams that nobody has: told to be closed */
    errno = (int)(counts.named - counts.forgotten);
    CHECK(counts.named - counts.forgotten == 1); /* that of the very file that told it */
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

/* --- references ------------------------------------------------------------------------------- */

static void *open_and_close(void *argument)
{
    static const char *const names[] = {"file",    "paged",       "dir",
                                        "channel", "dir/../file", "x/../../y"};
    cloudabi_filestat_t stat;
    cloudabi_fd_t fd;
    (void)argument;
    for (unsigned i = 0; i < 600; i++) {
        const char *name = names[i % 6];
        cloudabi_errno_t error = open_with(shared_root, name, 0, CLOUDABI_RIGHT_FD_READ, 0, &fd);
        if (error == 0 && i % 5 == 0)
            cloudabi_sys_file_stat_fget(fd, &stat);
        if (error == 0)
            close_fd(fd);
    }
    return NULL;
}

static void test_references(void)
{
    cloudabi_fd_t port, root;
    pthread_t threads[4];
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_special, port, NULL);
    shared_root = root;
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, open_and_close, NULL);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct counts counts = counts_of(root);
    errno = (int)(counts.named - counts.forgotten);
    CHECK(counts.named > 1000 && counts.named - counts.forgotten == 1);
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

/* --- what a service starts -------------------------------------------------------------------- */

/* Answers an open and at once, in the same delivery, says what happened to what it opened. */
static void serve_in_one_go(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    (void)argument;
    if (raw_map(&raw, port) != 0)
        abort();
    while (raw_wait(&raw) == 0) {
        for (int i; (i = raw_next(&raw)) >= 0;) {
            const struct port_request *request = &raw_slot(&raw, (uint32_t)i)->request;
            struct port_reply *reply = raw_honest(&raw, (uint32_t)i);
            char first = request->op == PORT_OPEN ? raw_payload(&raw, (uint32_t)i)[0] : 0;
            raw_push(&raw, (uint32_t)i);
            if (first == 'c') {
                struct port_command *command = raw_command(&raw, PORT_CMD_ABORT);
                command->a = reply->a;
                command->b = CLOUDABI_ECONNRESET;
            } else if (first == 's') {
                reply->flags = PORT_REPLY_NOTREADY;
                struct port_command *command = raw_command(&raw, PORT_CMD_READY);
                command->node = NODE_SYNTHETIC;
                command->a = PORT_EVENT_READ;
            }
        }
    }
}

static cloudabi_errno_t poll_read(cloudabi_fd_t fd, unsigned ms, cloudabi_event_t *event)
{
    cloudabi_subscription_t subs[2] = {
        {.type = CLOUDABI_EVENTTYPE_FD_READ, .fd_readwrite = {.fd = fd}},
        {.type = CLOUDABI_EVENTTYPE_CLOCK,
         .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = ms * 1000000ull}}};
    cloudabi_event_t events[2];
    size_t count;
    cloudabi_errno_t error = cloudabi_sys_poll(subs, events, 2, &count);
    *event = events[0];
    return error;
}

static void test_in_one_go(void)
{
    cloudabi_fd_t port, root, fd;
    cloudabi_event_t event;
    char byte;
    size_t done;
    unsigned resets = 0, ready = 0;
    make_port(&port, &root);
    cloudabi_fd_t service = start(serve_in_one_go, port, NULL);
    for (unsigned i = 0; i < 200; i++) {
        if (open_with(root, "channel", 0, RW, 0, &fd) != 0)
            break;
        resets += get(fd, &byte, 1, &done) == CLOUDABI_ECONNRESET &&
                  put(fd, "x", 1, &done) == CLOUDABI_ECONNRESET;
        close_fd(fd);
        if (open_with(root, "synthetic", 0, RW | CLOUDABI_RIGHT_POLL_FD_READWRITE, 0, &fd) != 0)
            break;
        ready += poll_read(fd, 2000, &event) == 0 && event.type == CLOUDABI_EVENTTYPE_FD_READ;
        close_fd(fd);
    }
    CHECK(resets == 200);
    CHECK(ready == 200);
    close_fd(service);
    close_fd(port);
    close_fd(root);
}

static cloudabi_errno_t mint(struct raw *raw, enum port_form form, cloudabi_filetype_t type,
                             uint64_t a, int32_t *fd)
{
    struct port_command *command = raw_command(raw, PORT_CMD_MINT);
    command->form = (uint8_t)form;
    command->type = type;
    command->node = 1234;
    command->a = a;
    command->rights = command->rights_inheriting = ~0ull;
    cloudabi_errno_t error = raw_deliver(raw);
    *fd = command->fd;
    return error != 0 ? error : command->error;
}

static cloudabi_errno_t mints(cloudabi_fd_t port, unsigned *step)
{
    static const cloudabi_filetype_t nonsense[] = {
        PORT_FILETYPE, CLOUDABI_FILETYPE_PROCESS,       0,
        255,           CLOUDABI_FILETYPE_SHARED_MEMORY, CLOUDABI_FILETYPE_DIRECTORY};
    struct raw raw;
    int32_t fd;
    cloudabi_fdstat_t stat;
    *step = 1;
    if (raw_map(&raw, port) != 0)
        return CLOUDABI_EBUSY;
    for (*step = 2; *step < 2 + sizeof(nonsense); ++*step) {
        cloudabi_filetype_t type = nonsense[*step - 2];
        if (mint(&raw, PORT_FORM_SYNTHETIC, type, 0, &fd) != CLOUDABI_EINVAL ||
            mint(&raw, PORT_FORM_STREAM, type, 0, &fd) != CLOUDABI_EINVAL || fd != -1)
            return CLOUDABI_EINVAL;
    }
    *step = 20;
    if (mint(&raw, PORT_FORM_PAGED, CLOUDABI_FILETYPE_REGULAR_FILE, 0, &fd) != CLOUDABI_EINVAL ||
        mint(&raw, (enum port_form)200, CLOUDABI_FILETYPE_REGULAR_FILE, 0, &fd) != CLOUDABI_EINVAL)
        return CLOUDABI_EINVAL;
    *step = 21; /* a channel whose control was not set up, or is not there */
    if (mint(&raw, PORT_FORM_STREAM, CLOUDABI_FILETYPE_SOCKET_STREAM, 7, &fd) != CLOUDABI_EPROTO ||
        mint(&raw, PORT_FORM_STREAM, CLOUDABI_FILETYPE_SOCKET_STREAM, 1ull << 40, &fd) !=
            CLOUDABI_EPROTO)
        return CLOUDABI_EINVAL;
    *step = 22;
    raw_channel_init(&raw, 7, 4096);
    cloudabi_errno_t error = mint(&raw, PORT_FORM_STREAM, CLOUDABI_FILETYPE_SOCKET_STREAM, 7, &fd);
    if (error != 0)
        return error;
    *step = 23; /* rights are those of the type */
    if (cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &stat) != 0 ||
        stat.fs_filetype != CLOUDABI_FILETYPE_SOCKET_STREAM ||
        (stat.fs_rights_base & (CLOUDABI_RIGHT_FILE_OPEN | CLOUDABI_RIGHT_PROC_EXEC)) != 0)
        return CLOUDABI_EINVAL;
    *step = 24; /* the same channel twice */
    if (mint(&raw, PORT_FORM_STREAM, CLOUDABI_FILETYPE_SOCKET_STREAM, 7, &fd) != CLOUDABI_EPROTO)
        return CLOUDABI_EINVAL;
    *step = 25;
    return mint(&raw, PORT_FORM_DIRECTORY, 0, 0, &fd);
}

static void mint_things(cloudabi_fd_t port, void *argument)
{
    unsigned step;
    (void)argument;
    cloudabi_errno_t error = mints(port, &step);
    cloudabi_sys_proc_exit(error != 0 ? 1000 * step + error : 0);
}

static void test_mint(void)
{
    cloudabi_fd_t port, root;
    make_port(&port, &root);
    CHECK(exited_with(start(mint_things, port, NULL), 0, 0));
    close_fd(port);
    close_fd(root);
}

/* --- links and mounts ------------------------------------------------------------------------- */

/* "l..." is a link to itself; "m" is the directory *ARGUMENT of another service; "w" a link to "m/a/../b"; "f" answers
 * an open with that directory, "e" with the port itself. */
static void serve_links(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    cloudabi_fd_t mounted = *(cloudabi_fd_t *)argument;
    if (raw_map(&raw, port) != 0)
        abort();
    while (raw_wait(&raw) == 0) {
        for (int i; (i = raw_next(&raw)) >= 0;) {
            const struct port_request *request = &raw_slot(&raw, (uint32_t)i)->request;
            char *payload = raw_payload(&raw, (uint32_t)i);
            char first = request->op <= PORT_RENAME && request->path_len > 0 ? payload[0] : 0;
            struct port_reply *reply = raw_honest(&raw, (uint32_t)i);
            reply->consumed = 1;
            if (first == 'l' || first == 'w') {
                reply->kind = PORT_REPLY_LINK;
                reply->len = first == 'l' ? 1 : 8;
                memcpy(payload, first == 'l' ? "l" : "m/a/../b", reply->len);
            } else if (first == 'm') {
                reply->kind = PORT_REPLY_CROSS;
                reply->fd[0] = (int32_t)mounted;
            } else if (first == 'f' || first == 'e') {
                reply->kind = PORT_REPLY_FD;
                reply->fd[0] = (int32_t)(first == 'f' ? mounted : port);
            }
            raw_push(&raw, (uint32_t)i);
        }
    }
}

static void test_given(cloudabi_fd_t root)
{
    cloudabi_fd_t fd;
    cloudabi_fdstat_t stat;
    CHECK_RETURNS(open_with(root, "f", 0, CLOUDABI_RIGHT_FILE_STAT_GET, 0, &fd), 0);
    CHECK_RETURNS(look_at(fd, "x"), 0);
    CHECK_RETURNS(cloudabi_sys_fd_stat_get(fd, &stat), 0);
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_DIRECTORY &&
          stat.fs_rights_base == CLOUDABI_RIGHT_FILE_STAT_GET && stat.fs_rights_inheriting == 0);
    close_fd(fd);
    CHECK_RETURNS(open_dir(root, "f", &fd), 0);
    close_fd(fd);
    CHECK_RETURNS(open_dir(root, "e", &fd), CLOUDABI_ENOTDIR);
    CHECK_RETURNS(open_with(root, "e", 0, RW, 0, &fd), 0); /* a service may give whatever it has */
    close_fd(fd);
}

/* A file that is said to be as long as a file can be. */
static void test_greatest_file(cloudabi_fd_t root)
{
    cloudabi_fd_t fd;
    char bytes[100];
    size_t done = 7;
    void *map;
    CHECK_RETURNS(open_with(root, "Paged", 0, FILE_BASE, 0, &fd), 0);
    CHECK_RETURNS(get_at(fd, bytes, sizeof(bytes), INT64_MAX - 50, &done), 0);
    CHECK(done == 50);
    CHECK_RETURNS(put_at(fd, bytes, sizeof(bytes), INT64_MAX - 10) != 0, true);
    CHECK_RETURNS(cloudabi_sys_file_allocate(fd, INT64_MAX - 4096, 8192) != 0, true);
    cloudabi_errno_t error =
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd,
                             (uint64_t)INT64_MAX / 4096 * 4096 - 4096, &map);
    if (error == 0)
        CHECK(*(volatile char *)map == 0);
    if (error == 0)
        cloudabi_sys_mem_unmap(map, 4096);
    close_fd(fd);
}

static void test_links(void)
{
    cloudabi_fd_t port, root, port2, root2;
    make_port(&port, &root);
    make_port(&port2, &root2);
    cloudabi_fd_t service2 = start(serve_special, port2, NULL),
                  service = start(serve_links, port, &root2);
    CHECK_RETURNS(look_at(root, "l"), CLOUDABI_ELOOP);
    CHECK_RETURNS(look_at(root, "x/../l"), CLOUDABI_ELOOP);
    CHECK_RETURNS(look_at(root, "m/x"), 0);
    CHECK_RETURNS(look_at(root, "m"), 0);
    CHECK_RETURNS(look_at(root, "m/.."), 0);
    CHECK_RETURNS(look_at(root, "m/../.."), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(look_at(root, "w"), 0);
    CHECK_RETURNS(look_at(root, "w/../.."), 0);
    CHECK_RETURNS(look_at(root, "w/../../.."), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(cloudabi_sys_file_unlink(root, "m", 1, 0),
                  CLOUDABI_EINVAL); /* never the mounted one itself */
    CHECK_RETURNS(cloudabi_sys_file_create(root, "m", 1, CLOUDABI_FILETYPE_DIRECTORY),
                  CLOUDABI_EEXIST);
    CHECK_RETURNS(cloudabi_sys_file_rename(root, "m/a", 3, root, "b", 1), CLOUDABI_EXDEV);
    CHECK_RETURNS(cloudabi_sys_file_rename(root, "m/a", 3, root, "m/b", 3), 0);
    CHECK_RETURNS(cloudabi_sys_file_rename(root, "a", 1, root, "..", 2), CLOUDABI_ENOTCAPABLE);
    test_given(root);
    test_greatest_file(root2);
    struct counts counts = counts_of(root2);
    CHECK(counts.named - counts.forgotten == 1);
    cloudabi_fd_t all[] = {service, service2, port, port2, root, root2};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        close_fd(all[i]);
}

int main(void)
{
    self = (cloudabi_fd_t)grant_fd("self");
    if ((int)self < 0) { /* what a service became by exec */
        for (;;)
            sleep_ms(1000);
    }
    test_waiting_for_a_service();
    test_who_serves();
    test_same_process_again();
    for (enum end end = END_EXIT; end < ENDS; end++)
        test_restart(end);
    test_shares();
    test_abandoned();
    test_references();
    test_in_one_go();
    test_mint();
    test_links();
    return tap_end();
}
