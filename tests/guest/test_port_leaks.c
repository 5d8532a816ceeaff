/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing is left over: not of ports that come and go with clients in the middle of everything, and not when an
 * allocation fails on the client's or on the service's side, whichever it is.
 */
#include <tessera/grants.h>

#include "tests/guest/rawport.h"
#include "tests/guest/tap.h"

#define RW (CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE)

static cloudabi_fd_t fault, usage;

static void arm(unsigned countdown)
{
    char text[12];
    size_t done;
    snprintf(text, sizeof(text), "%u", countdown);
    put(fault, text, strlen(text), &done);
}

/* --- counters ---------------------------------------------------------------------------------------------------- */

static const char *const classes[] = {"\nprocess ", "\nvmspace ",  "\narea ", "\nmemobj ",
                                      "\nfile ",    "\nfd_table ", "\nport ", "\nnode ",
                                      "\nchannel ", "\nthread "};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

struct census {
    unsigned long count[CLASSES], free_frames;
};

static unsigned long used(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void take_census(struct census *census)
{
    static char text[4096];
    size_t done = 0;
    memset(text, 0, sizeof(text));
    get_at(usage, text, sizeof(text) - 1, 0, &done);
    for (size_t i = 0; i < CLASSES; i++)
        census->count[i] = used(text, classes[i]);
    census->free_frames = used(text, "\nfree_frames ");
}

static bool census_same(const struct census *a, const struct census *b)
{
    return memcmp(a->count, b->count, sizeof(a->count)) == 0 &&
           b->free_frames + 64 > a->free_frames;
}

/* What is killed ends when it gets round to it. */
static void expect_census(const struct census *before, const char *what)
{
    struct census after;
    for (unsigned tries = 0; tries < 300; tries++) {
        take_census(&after);
        if (census_same(before, &after))
            break;
        sleep_ms(10);
    }
    if (tap_ok(census_same(before, &after), what, __FILE__, __LINE__))
        return;
    for (size_t i = 0; i < CLASSES; i++)
        printf("#%s: %lu, now %lu\n", classes[i] + 1, before->count[i], after.count[i]);
    printf("# free frames: %lu, now %lu\n", before->free_frames, after.free_frames);
}

/* --- a client that does everything ------------------------------------------------------------ */

static unsigned failed; /* calls that did not go well */

static bool fine(cloudabi_errno_t error)
{
    failed += error != 0;
    return error == 0;
}

static void use_paged(cloudabi_fd_t fd)
{
    char bytes[9000] = {0};
    size_t done;
    void *map;
    fine(put(fd, bytes, sizeof(bytes), &done));
    fine(get_at(fd, bytes, sizeof(bytes), 5000, &done));
    if (fine(cloudabi_sys_mem_map(NULL, 8192, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                  CLOUDABI_MAP_SHARED, fd, 0, &map)))
        fine(cloudabi_sys_mem_unmap(map, 8192));
}

static void use_all(cloudabi_fd_t root)
{
    static const char *const names[] = {"dir", "file", "paged", "channel", "dir/../file"};
    char bytes[600] = {0};
    cloudabi_filestat_t stat;
    cloudabi_fd_t fd;
    size_t done;
    for (unsigned i = 0; i < 5; i++) {
        bool dir = i == 0;
        if (!fine(dir ? open_dir(root, names[i], &fd)
                      : open_with(root, names[i], 0, RW | FILE_BASE, 0, &fd)))
            continue;
        fine(cloudabi_sys_file_stat_fget(fd, &stat));
        if (dir)
            fine(cloudabi_sys_file_readdir(fd, bytes, sizeof(bytes), 0, &done));
        else if (i == 2)
            use_paged(fd);
        else
            fine(put(fd, bytes, sizeof(bytes), &done));
        close_fd(fd);
    }
    fine(look_at(root, "a/b/../../c"));
    fine(cloudabi_sys_file_rename(root, "a/b", 3, root, "c", 1));
    fine(cloudabi_sys_file_symlink("to", 2, root, "a/../b", 6));
}

/* --- lives ------------------------------------------------------------------------------------ */

static void use_for_ever(cloudabi_fd_t port, void *argument)
{
    close_fd(port); /* or it would keep it alive */
    for (;;)
        use_all(*(cloudabi_fd_t *)argument);
}

static void one_life(unsigned i)
{
    cloudabi_fd_t port, root, fds[5] = {NO_FD, NO_FD, NO_FD, NO_FD, NO_FD};
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0)
        abort();
    cloudabi_fd_t service = start(serve_honestly, port, NULL),
                  busy = start(use_for_ever, port, &root);
    if (i % 4 == 3) { /* nobody but the busy one */
        sleep_ms(3);
        close_fd(service);
        close_fd(port);
    }
    open_dir(root, "dir", &fds[0]);
    open_with(root, "file", 0, RW, 0, &fds[1]);
    open_with(root, "paged", 0, RW, 0, &fds[2]);
    open_with(root, "channel", 0, RW, 0, &fds[3]);
    open_dir(fds[0], "dir", &fds[4]);
    if (i % 2 == 0)
        close_fd(service);
    close_fd(busy);
    for (unsigned j = 0; j < 5; j++)
        close_fd(fds[j]);
    if (i % 4 != 3) {
        close_fd(port);
        if (i % 2 != 0)
            close_fd(service);
    }
    close_fd(root);
}

static void test_lives(void)
{
    struct census before;
    for (unsigned i = 0; i < 4; i++) /* what is kept for reuse is there after this */
        one_life(i);
    sleep_ms(100);
    take_census(&before);
    for (unsigned i = 0; i < 60; i++)
        one_life(i);
    expect_census(&before, "ports come and go");
}

/* --- failing allocations ---------------------------------------------------------------------- */

static cloudabi_fd_t swept_root;

static uint32_t client_with_fault(void *countdown)
{
    arm(*(unsigned *)countdown);
    use_all(swept_root);
    arm(0);
    return failed != 0;
}

/* Serves with a failure to come; takes failures as they are. */
static void serve_with_fault(cloudabi_fd_t port, void *argument)
{
    struct raw raw;
    arm(*(unsigned *)argument);
    while (raw_map(&raw, port) != 0)
        ;
    struct port_command *command = raw_command(&raw, PORT_CMD_MINT);
    command->form = PORT_FORM_STREAM;
    command->type = CLOUDABI_FILETYPE_SOCKET_STREAM;
    command->a = 100;
    raw_channel_init(&raw, 100, 4096);
    command = raw_command(&raw, PORT_CMD_MINT);
    command->form = PORT_FORM_SYNTHETIC;
    command->type = CLOUDABI_FILETYPE_CHARACTER_DEVICE;
    command->node = 55;
    command = raw_command(&raw, PORT_CMD_ABORT);
    command->a = 2000;
    command->b = CLOUDABI_EIO;
    while (raw_serve(&raw) == CLOUDABI_ENOMEM)
        ;
}

static uint32_t port_with_fault(void *countdown)
{
    cloudabi_fd_t port, root;
    arm(*(unsigned *)countdown);
    if (!fine(cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root)))
        return 1;
    close_fd(port);
    close_fd(root);
    return 0;
}

static void sweep(const char *what, uint32_t (*run)(void *), unsigned count)
{
    struct census before;
    unsigned felt = 0, bad = 0;
    for (unsigned n = 1; n <= 3; n++)
        in_child(run, &n);
    arm(0);
    sleep_ms(100); /* until what was killed is gone */
    take_census(&before);
    for (unsigned n = 1; n <= count; n++) {
        cloudabi_event_t end = in_child(run, &n);
        arm(0); /* or the next process in its place would feel it */
        bool killed = end.proc_terminate.signal == CLOUDABI_SIGBUS ||
                      end.proc_terminate.signal == CLOUDABI_SIGKILL ||
                      end.proc_terminate.signal == CLOUDABI_SIGSEGV;
        bad += end.error != 0 || !(killed || end.proc_terminate.exitcode <= 1);
        felt += killed || end.proc_terminate.exitcode == 1;
    }
    printf("# %s: %u of %u noticed\n", what, felt, count);
    CHECK(bad == 0 && felt > 2);
    expect_census(&before, what);
}

static void test_client_faults(void)
{
    cloudabi_fd_t port;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &swept_root) != 0)
        abort();
    cloudabi_fd_t service = start(serve_honestly, port, NULL);
    use_all(swept_root);
    sweep("a client's allocation fails", client_with_fault, 70);
    failed = 0;
    use_all(swept_root);
    errno = (int)failed;
    CHECK(failed < 6); /* what it asks for that an honest service refuses */
    close_fd(service);
    close_fd(port);
    close_fd(swept_root);
}

static uint32_t service_with_fault(void *countdown)
{
    cloudabi_fd_t port, root;
    if (cloudabi_sys_fd_create2(PORT_FILETYPE, &port, &root) != 0)
        return 5;
    cloudabi_fd_t service = start(serve_with_fault, port, countdown);
    close_fd(port); /* the port ends with the service, if that dies of it */
    use_all(root);
    use_all(root);
    close_fd(service);
    return failed != 0;
}

int main(void)
{
    if (grant_fd("fault") < 0 || grant_fd("usage") < 0)
        return 77; /* not granted: skipped */
    fault = (cloudabi_fd_t)grant_fd("fault");
    usage = (cloudabi_fd_t)grant_fd("usage");
    test_lives();
    sweep("making a port fails", port_with_fault, 20);
    test_client_faults();
    sweep("a service's allocation fails", service_with_fault, 60);
    return tap_end();
}
