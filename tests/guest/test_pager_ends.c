/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of pages and callers when pagers lie or end, callers are killed, and files are cut meanwhile. */
#include "tests/guest/pager.h"

#define RW_MAP (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)

static char buffer[DISK_PAGES * 4096];

static cloudabi_fd_t open_pages(const struct served *served, const char *name)
{
    cloudabi_fd_t fd = NO_FD;
    CHECK_RETURNS(open_file(served->root, name, 0, &fd), 0);
    return fd;
}

/* --- lies ------------------------------------------------------------------------------------------ */

static void test_lie(const char *name, enum lie lie)
{
    struct served served = pager_begin(20 * PAGE);
    cloudabi_fd_t fd = open_pages(&served, name);
    size_t done;
    printf("# lie %d, %s\n", lie, name);
    control->lie = lie;
    if (lie == LIE_GRANT)
        CHECK_RETURNS(put_at(fd, "x", 1, 100 * PAGE), CLOUDABI_EIO);
    else
        CHECK_RETURNS(get_at(fd, buffer, 10, 0, &done), CLOUDABI_EIO);
    control->lie = HONEST;
    cloudabi_errno_t after = get_at(fd, buffer, 10, PAGE, &done);
    /* A place that the device does not have may be a mistake; the rest can not. */
    CHECK(after == (lie == LIE_OUTSIDE ? 0 : CLOUDABI_EIO));
    close_fd(fd);
    pager_end(&served);
}

static void test_lies(void)
{
    static const enum lie about_data[] = {LIE_LONG, LIE_SHORT, LIE_ADDRESS, LIE_KIND, LIE_GRANT};
    static const enum lie about_places[] = {LIE_LONG,  LIE_SHORT, LIE_NOTHING,
                                            LIE_ODD,   LIE_PLACE, LIE_DEVICE,
                                            LIE_NO_FD, LIE_KIND,  LIE_OUTSIDE};
    for (size_t i = 0; i < sizeof(about_data) / sizeof(about_data[0]); i++)
        test_lie("data", about_data[i]);
    for (size_t i = 0; i < sizeof(about_places) / sizeof(about_places[0]); i++)
        test_lie("places", about_places[i]);
}

/* --- ends in the middle of an operation ---------------------------------------------------------- */

enum deed { READ, LOAD, WRITE, STORE, GROW, SYNC, WRITE_SYNC, WROTE, RESIZE, DEEDS };

static const struct {
    enum port_op hold;
    const char *text;
    bool faults;
} deeds[DEEDS] = {
    [READ] = {PORT_PAGE_IN, "read", false},
    [LOAD] = {PORT_PAGE_IN, "load", true},
    [WRITE] = {PORT_PAGE_IN, "write", false},
    [STORE] = {PORT_RESERVE, "store", true},
    [GROW] = {PORT_RESERVE, "grow", false},
    [SYNC] = {PORT_SYNC, "sync", false},
    [WRITE_SYNC] = {PORT_PAGE_OUT, "write and sync", false},
    [WROTE] = {PORT_WROTE, "write and tell", false},
    [RESIZE] = {PORT_SETATTR, "resize", false},
};

struct doing {
    cloudabi_fd_t fd;
    enum deed deed;
    char *map;
};

static cloudabi_errno_t do_it(const struct doing *doing)
{
    cloudabi_filestat_t stat = {.st_size = 2 * PAGE};
    cloudabi_errno_t error;
    size_t done;
    switch (doing->deed) {
    case READ:
        return get_at(doing->fd, buffer, 10, 5 * PAGE, &done);
    case LOAD:
        return doing->map[5 * PAGE] == disk_byte(5 * PAGE) ? 0 : CLOUDABI_EINVAL;
    case WRITE:
        return put_at(doing->fd, "xyz", 3, 5 * PAGE);
    case STORE:
        doing->map[18 * PAGE] = 's';
        return 0;
    case GROW:
        return put_at(doing->fd, "xyz", 3, 50 * PAGE);
    case SYNC:
        return cloudabi_sys_fd_sync(doing->fd);
    case WRITE_SYNC:
    case WROTE:
        error = put_at(doing->fd, "xyz", 3, 5 * PAGE);
        return error != 0 ? error : cloudabi_sys_fd_sync(doing->fd);
    default:
        return cloudabi_sys_file_stat_fput(doing->fd, &stat, CLOUDABI_FILESTAT_SIZE);
    }
}

static void child_does_it(cloudabi_fd_t port, void *argument)
{
    (void)port;
    cloudabi_sys_proc_exit(do_it(argument));
}

static cloudabi_event_t end_of(cloudabi_fd_t process)
{
    cloudabi_event_t event = wait_process(process);
    close_fd(process);
    return event;
}

/* A child that is in the middle of DEED: its request is held. */
static cloudabi_fd_t begin_deed(const struct served *served, struct doing *doing)
{
    memset(control->mapped + 15, 0, 5);
    control->hold = deeds[doing->deed].hold;
    control->want_wrote = doing->deed == WROTE;
    cloudabi_fd_t child = start(child_does_it, served->port, doing);
    CHECK(wait_until(&control->held, 1));
    return child;
}

static void open_doing(const struct served *served, const char *name, struct doing *doing)
{
    void *map = NULL;
    doing->fd = open_pages(served, name);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 20 * PAGE, RW_MAP, CLOUDABI_MAP_SHARED, doing->fd, 0, &map), 0);
    doing->map = map;
}

static void close_doing(struct doing *doing)
{
    cloudabi_sys_mem_unmap(doing->map, 20 * PAGE);
    close_fd(doing->fd);
}

static void test_pager_killed(const char *name, enum deed deed)
{
    struct served served = pager_begin(20 * PAGE);
    struct doing doing = {.deed = deed};
    size_t done;
    printf("# pager killed: %s, %s\n", deeds[deed].text, name);
    open_doing(&served, name, &doing);
    cloudabi_fd_t child = begin_deed(&served, &doing);
    close_fd(served.process);
    cloudabi_event_t event = end_of(child);
    if (deeds[deed].faults)
        CHECK(event.proc_terminate.signal == CLOUDABI_SIGBUS);
    else
        CHECK(event.proc_terminate.signal == 0 && event.proc_terminate.exitcode == CLOUDABI_EIO);
    CHECK_RETURNS(get_at(doing.fd, buffer, 10, 0, &done), CLOUDABI_EIO);
    CHECK_RETURNS(cloudabi_sys_fd_sync(doing.fd), CLOUDABI_EIO);
    close_doing(&doing);
    /* The next instance starts afresh. */
    control->hold = 0;
    served.process = start(serve_pages, served.port, NULL);
    cloudabi_fd_t fd = open_pages(&served, name);
    CHECK_RETURNS(get_at(fd, buffer, 10, 0, &done), 0);
    CHECK(done == 10 && buffer[9] == disk_byte(9));
    close_fd(fd);
    pager_end(&served);
}

static void test_caller_killed(const char *name, enum deed deed)
{
    struct served served = pager_begin(20 * PAGE);
    struct doing doing = {.deed = deed};
    size_t done;
    printf("# caller killed: %s, %s\n", deeds[deed].text, name);
    open_doing(&served, name, &doing);
    cloudabi_fd_t child = begin_deed(&served, &doing);
    control->hold = 0;
    close_fd(child); /* kills it; the request is flushed */
    CHECK(wait_until(&control->held, 0));
    CHECK_RETURNS(get_at(doing.fd, buffer, 10, PAGE, &done), 0);
    CHECK(buffer[0] == disk_byte(PAGE));
    CHECK_RETURNS(put_at(doing.fd, "after", 5, 5 * PAGE), 0);
    CHECK_RETURNS(put_at(doing.fd, "grown", 5, 60 * PAGE), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(doing.fd), 0);
    CHECK(memcmp(page_at(5), "after", 5) == 0 && memcmp(page_at(60), "grown", 5) == 0);
    close_doing(&doing);
    pager_end(&served);
}

/* Two wait for the same page; the one who asked for it is killed, the other goes on. */
static void test_waiter(void)
{
    struct served served = pager_begin(20 * PAGE);
    struct doing doing = {.deed = READ};
    printf("# a waiter goes on\n");
    open_doing(&served, "places", &doing);
    cloudabi_fd_t asks = begin_deed(&served, &doing);
    cloudabi_fd_t waits = start(child_does_it, served.port, &doing);
    sleep_ms(30);
    CHECK(control->calls[PORT_PAGE_IN] == 1);
    control->hold = 0;
    close_fd(asks);
    cloudabi_event_t event = end_of(waits);
    CHECK(event.proc_terminate.signal == 0 && event.proc_terminate.exitcode == 0);
    CHECK(control->calls[PORT_PAGE_IN] == 2);
    close_doing(&doing);
    pager_end(&served);
}

/* --- truncation ------------------------------------------------------------------------------------ */

/* The service is asked to cut a file only when nothing is under way for it any more. */
static void test_cut_while(enum deed deed)
{
    struct served served = pager_begin(20 * PAGE);
    struct doing doing = {.deed = deed}, cut = {.deed = RESIZE};
    size_t done;
    printf("# cut while: %s\n", deeds[deed].text);
    open_doing(&served, "places", &doing);
    cut.fd = doing.fd;
    cloudabi_fd_t child = begin_deed(&served, &doing);
    cloudabi_fd_t cutter = start(child_does_it, served.port, &cut);
    sleep_ms(50);
    CHECK(control->calls[PORT_SETATTR] == 0);
    control->hold = 0;
    __atomic_store_n(&control->release, 1, __ATOMIC_SEQ_CST);
    CHECK(end_of(cutter).proc_terminate.exitcode == 0);
    cloudabi_event_t event = end_of(child);
    CHECK(event.proc_terminate.signal == 0 ||
          (deeds[deed].faults && event.proc_terminate.signal == CLOUDABI_SIGBUS));
    CHECK(control->calls[PORT_SETATTR] == 1 && control->last_size == 2 * PAGE);
    CHECK_RETURNS(get_at(doing.fd, buffer, 10, 4 * PAGE, &done), 0);
    CHECK(done == 0);
    CHECK_RETURNS(put_at(doing.fd, "x", 1, 10 * PAGE), 0);
    CHECK_RETURNS(get_at(doing.fd, buffer, 10, 5 * PAGE, &done), 0);
    CHECK(done == 10 && buffer[0] == 0 && buffer[9] == 0);
    close_doing(&doing);
    pager_end(&served);
}

/* --- commands -------------------------------------------------------------------------------------- */

static void map_as_server(cloudabi_fd_t unused, void *argument)
{
    cloudabi_fd_t fd = *(cloudabi_fd_t *)argument, port, root;
    struct raw raw;
    void *map;
    (void)unused;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0 || raw_map(&raw, port) != 0)
        cloudabi_sys_proc_exit(0);
    cloudabi_sys_proc_exit(
        cloudabi_sys_mem_map(NULL, PAGE, CLOUDABI_PROT_READ, CLOUDABI_MAP_PRIVATE, fd, 0, &map));
}

static void test_commands(void)
{
    struct served served = pager_begin(20 * PAGE);
    struct doing doing = {.deed = READ};
    cloudabi_filestat_t stat;
    size_t done;
    printf("# commands\n");
    open_doing(&served, "places", &doing);
    CHECK_RETURNS(get_at(doing.fd, buffer, 20 * PAGE, 0, &done), 0);
    page_at(7)[0] = 'i';
    page_at(8)[0] = 'i';
    doing.map[8 * PAGE] = 'd';
    CHECK_RETURNS(get_at(doing.fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(buffer[7 * PAGE] == disk_byte(7 * PAGE));
    CHECK_RETURNS(unlink_at(served.root, "invalidate"), 0);
    CHECK_RETURNS(look_at(served.root, "x"), CLOUDABI_ENOENT); /* the command has been delivered */
    CHECK_RETURNS(get_at(doing.fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(buffer[7 * PAGE] == 'i' && buffer[8 * PAGE] == 'd');
    control->size = 9 * PAGE;
    CHECK_RETURNS(unlink_at(served.root, "resize"), 0);
    CHECK_RETURNS(look_at(served.root, "x"), CLOUDABI_ENOENT);
    CHECK_RETURNS(cloudabi_sys_file_stat_fget(doing.fd, &stat), 0);
    CHECK(stat.st_size == 9 * PAGE);
    CHECK_RETURNS(get_at(doing.fd, buffer, 20 * PAGE, 0, &done), 0);
    CHECK(done == 9 * PAGE);
    cloudabi_fd_t child = start(map_as_server, served.port, &doing.fd);
    CHECK(end_of(child).proc_terminate.exitcode == CLOUDABI_ENOTSUP);
    CHECK_RETURNS(unlink_at(served.root, "revoke"), 0);
    CHECK_RETURNS(look_at(served.root, "x"), CLOUDABI_ENOENT);
    CHECK_RETURNS(get_at(doing.fd, buffer, 10, 0, &done), CLOUDABI_EIO);
    CHECK_RETURNS(put_at(doing.fd, buffer, 10, 0), CLOUDABI_EIO);
    CHECK_RETURNS(cloudabi_sys_fd_sync(doing.fd), CLOUDABI_EIO);
    child = start(child_does_it, served.port, &(struct doing){.deed = LOAD, .map = doing.map});
    CHECK(end_of(child).proc_terminate.signal == CLOUDABI_SIGBUS);
    close_doing(&doing);
    pager_end(&served);
}

int main(void)
{
    pager_memory();
    test_lies();
    for (enum deed deed = 0; deed < DEEDS; deed++) {
        test_pager_killed("places", deed);
        test_caller_killed("places", deed);
        if (deed == STORE) /* data has no holes */
            continue;
        test_pager_killed("data", deed);
        test_caller_killed("data", deed);
    }
    test_waiter();
    test_cut_while(READ);
    test_cut_while(STORE);
    test_cut_while(WRITE_SYNC);
    test_commands();
    return tap_end();
}
