/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports of services that drive devices, from the side of one that lies: it has claimed a disk, gets the memory of its
 * clients, and answers wrongly, late or never.  Whoever else dies, that memory stays until the answer; and when the
 * service ends, so does its claim, and all is given back.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <tessera/grants.h>

#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define PAGE    4096ul
#define PAGES   PORT_SEGMENTS_MAX /* the most of one request */
#define BUFFER  (PAGES * PAGE)
#define STORE   (2 * BUFFER)
#define CALLERS 10u
#define RW      (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)
#define DEVICE  (RW | CLOUDABI_RIGHT_FD_SEEK)

/* How the service answers, and what it has seen: memory that all share. */
struct shared {
    _Atomic int plain;      /* no device: the bytes are in the store */
    _Atomic int hold;       /* answer nothing */
    _Atomic uint32_t claim; /* errno of the claim */
    _Atomic uint32_t reply; /* bytes to speak of; UINT32_MAX: what was asked for */
    _Atomic uint32_t requests, flags, count, len, misplaced;
    _Atomic uint64_t bus, offset;
    _Atomic uint32_t config; /* errno of a write to the configuration after the serving ended */
};

static struct shared *shared;
static uint8_t *store; /* STORE bytes, shared */
static cloudabi_fd_t function;
static uint8_t *buffer;

static void *map_pages(size_t len, cloudabi_mflags_t how)
{
    void *map = NULL;
    if (cloudabi_sys_mem_map(NULL, len, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                             CLOUDABI_MAP_ANON | how, CLOUDABI_MAP_ANON_FD, 0, &map) != 0)
        abort();
    return map;
}

static cloudabi_errno_t open_claim(cloudabi_fd_t *fd)
{
    return open_with(function, "claim", 0, RW, 0, fd);
}

/* The same, once a service before has ended. */
static cloudabi_errno_t take_claim(cloudabi_fd_t *fd)
{
    cloudabi_errno_t error;
    for (unsigned i = 0; (error = open_claim(fd)) == CLOUDABI_EBUSY && i < 500; i++)
        sleep_ms(5);
    return error;
}

/* --- the service -------------------------------------------------------------------------------- */

static cloudabi_errno_t declare(struct raw *raw, cloudabi_fd_t claim, uint64_t stop)
{
    struct port_command *command = raw_command(raw, PORT_CMD_DMA);
    command->fd = (int32_t)claim;
    command->a = stop;
    cloudabi_errno_t error = raw_deliver(raw);
    return error != 0 ? error : command->error;
}

static void see(const struct raw *raw, uint32_t slot)
{
    const struct port_request *request = &raw_slot(raw, slot)->request;
    const struct port_segment *segment = (const void *)raw_payload(raw, slot);
    uint32_t total = 0;
    for (uint64_t i = 0; i < request->b && i < PORT_SEGMENTS_MAX; i++) {
        total += segment[i].len;
        if (segment[i].len % 512 != 0 || segment[i].bus % 512 != 0 || segment[i].len > PAGE)
            shared->misplaced = 1;
    }
    if (total != request->len)
        shared->misplaced = 2;
    shared->flags = request->flags;
    shared->count = (uint32_t)request->b;
    shared->len = request->len;
    shared->bus = segment[0].bus;
    shared->offset = request->a;
    atomic_fetch_add(&shared->requests, 1);
}

/* A read or write of a service without a device. */
static void move(const struct raw *raw, uint32_t slot, struct port_reply *reply)
{
    const struct port_request *request = &raw_slot(raw, slot)->request;
    uint64_t at = request->a < STORE ? request->a : STORE, len = request->len;
    if (len > STORE - at)
        len = STORE - at;
    if (request->op == PORT_READ)
        memcpy(raw_payload(raw, slot), store + at, len);
    else
        memcpy(store + at, raw_payload(raw, slot), len);
    reply->len = shared->reply == UINT32_MAX ? (uint32_t)len : shared->reply;
}

static void answer(struct raw *raw, uint32_t slot)
{
    struct port_reply *reply = raw_honest(raw, slot);
    uint16_t op = raw_slot(raw, slot)->request.op;
    if (op == PORT_OPEN)
        reply->attr.type = CLOUDABI_FILETYPE_BLOCK_DEVICE;
    if ((op == PORT_READ || op == PORT_WRITE) && shared->plain)
        move(raw, slot, reply);
    else if (op == PORT_READ || op == PORT_WRITE)
        reply->len = shared->reply == UINT32_MAX ? shared->len : shared->reply;
    raw_push(raw, slot);
}

static cloudabi_errno_t serve(struct raw *raw)
{
    int held[PORT_SLOTS];
    unsigned count = 0;
    for (;;) {
        cloudabi_errno_t error = count == 0 ? raw_wait(raw) : raw_deliver(raw);
        if (error != 0)
            return error;
        __atomic_store_n(&raw->header->flush_pending, 0, __ATOMIC_RELAXED);
        for (int i; (i = raw_next(raw)) >= 0;) {
            uint16_t op = raw_slot(raw, (uint32_t)i)->request.op;
            if ((op == PORT_READ || op == PORT_WRITE) && !shared->plain) {
                see(raw, (uint32_t)i);
                held[count++] = i;
            } else {
                answer(raw, (uint32_t)i);
            }
        }
        while (count > 0 && !shared->hold)
            answer(raw, (uint32_t)held[--count]);
        if (count > 0)
            sleep_ms(1);
    }
}

static void serve_device(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    cloudabi_fd_t claim = *(cloudabi_fd_t *)argument, config = NO_FD;
    cloudabi_errno_t error = 0;
    if (claim == NO_FD && !shared->plain)
        error = take_claim(&claim);
    if (raw_map(&raw, port) != 0)
        abort();
    if (error == 0 && !shared->plain)
        error = declare(&raw, claim, PORT_STOP_NONE);
    shared->claim = error;
    if (error == 0 && !shared->plain)
        error = open_with(function, "config", 0, DEVICE, 0, &config);
    if (error == 0)
        serve(&raw);
    uint16_t master = 4;
    shared->config = put_at(config, &master, 2, 4);
}

struct service {
    cloudabi_fd_t port, root, process;
};

/* CLAIM: one that this process has, or NO_FD. */
static struct service begin_how(cloudabi_fd_t claim, bool plain)
{
    struct service service;
    memset(shared, 0, sizeof(*shared));
    shared->plain = plain;
    shared->claim = UINT32_MAX;
    shared->config = UINT32_MAX;
    shared->reply = UINT32_MAX;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &service.port, &service.root) != 0)
        abort();
    service.process = start(serve_device, service.port, &claim);
    while (shared->claim == UINT32_MAX)
        sleep_ms(1);
    return service;
}

static struct service begin(cloudabi_fd_t claim)
{
    return begin_how(claim, false);
}

static void finish(struct service *service)
{
    close_fd(service->process);
    close_fd(service->port);
    close_fd(service->root);
}

/* --- requests ----------------------------------------------------------------------------------- */

static void test_segments(cloudabi_fd_t fd)
{
    size_t done = 0;
    memset(buffer, 0x3c, BUFFER);
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 8192, &done), 0);
    CHECK(done == PAGE && buffer[0] == 0x3c); /* nothing was moved, and nothing copied */
    CHECK(shared->flags == PORT_FLAG_SEGMENTS && shared->count == 1 && shared->len == PAGE &&
          shared->offset == 8192 && shared->bus % PAGE == 0 && shared->bus != 0);
    uint64_t bus = shared->bus;
    CHECK_RETURNS(get_at(fd, buffer + 512, 512, 0, &done), 0);
    CHECK(shared->len == 512 && shared->bus == bus + 512); /* the page itself */
    CHECK_RETURNS(put_at(fd, buffer + 1024, 1024, 0), 0);
    CHECK(shared->len == 1024 && shared->bus == bus + 1024);
    CHECK_RETURNS(put_at(fd, buffer + 1, 512, 0), 0);
    CHECK(shared->len == 512 && shared->bus / PAGE != bus / PAGE); /* by way of the kernel */
    CHECK_RETURNS(get_at(fd, buffer, BUFFER, 0, &done), 0);
    CHECK(shared->count == PAGES && shared->len == BUFFER && done == BUFFER);
    CHECK_RETURNS(get_at(fd, buffer + 512, BUFFER - 512, 0, &done), 0);
    CHECK(shared->count == PAGES && shared->len == BUFFER - 512);
    uint32_t before = shared->requests;
    CHECK_RETURNS(put_at(fd, buffer, 100, 0), CLOUDABI_EINVAL);
    CHECK_RETURNS(put_at(fd, buffer, 512, 100), CLOUDABI_EINVAL);
    CHECK_RETURNS(get_at(fd, buffer, 0, 0, &done), 0);
    CHECK(shared->requests == before);
    CHECK_RETURNS(get_at(fd, buffer, 100, 700, &done), 0);
    CHECK(done == 100 && shared->offset == 512 && shared->len == 512);
    CHECK(shared->misplaced == 0);
}

static void test_lies(cloudabi_fd_t fd)
{
    size_t done = 0;
    shared->reply = 512;
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 0, &done), 0);
    CHECK(done == 512);
    shared->reply = 3; /* no whole sector */
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 0, &done), 0);
    CHECK(done == 3);
    CHECK_RETURNS(get_at(fd, buffer + 1, 700, 100, &done), 0);
    CHECK(done == 0);
    shared->reply = PAGE + 1;
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 0, &done), CLOUDABI_EIO);
    shared->reply = BUFFER;
    CHECK_RETURNS(get_at(fd, buffer + 1, PAGE, 0, &done), CLOUDABI_EIO);
    shared->reply = UINT32_MAX;
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 0, &done), 0);
}

static void test_requests(void)
{
    struct service service = begin(NO_FD);
    cloudabi_fd_t fd, claim;
    size_t done;
    CHECK_RETURNS(shared->claim, 0);
    CHECK_RETURNS(open_claim(&claim), CLOUDABI_EBUSY);
    CHECK_RETURNS(open_with(service.root, "x", 0, DEVICE, 0, &fd), 0);
    test_segments(fd);
    test_lies(fd);
    shared->reply =
        BUFFER + 1; /* more than any request has: the serving ends, and with it the claim */
    CHECK_RETURNS(get_at(fd, buffer, PAGE, 0, &done), CLOUDABI_EIO);
    while (shared->config == UINT32_MAX)
        sleep_ms(1);
    CHECK_RETURNS(shared->config,
                  CLOUDABI_EIO); /* it is alive, but turns bus mastering on no more */
    close_fd(fd);
    finish(&service);
}

/* A block device whose bytes travel in the payload. */
static void test_payload(void)
{
    struct service service = begin_how(NO_FD, true);
    static uint8_t back[BUFFER];
    cloudabi_fd_t fd;
    size_t done = 0;
    CHECK_RETURNS(open_with(service.root, "x", 0, DEVICE, 0, &fd), 0);
    for (size_t i = 0; i < BUFFER; i++)
        buffer[i] = (uint8_t)(i / 7);
    CHECK_RETURNS(put_at(fd, buffer, BUFFER, 512), 0);
    CHECK(memcmp(store + 512, buffer, BUFFER) == 0);
    CHECK_RETURNS(get_at(fd, back, BUFFER, 512, &done), 0);
    CHECK(done == BUFFER && memcmp(back, buffer, BUFFER) == 0);
    CHECK_RETURNS(get_at(fd, back, 1000, 513, &done), 0);
    CHECK(done == 1000 && memcmp(back, buffer + 1, 1000) == 0);
    CHECK_RETURNS(get_at(fd, back, BUFFER, STORE - 20000, &done), 0);
    CHECK(done == 20000);
    CHECK_RETURNS(put_at(fd, buffer, 513, 0), CLOUDABI_EINVAL);
    CHECK_RETURNS(put_at(fd, buffer, 512, 1), CLOUDABI_EINVAL);
    shared->reply = 513;
    CHECK_RETURNS(get_at(fd, back, 512, 0, &done), CLOUDABI_EIO);
    CHECK_RETURNS(get_at(fd, back, BUFFER, 0, &done), 0);
    CHECK(done == 513);
    shared->reply = PORT_PAYLOAD + 1; /* more than a payload has: the serving ends */
    CHECK_RETURNS(get_at(fd, back, BUFFER, 0, &done), CLOUDABI_EIO);
    close_fd(fd);
    finish(&service);
}

/* --- claims ------------------------------------------------------------------------------------- */

static void test_claims(void)
{
    cloudabi_fd_t claim, port, root;
    struct raw raw;
    CHECK_RETURNS(open_claim(&claim), 0);
    struct service service = begin(claim);
    CHECK_RETURNS(shared->claim, CLOUDABI_EPERM); /* a child has not claimed what its parent has */
    finish(&service);
    CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root), 0);
    CHECK_RETURNS(raw_map(&raw, port), 0);
    CHECK_RETURNS(declare(&raw, claim, PORT_STOP_AT(6, 0)), CLOUDABI_EINVAL);
    CHECK_RETURNS(declare(&raw, claim, PORT_STOP_AT(4, 1 << 30)), CLOUDABI_EINVAL);
    CHECK_RETURNS(declare(&raw, claim, PORT_STOP_NONE - 1), CLOUDABI_EINVAL);
    for (unsigned i = 0; i < 4; i++)
        CHECK_RETURNS(declare(&raw, claim, PORT_STOP_NONE), 0);
    CHECK_RETURNS(declare(&raw, claim, PORT_STOP_NONE), CLOUDABI_ENOSPC);
    close_fd(root);
    close_fd(port); /* the port is gone, and the claim with it */
    CHECK_RETURNS(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root), 0);
    CHECK_RETURNS(raw_map(&raw, port), 0);
    CHECK_RETURNS(declare(&raw, claim, PORT_STOP_NONE), CLOUDABI_EPERM);
    close_fd(root);
    close_fd(port);
    close_fd(claim);
}

/* --- ends in the middle ------------------------------------------------------------------------- */

static unsigned long frames_free(void)
{
    static char text[4096];
    size_t done = 0;
    if (get_at((cloudabi_fd_t)grant_fd("usage"), text, sizeof(text) - 1, 0, &done) != 0)
        return 0;
    text[done] = '\0';
    const char *at = strstr(text, "\nfree_frames ");
    return at != NULL ? strtoul(at + 13, NULL, 10) : 0;
}

static bool frames_reach(unsigned long wanted)
{
    for (unsigned i = 0; i < 200 && frames_free() < wanted; i++)
        sleep_ms(10);
    printf("# %lu free frames, %lu wanted\n", frames_free(), wanted);
    return frames_free() >= wanted;
}

static void hang(cloudabi_fd_t fd, void *argument)
{
    uint8_t *mine = map_pages(BUFFER + PAGE, CLOUDABI_MAP_PRIVATE);
    size_t done;
    memset(mine, 1, BUFFER + PAGE);
    (void)get_at(fd, mine + *(size_t *)argument, BUFFER, 0, &done);
}

static void callers_start(cloudabi_fd_t fd, cloudabi_fd_t *callers, size_t skip)
{
    uint32_t before = shared->requests;
    for (unsigned i = 0; i < CALLERS; i++)
        callers[i] = start(hang, fd, &skip);
    while (shared->requests < before + CALLERS)
        sleep_ms(1);
}

/* Callers are killed while the device has their memory (SKIP: or the kernel's, since theirs is crooked). */
static void test_killed_callers(size_t skip)
{
    struct service service = begin(NO_FD);
    cloudabi_fd_t fd, callers[CALLERS];
    size_t done;
    CHECK_RETURNS(open_with(service.root, "x", 0, DEVICE, 0, &fd), 0);
    CHECK_RETURNS(get_at(fd, buffer, BUFFER, 0, &done), 0);
    unsigned long before = frames_free();
    shared->hold = 1;
    callers_start(fd, callers, skip);
    for (unsigned i = 0; i < CALLERS; i++)
        close_fd(callers[i]);
    sleep_ms(200);
    unsigned long held = frames_free();
    printf("# %lu free frames, %lu while requests hold memory\n", before, held);
    CHECK(held + CALLERS * PAGES <= before + 64);
    shared->hold = 0;
    CHECK(frames_reach(before - 64));
    CHECK_RETURNS(get_at(fd, buffer, BUFFER, 0, &done), 0);
    close_fd(fd);
    finish(&service);
}

/* The service is killed while it has the memory of some who live and some who do not. */
static void test_killed_service(void)
{
    unsigned long before = frames_free();
    struct service service = begin(NO_FD);
    cloudabi_fd_t fd, claim, callers[CALLERS];
    CHECK_RETURNS(open_with(service.root, "x", 0, DEVICE, 0, &fd), 0);
    shared->hold = 1;
    callers_start(fd, callers, 0);
    for (unsigned i = 0; i < CALLERS; i += 2)
        close_fd(callers[i]);
    sleep_ms(50);
    close_fd(service.process);
    for (unsigned i = 1; i < CALLERS; i += 2)
        close_fd(callers[i]);
    close_fd(fd);
    close_fd(service.port);
    close_fd(service.root);
    CHECK(frames_reach(before - 64));
    CHECK_RETURNS(take_claim(&claim), 0);
    close_fd(claim);
}

int main(void)
{
    function = (cloudabi_fd_t)grant_fd("function");
    shared = map_pages(PAGE, CLOUDABI_MAP_SHARED);
    buffer = map_pages(BUFFER + PAGE, CLOUDABI_MAP_PRIVATE);
    store = map_pages(STORE, CLOUDABI_MAP_SHARED);
    test_payload();
    test_requests();
    test_killed_callers(0);
    test_killed_callers(100);
    test_killed_service(); /* claims the function at its end, for good: */
    test_claims();
    return tap_end();
}
