/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pager for tests: a process that serves files over one small disk, which tests see and change, too.
 *
 * `data` is answered with DATA, `places` with EXTENTS on a device that is shared memory: both show the disk from its
 * start, the second with its halves changed over. What is not mapped is a hole.  `huge` is made up: each
 * word is a function of its place, and of the version that was last written to its page.
 */
#ifndef TESTS_GUEST_PAGER_H
#define TESTS_GUEST_PAGER_H

#include "pseudofd/server/server.h"
#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define PAGE       4096ull
#define DISK_PAGES 256u
#define HALF       (DISK_PAGES / 2)
#define HUGE_PAGES 50000u /* 195 MiB: more than there is memory */

enum { NODE_DATA = 100, NODE_PLACES, NODE_HUGE };

enum lie {
    HONEST,
    LIE_LONG,    /* more than was asked */
    LIE_SHORT,   /* ends inside a page */
    LIE_NOTHING, /* no extent */
    LIE_ODD,     /* not a multiple of 512 */
    LIE_PLACE,   /* beyond what a device can be */
    LIE_DEVICE,  /* a descriptor that may not be read */
    LIE_NO_FD,   /* places, but no descriptor */
    LIE_ADDRESS, /* data where there is no memory */
    LIE_KIND,    /* a reply of another operation */
    LIE_OUTSIDE, /* places behind the end of the device */
    LIE_GRANT,   /* promises nothing */
    LIES
};

/* Shared by the test and its pager. */
struct control {
    uint64_t size;       /* of what is opened next */
    uint32_t unlinked;   /* the next UNLINK removes the last name of this node */
    uint32_t hold;       /* requests of this operation are answered after `release` only */
    uint32_t held;       /* so many wait */
    uint32_t release;    /* set by the test; taken back by the pager */
    uint32_t fail_op;    /* this operation fails ... */
    uint32_t fail_error; /* ... with this errno */
    uint32_t lie;        /* in answers to PAGE_IN and RESERVE */
    uint32_t want_wrote; /* PAGE_OUT asks for WROTE */
    uint32_t quota;      /* pages that RESERVE still grants */
    uint32_t calls[PORT_OPS];
    uint32_t pages_in, pages_out, most_pages_in;
    uint32_t order;     /* operations since it was set to 0, each four bits, the last lowest */
    uint64_t last_size; /* that PAGE_OUT, SYNC or SETATTR said */
    uint64_t last_time;
    uint32_t wrote_error;
    uint32_t bad; /* pages of `huge` that came back wrong */
    uint8_t mapped[DISK_PAGES];
    uint8_t version[HUGE_PAGES];
};

#define CONTROL_PAGES ((sizeof(struct control) + PAGE - 1) / PAGE)

struct pager {
    struct server server;
    struct control *control;
    char *disk;
    cloudabi_fd_t device;
    struct call held[PORT_SLOTS];
    unsigned held_count;
    uint64_t made_up[PORT_PAGES_MAX * PAGE / 8];
};

static struct pager pager;
static struct control *control;
static char *disk;
static cloudabi_fd_t device; /* bytes of the disk, its halves changed over */

/* --- the disk ----------------------------------------------------------------------------------- */

static inline uint64_t huge_word(uint64_t word, unsigned version)
{
    return (word + 1) * 0x9e3779b97f4a7c15ull + version;
}

static inline void huge_fill(uint64_t *to, uint64_t index, unsigned version)
{
    for (uint64_t i = 0; i < PAGE / 8; i++)
        to[i] = huge_word(index * (PAGE / 8) + i, version);
}

/* Where page INDEX lies on the device. */
static inline uint64_t place_of(uint64_t index)
{
    return (index < HALF ? index + HALF : index - HALF) * PAGE;
}

static inline char *page_at(uint64_t index)
{
    return disk + place_of(index);
}

/* --- operations --------------------------------------------------------------------------------- */

static inline bool is_named(const struct call *call, const char *name)
{
    return call->path_len == strlen(name) && memcmp(call->path, name, call->path_len) == 0;
}

static inline cloudabi_errno_t pager_open(struct server *server, struct call *call)
{
    struct port_attr attr = {.size = control->size, .nlink = 1};
    (void)server;
    attr.ino = is_named(call, "data")     ? NODE_DATA
               : is_named(call, "places") ? NODE_PLACES
               : is_named(call, "huge")   ? NODE_HUGE
                                          : 0;
    if (attr.ino == 0)
        return CLOUDABI_ENOENT;
    if (attr.ino == NODE_HUGE)
        attr.size = HUGE_PAGES * PAGE;
    attr.type = CLOUDABI_FILETYPE_REGULAR_FILE;
    call_node(call, attr.ino, PORT_FORM_PAGED, &attr);
    call_pager(call);
    return 0;
}

static inline cloudabi_errno_t pager_unlink(struct server *server, struct call *call)
{
    if (is_named(call, "revoke"))
        server_revoke(server, NODE_PLACES);
    else if (is_named(call, "invalidate"))
        server_invalidate(server, NODE_PLACES, 0, DISK_PAGES * PAGE);
    else if (is_named(call, "resize"))
        server_resize(server, NODE_PLACES, control->size);
    else
        call->reply.node = control->unlinked;
    return 0;
}

static inline cloudabi_errno_t pager_get_attr(struct server *server, struct call *call)
{
    struct port_attr attr = {.ino = call->request.node, .nlink = 1};
    (void)server;
    attr.type = CLOUDABI_FILETYPE_REGULAR_FILE;
    call_attr(call, call->request.node, &attr);
    return 0;
}

static inline cloudabi_errno_t pager_set_attr(struct server *server, struct call *call)
{
    (void)server;
    if ((call->request.a & CLOUDABI_FILESTAT_SIZE) != 0) {
        control->last_size = call->request.attr.size;
        for (uint64_t i = (control->last_size + PAGE - 1) / PAGE; i < DISK_PAGES; i++)
            control->mapped[i] = 0;
        if (control->last_size % PAGE != 0 && control->last_size < DISK_PAGES * PAGE)
            memset(page_at(control->last_size / PAGE) + control->last_size % PAGE, 0,
                   PAGE - control->last_size % PAGE); /* the rest of the last page is the pager's */
    }
    return 0;
}

/* Extents of COUNT pages from INDEX on; how many extents. */
static inline size_t places(uint64_t index, unsigned count, struct port_extent *extent)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        bool hole = index + i >= DISK_PAGES || !control->mapped[index + i];
        uint64_t at = hole ? PORT_HOLE : place_of(index + i);
        bool joins = n > 0 && (hole ? extent[n - 1].offset == PORT_HOLE
                                    : extent[n - 1].offset + extent[n - 1].len == at);
        if (joins)
            extent[n - 1].len += PAGE;
        else
            extent[n++] = (struct port_extent){at, PAGE};
    }
    return n;
}

static inline void lie_about_places(struct call *call, struct port_extent *extent, size_t n)
{
    int fd = (int)device;
    switch (control->lie) {
    case LIE_LONG:
        extent[n - 1].len += PAGE * PORT_PAGES_MAX;
        break;
    case LIE_SHORT:
        extent[n - 1].len -= 512;
        break;
    case LIE_NOTHING:
        n = 0;
        break;
    case LIE_ODD:
        extent[0].offset += 100;
        break;
    case LIE_PLACE:
        extent[0].offset = (uint64_t)INT64_MAX & ~511ull;
        break;
    case LIE_OUTSIDE:
        extent[0].offset = DISK_PAGES * PAGE;
        break;
    case LIE_DEVICE:
        fd = pager.server.port;
        break;
    case LIE_NO_FD:
        fd = -1;
        break;
    default:
        break;
    }
    call_extents(call, fd, extent, n);
}

/* Where the answer to CALL is made: it must stay until it is delivered, and others may be under way. */
static inline char *answer_room(const struct call *call)
{
    static char room[PORT_SLOTS][PORT_PAGES_MAX * PAGE] __attribute__((aligned(8)));
    return room[(uint32_t)call->request.tag % PORT_SLOTS];
}

static inline void data_in(struct call *call, uint64_t index, unsigned count)
{
    char *bytes = answer_room(call);
    for (unsigned i = 0; i < count; i++) {
        if (index + i < DISK_PAGES && control->mapped[index + i])
            memcpy(bytes + i * PAGE, page_at(index + i), PAGE);
        else
            memset(bytes + i * PAGE, 0, PAGE);
    }
    call_data(call, control->lie == LIE_ADDRESS ? (void *)16 : bytes,
              count * PAGE - (control->lie == LIE_SHORT ? 512 : 0) +
                  (control->lie == LIE_LONG ? PORT_PAGES_MAX * PAGE : 0));
}

static inline cloudabi_errno_t answer_in(struct call *call)
{
    struct port_extent extent[PORT_PAGES_MAX];
    uint64_t index = call->request.a / PAGE;
    unsigned count = call->request.len / PAGE;
    control->pages_in += count;
    if (count > control->most_pages_in)
        control->most_pages_in = count;
    if (control->lie == LIE_KIND)
        return 0;
    if (call->request.node == NODE_HUGE) {
        uint64_t *words = (uint64_t *)answer_room(call);
        for (unsigned i = 0; i < count; i++)
            huge_fill(words + i * PAGE / 8, index + i, control->version[index + i]);
        call_data(call, words, count * PAGE);
    } else if (call->request.node == NODE_DATA) {
        data_in(call, index, count);
    } else {
        lie_about_places(call, extent, places(index, count, extent));
    }
    return 0;
}

static inline cloudabi_errno_t answer_out(struct call *call)
{
    struct port_extent extent[PORT_PAGES_MAX];
    uint64_t index = call->request.a / PAGE;
    unsigned count = call->request.len / PAGE;
    control->pages_out += count;
    control->last_size = call->request.b;
    control->last_time = call->request.time;
    if (control->want_wrote)
        call_want_wrote(call);
    if (call->request.node == NODE_HUGE) {
        call_data(call, pager.made_up, count * PAGE);
        return 0;
    }
    for (unsigned i = 0; i < count && index + i < DISK_PAGES; i++)
        control->mapped[index + i] = 1;
    if (call->request.node == NODE_PLACES) {
        call_extents(call, (int)device, extent, places(index, count, extent));
        return 0;
    }
    /* the two halves are not one piece: a prefix */
    if (index < HALF && index + count > HALF)
        count = (unsigned)(HALF - index);
    call_data(call, page_at(index), count * PAGE);
    return 0;
}

/* After delivery: pages of `huge` that were written have one version, the one that their first word tells. */
static inline void look_at_huge(uint64_t index, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t *page = pager.made_up + i * PAGE / 8, word = (index + i) * (PAGE / 8);
        unsigned version = (unsigned)(page[0] - huge_word(word, 0));
        for (uint64_t n = 0; n < PAGE / 8; n += 37)
            control->bad += page[n] != huge_word(word + n, version);
        control->version[index + i] = (uint8_t)version;
    }
}

static inline cloudabi_errno_t answer_reserve(struct call *call)
{
    uint64_t pages = call->request.b / PAGE;
    if (control->lie == LIE_GRANT)
        return 0;
    if (control->quota == 0)
        return CLOUDABI_ENOSPC;
    if (pages > control->quota)
        pages = control->quota;
    control->quota -= (uint32_t)pages;
    call_granted(call, pages * PAGE);
    return 0;
}

static inline cloudabi_errno_t answer(struct call *call)
{
    unsigned op = call->request.op;
    if (control->fail_op == op)
        return (cloudabi_errno_t)control->fail_error;
    switch (op) {
    case PORT_PAGE_IN:
        return answer_in(call);
    case PORT_PAGE_OUT:
        return answer_out(call);
    case PORT_RESERVE:
        return answer_reserve(call);
    case PORT_SETATTR:
        return pager_set_attr(call->server, call);
    case PORT_WROTE:
        control->wrote_error = (uint32_t)call->request.b;
        return 0;
    case PORT_SYNC:
        control->last_size = call->request.b;
        return 0;
    default:
        return 0;
    }
}

static inline cloudabi_errno_t pager_call(struct server *server, struct call *call)
{
    unsigned op = call->request.op;
    (void)server;
    control->calls[op]++;
    control->order = control->order << 4 | (op & 15);
    if (control->hold == op) {
        pager.held[pager.held_count++] = *call;
        __atomic_fetch_add(&control->held, 1, __ATOMIC_SEQ_CST);
        return CALL_DEFERRED;
    }
    cloudabi_errno_t error = answer(call);
    if (error == 0 && op == PORT_PAGE_OUT && call->request.node == NODE_HUGE) {
        uint64_t index = call->request.a / PAGE;
        unsigned count = call->request.len / PAGE;
        call_finish(call, 0);
        server_flush(&pager.server);
        look_at_huge(index, count);
        return CALL_DEFERRED;
    }
    return error;
}

static inline void pager_flush(struct server *server, uint64_t tag)
{
    (void)server;
    for (unsigned i = 0; i < pager.held_count; i++) {
        if (pager.held[i].request.tag != tag)
            continue;
        call_finish(&pager.held[i], CLOUDABI_EINTR);
        pager.held[i] = pager.held[--pager.held_count];
        __atomic_fetch_sub(&control->held, 1, __ATOMIC_SEQ_CST);
    }
}

static inline void release_held(void)
{
    if (__atomic_exchange_n(&control->release, 0, __ATOMIC_SEQ_CST) == 0)
        return;
    while (pager.held_count > 0) {
        struct call *call = &pager.held[--pager.held_count];
        call_finish(call, answer(call));
        server_flush(&pager.server);
    }
    __atomic_store_n(&control->held, 0, __ATOMIC_SEQ_CST);
}

static const struct server_ops pager_ops = {
    .open = pager_open,
    .unlink = pager_unlink,
    .get_attr = pager_get_attr,
    .set_attr = pager_call,
    .page_in = pager_call,
    .page_out = pager_call,
    .reserve = pager_call,
    .wrote = pager_call,
    .sync = pager_call,
    .forget = pager_call,
    .flush = pager_flush,
};

static inline void serve_pages(cloudabi_fd_t port, void *argument)
{
    (void)argument;
    while (server_init(&pager.server, (int)port, &pager_ops, NULL, false) == CLOUDABI_EBUSY)
        sleep_ms(1);
    for (;;) {
        if (pager.held_count == 0) {
            if (server_wait(&pager.server) != 0)
                return;
        } else {
            sleep_ms(1);
            server_flush(&pager.server);
        }
        server_step(&pager.server);
        release_held();
    }
}

/* --- the test's side ------------------------------------------------------------------------------ */

struct served {
    cloudabi_fd_t port, root, process;
};

/* Makes what test and pager share; once. */
static inline void pager_memory(void)
{
    cloudabi_filestat_t stat = {.st_size = DISK_PAGES * PAGE};
    void *map = NULL;
    CHECK_RETURNS(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &device), 0);
    CHECK_RETURNS(cloudabi_sys_file_stat_fput(device, &stat, CLOUDABI_FILESTAT_SIZE), 0);
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, DISK_PAGES * PAGE,
                                       CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_SHARED, device, 0, &map),
                  0);
    disk = map;
    CHECK_RETURNS(cloudabi_sys_mem_map(
                      NULL, CONTROL_PAGES * PAGE, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                      CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED, CLOUDABI_MAP_ANON_FD, 0, &map),
                  0);
    control = map;
}

/* A byte of the disk as it is at the beginning. */
static inline char disk_byte(uint64_t at)
{
    return (char)(at * 31 + (at >> 12) * 7 + 1);
}

static inline struct served pager_begin(uint64_t size)
{
    struct served served;
    memset(control, 0, sizeof(*control));
    control->size = size;
    control->quota = 1000;
    for (uint64_t at = 0; at < DISK_PAGES * PAGE; at++)
        page_at(at / PAGE)[at % PAGE] = disk_byte(at);
    for (uint64_t i = 0; i < (size + PAGE - 1) / PAGE && i < DISK_PAGES; i++)
        control->mapped[i] = 1;
    CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, &served.port, &served.root), 0);
    served.process = start(serve_pages, served.port, NULL);
    return served;
}

static inline void pager_end(struct served *served)
{
    close_fd(served->process);
    close_fd(served->root);
    close_fd(served->port);
}

static inline bool wait_until(const volatile uint32_t *value, uint32_t wanted)
{
    for (unsigned i = 0; i < 20000; i++) {
        if (__atomic_load_n(value, __ATOMIC_SEQ_CST) == wanted)
            return true;
        sleep_ms(1);
    }
    return false;
}

#endif
