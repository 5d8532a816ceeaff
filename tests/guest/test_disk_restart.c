/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The services below a file on a disk are killed in the middle of work. Without block's process nothing is lost and
 * nothing fails: ext2 goes on with the next one. Without ext2's, open files give EIO, directories go on, and what was
 * synced is there.
 */
#include <stdatomic.h>
#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/tap.h"

#define PIECE   20000u
#define FILES   4u
#define WORKERS 3u
#define KILLS   25u /* more than the failures after which init gives up: being killed is none */

static cloudabi_fd_t dir, jobs;
static char piece[PIECE], back[PIECE];
static _Atomic uint32_t *over; /* shared with the workers */

static void fill(unsigned seed)
{
    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (char)(seed * 31 + i * 7 + (i >> 8));
}

/* Kills the process of a service and waits for the next one. */
static bool kill_service(const char *name)
{
    char before[160], after[160];
    uint64_t end = now() + 20000000000;
    if (!job_process(jobs, name, "ctl", before) || job_write(jobs, before, "kill") != 0)
        return false;
    while (now() < end) {
        if (job_process(jobs, name, "ctl", after) && strcmp(before, after) != 0)
            return true;
        (void)nap(1000000);
    }
    return false;
}

static uint32_t kill_block(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < KILLS; i++) {
        (void)nap(10000000 + i * 37 % 8 * 10000000); /* also before it has begun to serve */
        if (!kill_service("block"))
            return 1;
    }
    return 0;
}

/* Writes, syncs and reads back files of one worker while block dies under them; how many calls failed. */
static uint32_t work(void *argument)
{
    uint32_t failures = 0;
    char name[] = "fileN_N";
    name[6] = (char)('0' + *(unsigned *)argument);
    for (unsigned round = 0; !atomic_load(over); round++) {
        cloudabi_fd_t fd;
        size_t done = 0;
        uint64_t at = (uint64_t)(round % 50) * PIECE;
        name[4] = (char)('0' + round % FILES);
        fill(round);
        if (open_file(dir, name, CLOUDABI_O_CREAT, &fd) != 0) {
            failures++;
            continue;
        }
        failures += put_at(fd, piece, PIECE, at) != 0;
        failures += cloudabi_sys_fd_sync(fd) != 0;
        failures += cloudabi_sys_file_advise(fd, 0, 0, CLOUDABI_ADVICE_DONTNEED) != 0;
        failures += get_at(fd, back, PIECE, at, &done) != 0;
        failures += done != PIECE || memcmp(piece, back, PIECE) != 0;
        cloudabi_sys_fd_close(fd);
    }
    return failures;
}

static void test_block(void)
{
    char before[160] = "", after[160] = "-";
    cloudabi_fd_t workers[WORKERS], process;
    cloudabi_tid_t tid;
    CHECK(job_process(jobs, "ext2", "ctl", before));
    for (unsigned i = 0; i < WORKERS; i++) {
        CHECK_RETURNS(cloudabi_sys_proc_fork(&workers[i], &tid), 0);
        if (workers[i] == CLOUDABI_PROCESS_CHILD)
            cloudabi_sys_proc_exit(work(&i));
    }
    CHECK_RETURNS(cloudabi_sys_proc_fork(&process, &tid), 0);
    if (process == CLOUDABI_PROCESS_CHILD)
        cloudabi_sys_proc_exit(kill_block(NULL));
    cloudabi_event_t end = wait_process(process);
    CHECK(end.error == 0 && end.proc_terminate.exitcode == 0);
    cloudabi_sys_fd_close(process);
    atomic_store(over, 1);
    for (unsigned i = 0; i < WORKERS; i++) {
        end = wait_process(workers[i]);
        CHECK(end.error == 0 && end.proc_terminate.signal == 0 && end.proc_terminate.exitcode == 0);
        cloudabi_sys_fd_close(workers[i]);
    }
    CHECK(job_process(jobs, "ext2", "ctl", after) && strcmp(before, after) == 0);
}

static uint32_t look_at_mapped(void *arg)
{
    volatile const char *mapped = arg;
    return (uint32_t)(unsigned char)mapped[0];
}

static void test_ext2(void)
{
    cloudabi_fd_t fd, sub, again;
    size_t done = 0;
    void *mapped;
    CHECK_RETURNS(make_dir(dir, "sub"), 0);
    CHECK_RETURNS(open_dir(dir, "sub", &sub), 0);
    CHECK_RETURNS(open_file(sub, "kept", CLOUDABI_O_CREAT, &fd), 0);
    fill(77);
    CHECK_RETURNS(put_at(fd, piece, PIECE, 0), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK_RETURNS(
        cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ, CLOUDABI_MAP_SHARED, fd, 0, &mapped),
        0);
    CHECK(kill_service("ext2"));
    CHECK_RETURNS(get_at(fd, back, 10, 0, &done), CLOUDABI_EIO);
    CHECK_RETURNS(put_at(fd, "x", 1, 0), CLOUDABI_EIO);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), CLOUDABI_EIO);
    cloudabi_event_t end = in_child(look_at_mapped, mapped);
    CHECK(end.error == 0 && end.proc_terminate.signal == CLOUDABI_SIGBUS);
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    /* The directories are those of before. */
    CHECK_RETURNS(open_file(sub, "kept", 0, &again), 0);
    CHECK_RETURNS(get_at(again, back, PIECE, 0, &done), 0);
    CHECK(done == PIECE && memcmp(piece, back, PIECE) == 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(again), 0);
    CHECK_RETURNS(rename_at(sub, "kept", "moved"), 0);
    CHECK_RETURNS(unlink_at(dir, "sub/moved"), 0);
    CHECK_RETURNS(cloudabi_sys_fd_close(sub), 0);
    CHECK_RETURNS(rmdir_at(dir, "sub"), 0);
}

/* A file that has no name when the service dies is gone afterwards, and so are its blocks. */
static void test_nameless(void)
{
    cloudabi_fd_t fd;
    CHECK_RETURNS(open_file(dir, "nameless", CLOUDABI_O_CREAT, &fd), 0);
    CHECK_RETURNS(put_at(fd, piece, PIECE, 0), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(fd), 0);
    CHECK_RETURNS(unlink_at(dir, "nameless"), 0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(dir), 0);
    CHECK(kill_service("ext2"));
    CHECK_RETURNS(cloudabi_sys_fd_close(fd), 0);
    CHECK_RETURNS(open_file(dir, "nameless", 0, &fd), CLOUDABI_ENOENT);
}

int main(void)
{
    dir = (cloudabi_fd_t)grant_fd("directory");
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    CHECK_RETURNS(cloudabi_sys_mem_map(NULL, 4096, CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                                       CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED,
                                       CLOUDABI_MAP_ANON_FD, 0, (void **)&over),
                  0);
    CHECK_RETURNS(cloudabi_sys_fd_sync(dir), 0); /* it was made a moment ago */
    test_block();
    test_ext2();
    test_nameless();
    return tap_end();
}
