/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs: limits of each kind and who may set them, entering, names, what the holder of one job's directory sees of
 * the others (nothing), and processes under stop, continue, kill, status, stack and trace.
 */
#include <pthread.h>
#include <tessera/grants.h>

#include "tests/guest/jobs.h"
#include "tests/guest/tap.h"

#define RW   (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define ANON (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)
#define MIB  (1024u * 1024u)

static cloudabi_fd_t jobs, home; /* home: this program's own job */

static void make_job(cloudabi_fd_t dir, const char *name, const char *limit)
{
    char path[80];
    CHECK_RETURNS(make_dir(dir, name), 0);
    snprintf(path, sizeof(path), "%s/limits", name);
    if (limit != NULL)
        CHECK_RETURNS(job_write(dir, path, limit), 0);
}

static void end_job(cloudabi_fd_t dir, const char *name)
{
    CHECK(job_clear(dir, name));
    CHECK_RETURNS(rmdir_at(dir, name), 0);
}

/* --- limits ---------------------------------------------------------------------------------------------------- */

static uint32_t use_descriptors(void *arg)
{
    cloudabi_fd_t fd;
    cloudabi_errno_t error;
    (void)arg;
    for (uint32_t n = 0; n < 100; n++)
        if ((error = cloudabi_sys_fd_dup(0, &fd)) != 0)
            return error == CLOUDABI_ENOMEM && n > 0 ? 1 : 2;
    return 3;
}

static uint32_t use_processes(void *arg)
{
    cloudabi_errno_t error;
    (void)arg;
    for (uint32_t n = 0; n < 10; n++) {
        cloudabi_fd_t child;
        cloudabi_tid_t tid;
        if ((error = cloudabi_sys_proc_fork(&child, &tid)) != 0)
            return error == CLOUDABI_ENOMEM ? n : 100;
        if (child == CLOUDABI_PROCESS_CHILD)
            for (;;)
                (void)nap(1000000000);
    }
    return 200;
}

static void *sleeper(void *arg)
{
    (void)arg;
    for (;;)
        (void)nap(1000000000);
    return NULL;
}

static uint32_t use_threads(void *arg)
{
    pthread_t thread;
    int error;
    (void)arg;
    for (uint32_t n = 0; n < 10; n++)
        if ((error = pthread_create(&thread, NULL, sleeper, NULL)) != 0)
            return error == EAGAIN ? n : 100;
    return 200;
}

/* Touches pages until it gets SIGBUS. */
static uint32_t use_memory(void *arg)
{
    void *mem;
    (void)arg;
    if (cloudabi_sys_mem_map(NULL, 16 * MIB, RW, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem) != 0)
        return 1;
    for (size_t i = 0; i < 16 * MIB; i += 4096)
        *((volatile char *)mem + i) = 1;
    return 2;
}

/* The same through a call, which can say so. */
static uint32_t use_memory_politely(void *arg)
{
    cloudabi_fd_t fd[2];
    size_t done;
    static char data[4096];
    (void)arg;
    for (unsigned n = 0; n < 1000; n++) {
        cloudabi_errno_t error =
            cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &fd[0], &fd[1]);
        if (error == 0)
            error = put(fd[0], data, sizeof(data), &done);
        if (error != 0)
            return error == CLOUDABI_ENOMEM ? 0 : 1;
    }
    return 2;
}

static void test_limits(void)
{
    make_job(home, "l", "descriptors 12");
    CHECK(job_run(home, "l", use_descriptors, NULL).proc_terminate.exitcode == 1);
    CHECK_RETURNS(job_write(home, "l/limits", "descriptors none"), 0);
    CHECK_RETURNS(job_write(home, "l/limits", "processes 4\n"), 0);
    CHECK(job_run(home, "l", use_processes, NULL).proc_terminate.exitcode == 3);
    CHECK(job_clear(home, "l"));
    CHECK_RETURNS(job_write(home, "l/limits", "processes none"), 0);
    CHECK_RETURNS(job_write(home, "l/limits", "threads 4"), 0);
    CHECK(job_run(home, "l", use_threads, NULL).proc_terminate.exitcode == 3);
    CHECK_RETURNS(job_write(home, "l/limits", "threads 0"), 0);
    CHECK(job_run(home, "l", use_threads, NULL).proc_terminate.exitcode == 255); /* not in */
    CHECK_RETURNS(job_write(home, "l/limits", "threads none"), 0);
    CHECK_RETURNS(job_write(home, "l/limits", "memory 2097152"), 0);
    CHECK(job_run(home, "l", use_memory, NULL).proc_terminate.signal == CLOUDABI_SIGBUS);
    CHECK(job_run(home, "l", use_memory_politely, NULL).proc_terminate.exitcode == 0);
    CHECK(job_number(home, "l/limits", "memory") == 2 * MIB);
    CHECK(job_number(home, "l/limits", "threads") == UINT64_MAX);
    end_job(home, "l");
}

static void test_limit_text(void)
{
    static const char *const bad[] = {"",
                                      "memory",
                                      "memory ",
                                      "memory x",
                                      "memory -1",
                                      "memory 1 2",
                                      "wishes 3",
                                      "memory 1k",
                                      "cpu 0",
                                      "slots 0",
                                      "memory 18446744073709551616",
                                      "memoryx 1",
                                      "cpu"};
    make_job(home, "text", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (i != 5) /* what follows the number is ignored */
            CHECK_RETURNS(job_write(home, "text/limits", bad[i]), CLOUDABI_EINVAL);
    CHECK_RETURNS(job_write(jobs, "limits", "cpu 10"),
                  CLOUDABI_EINVAL); /* the system is in there */
    CHECK_RETURNS(job_write(home, "text/limits", "cpu 25"), 0);
    CHECK(job_number(home, "text/limits", "cpu") == 25);
    CHECK_RETURNS(job_write(home, "text/limits", "slots 3"), 0);
    CHECK(job_number(home, "text/limits", "slots") == 3);
    end_job(home, "text");
}

/* Who holds only a job's own directory can lower its limits, and set those below; these count together. */
static void test_narrowing(void)
{
    cloudabi_fd_t a;
    make_job(home, "a", "processes 5");
    CHECK_RETURNS(job_open(home, "a", &a), 0);
    CHECK_RETURNS(job_write(a, "limits", "processes 6"), CLOUDABI_EPERM);
    CHECK_RETURNS(job_write(a, "limits", "processes none"), CLOUDABI_EPERM);
    CHECK_RETURNS(job_write(a, "limits", "processes 4"), 0);
    CHECK_RETURNS(job_write(a, "limits", "cpu 50"), 0);
    CHECK_RETURNS(job_write(a, "limits", "cpu 60"), CLOUDABI_EPERM);
    CHECK_RETURNS(job_write(a, "./limits", "processes 6"), CLOUDABI_EPERM);
    make_job(a, "b", "processes 100"); /* says more than a has */
    CHECK_RETURNS(job_write(a, "b/../limits", "processes 6"), CLOUDABI_EPERM);
    CHECK(job_run(a, "b", use_processes, NULL).proc_terminate.exitcode == 3);
    CHECK(job_clear(a, "b"));
    CHECK_RETURNS(job_write(home, "a/limits", "processes 3"), 0); /* from above: both ways */
    CHECK_RETURNS(job_write(home, "a/limits", "processes 6"), 0);
    CHECK_RETURNS(rmdir_at(home, "a"), CLOUDABI_ENOTEMPTY);
    end_job(a, "b");
    end_job(home, "a");
    cloudabi_sys_fd_close(a);
}

/* --- names and entering ---------------------------------------------------------------------------------------- */

static void test_names(void)
{
    cloudabi_fd_t dir, enter;
    char path[200] = "deep";
    size_t done;
    unsigned depth = 0;
    make_job(home, "n", NULL);
    CHECK_RETURNS(make_dir(home, "n"), CLOUDABI_EEXIST);
    CHECK_RETURNS(make_dir(home, "usage"), CLOUDABI_EEXIST);
    CHECK_RETURNS(make_dir(home, "n/procs/x"), CLOUDABI_EROFS);
    CHECK_RETURNS(make_dir(home, "a-name-of-thirty-two-characters-"), CLOUDABI_ENAMETOOLONG);
    CHECK_RETURNS(rmdir_at(home, "m"), CLOUDABI_ENOENT);
    CHECK_RETURNS(rmdir_at(home, "usage"), CLOUDABI_EPERM);
    CHECK_RETURNS(unlink_at(home, "n"), CLOUDABI_EPERM);
    CHECK_RETURNS(job_open(home, "n", &dir), 0);
    CHECK_RETURNS(open_with(home, "n/enter", 0, CLOUDABI_RIGHT_FD_WRITE, 0, &enter), 0);
    CHECK_RETURNS(rmdir_at(home, "n"), 0);
    CHECK_RETURNS(job_open(home, "n", &enter), CLOUDABI_ENOENT); /* though the directory is held */
    CHECK_RETURNS(make_dir(dir, "x"), CLOUDABI_ENOENT);
    CHECK_RETURNS(put(enter, "me", 2, &done), CLOUDABI_ENOENT);
    cloudabi_sys_fd_close(enter);
    cloudabi_sys_fd_close(dir);
    cloudabi_errno_t error;
    while ((error = make_dir(home, path)) == 0 && depth++ < 40)
        strcat(path, "/d");
    CHECK(error == CLOUDABI_EMLINK && depth == 15); /* below jobs/program */
    for (; depth > 0; depth--) {
        path[strlen(path) - 2] = '\0';
        if (rmdir_at(home, path) != 0)
            break;
    }
    CHECK(depth == 0);
}

static uint32_t try_to_leave(void *arg)
{
    cloudabi_fd_t a = *(cloudabi_fd_t *)arg;
    if (job_write(jobs, "program/enter", "me") != CLOUDABI_EPERM)
        return 1;
    if (job_write(jobs, "program/e2/enter", "me") != CLOUDABI_EPERM)
        return 2;
    if (job_write(a, "enter", "me") != 0) /* where it is */
        return 3;
    return job_write(a, "sub/enter", "me") == 0 && job_write(a, "enter", "me") == CLOUDABI_EPERM
               ? 0
               : 4;
}

/* What is taken after entering is paid for by the job, though the address space was made before. */
static uint32_t check_paying(void *arg)
{
    void *mem;
    cloudabi_fd_t fd;
    uint64_t before = job_number(home, "e1/usage", "memory"), fds;
    (void)arg;
    if (cloudabi_sys_mem_map(NULL, MIB, RW, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem) != 0)
        return 1;
    memset(mem, 1, MIB);
    if (job_number(home, "e1/usage", "memory") < before + MIB)
        return 2;
    fds = job_number(home, "e1/usage", "descriptors");
    if (cloudabi_sys_fd_dup(0, &fd) != 0 || job_number(home, "e1/usage", "descriptors") != fds + 1)
        return 3;
    return job_number(home, "e1/usage", "processes") == 1 &&
                   job_number(home, "e1/usage", "threads") == 1
               ? 0
               : 4;
}

static void *enter_with_threads(void *arg)
{
    (void)arg;
    return (void *)(uintptr_t)job_write(home, "e1/enter", "me");
}

static void test_enter(void)
{
    cloudabi_fd_t a;
    pthread_t thread;
    void *result;
    make_job(home, "e1", NULL);
    make_job(home, "e2", NULL);
    make_job(home, "e1/sub", NULL);
    CHECK_RETURNS(job_open(home, "e1", &a), 0);
    CHECK(job_run(home, "e1", try_to_leave, &a).proc_terminate.exitcode == 0);
    CHECK(job_run(home, "e1", check_paying, NULL).proc_terminate.exitcode == 0);
    CHECK(pthread_create(&thread, NULL, enter_with_threads, NULL) == 0);
    pthread_join(thread, &result);
    CHECK((uintptr_t)result == CLOUDABI_EBUSY);
    cloudabi_sys_fd_close(a);
    end_job(home, "e1/sub");
    end_job(home, "e1");
    end_job(home, "e2");
}

/* --- what a job's directory shows -------------------------------------------------------------------------------- */

static uint32_t sleep_on(void *arg)
{
    (void)arg;
    for (;;)
        (void)nap(1000000000);
}

static void test_sight(void)
{
    char name[65];
    cloudabi_fd_t a, process, fd;
    make_job(home, "a", NULL);
    make_job(home, "b", NULL);
    CHECK_RETURNS(job_open(home, "a", &a), 0);
    CHECK_RETURNS(job_start(home, "b", sleep_on, NULL, &process), 0);
    CHECK_RETURNS(job_open(a, "../b", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(job_open(a, "b", &fd), CLOUDABI_ENOENT);
    CHECK_RETURNS(job_open(a, "../procs", &fd), CLOUDABI_ENOTCAPABLE);
    CHECK(job_entry(a, ".", 3, name) && strcmp(name, "procs") == 0);
    CHECK(!job_entry(a, ".", 4, name));
    CHECK(!job_entry(a, "procs", 0, name));
    CHECK(job_number(a, "usage", "processes") == 0 && job_number(a, "usage", "cpu_time") == 0);
    CHECK(job_number(a, "usage", "free_frames") == UINT64_MAX);
    CHECK(job_number(a, "usage", "thread") == UINT64_MAX);
    CHECK(job_number(jobs, "usage", "free_frames") != UINT64_MAX);
    for (uint64_t end = now() + 5000000000; !job_entry(home, "b/procs", 0, name) && now() < end;)
        (void)nap(1000000);
    CHECK(job_entry(home, "b/procs", 0, name) && strlen(name) == 36);
    /* Rights narrow a job's directory like any other. */
    CHECK_RETURNS(narrow(a, CLOUDABI_RIGHT_FILE_OPEN, CLOUDABI_RIGHT_FD_READ), 0);
    CHECK_RETURNS(make_dir(a, "x"), CLOUDABI_ENOTCAPABLE);
    CHECK_RETURNS(job_write(a, "limits", "cpu 1"), CLOUDABI_ENOTCAPABLE);
    cloudabi_sys_fd_close(process);
    cloudabi_sys_fd_close(a);
    end_job(home, "a");
    end_job(home, "b");
}

/* --- processes -------------------------------------------------------------------------------- */

static bool state_is(const char *status, const char *wanted)
{
    char line[40];
    snprintf(line, sizeof(line), "state %s\n", wanted);
    for (uint64_t end = now() + 5000000000; now() < end; (void)nap(1000000))
        if (strncmp(job_read(home, status), line, strlen(line)) == 0)
            return true;
    return false;
}

static uint32_t spin(void *arg)
{
    (void)arg;
    for (volatile unsigned i = 0;; i++) {
    }
}

static void start_in(const char *job, uint32_t (*run)(void *), char path[160],
                     cloudabi_fd_t *process)
{
    CHECK_RETURNS(job_start(home, job, run, NULL, process), 0);
    for (uint64_t end = now() + 5000000000; !job_process(home, job, "", path) && now() < end;)
        (void)nap(1000000);
}

static const char *file_of(const char *process, const char *file)
{
    static char path[200];
    snprintf(path, sizeof(path), "%s%s", process, file);
    return path;
}

static void test_control(void)
{
    char path[160], status[200], before[32];
    cloudabi_fd_t process;
    make_job(home, "c", NULL);
    start_in("c", spin, path, &process);
    snprintf(status, sizeof(status), "%sstatus", path);
    CHECK(state_is(status, "running"));
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), "stop"), 0);
    CHECK(state_is(status, "stopped"));
    (void)nap(20000000);
    uint64_t time = job_number(home, status, "cpu_time");
    (void)nap(50000000);
    CHECK(job_number(home, status, "cpu_time") == time);
    CHECK(strstr(job_read(home, file_of(path, "stack")), "kernel ") != NULL);
    CHECK(strstr(job_read(home, file_of(path, "stack")), "user 0x") != NULL);
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), "continue"), 0);
    CHECK(state_is(status, "running"));
    (void)nap(50000000);
    CHECK(job_number(home, status, "cpu_time") > time);
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), "dance"), CLOUDABI_EINVAL);
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), "kill 255"), CLOUDABI_EINVAL);
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), "kill x"), CLOUDABI_EINVAL);
    snprintf(before, sizeof(before), "kill %d\n", CLOUDABI_SIGTERM);
    CHECK_RETURNS(job_write(home, file_of(path, "ctl"), before), 0);
    cloudabi_event_t end = wait_process(process);
    CHECK(end.proc_terminate.signal == CLOUDABI_SIGTERM);
    CHECK(!job_process(home, "c", "", path));
    cloudabi_sys_fd_close(process);
    end_job(home, "c");
}

static uint32_t call_bad(void *arg)
{
    (void)arg;
    for (;;) {
        (void)cloudabi_sys_fd_close(NO_FD);
        (void)nap(1000000);
    }
}

static cloudabi_fd_t signal_pair[2];

static uint32_t call_much(void *arg)
{
    char byte;
    size_t done;
    (void)arg;
    if (get(signal_pair[1], &byte, 1, &done) != 0)
        return 1;
    for (unsigned i = 0; i < 2000; i++)
        (void)cloudabi_sys_fd_close(NO_FD);
    return 0;
}

static bool read_until(cloudabi_fd_t fd, const char *wanted)
{
    char text[1024];
    size_t done;
    for (unsigned i = 0; i < 200; i++) {
        if (get(fd, text, sizeof(text) - 1, &done) != 0 || done == 0)
            return false;
        text[done] = '\0';
        if (strstr(text, wanted) != NULL)
            return true;
    }
    return false;
}

static void test_trace(void)
{
    char path[160], text[16];
    cloudabi_fd_t process, trace, second;
    size_t done;
    make_job(home, "t", NULL);
    start_in("t", call_bad, path, &process);
    CHECK_RETURNS(open_with(home, file_of(path, "trace"), 0, CLOUDABI_RIGHT_FD_READ, 0, &trace), 0);
    CHECK_RETURNS(open_with(home, file_of(path, "trace"), 0, CLOUDABI_RIGHT_FD_READ, 0, &second),
                  CLOUDABI_EBUSY);
    CHECK_RETURNS(get(trace, text, sizeof(text), &done), CLOUDABI_EINVAL);
    CHECK(read_until(trace, " fd_close 8\n")); /* EBADF */
    CHECK(read_until(trace, " poll 0\n"));
    cloudabi_sys_fd_close(trace);
    CHECK_RETURNS(open_with(home, file_of(path, "trace"), 0, CLOUDABI_RIGHT_FD_READ, 0, &trace), 0);
    CHECK(read_until(trace, " fd_close 8\n"));
    cloudabi_sys_fd_close(process);
    char rest[256];
    CHECK(!read_until(trace, "never"));
    CHECK_RETURNS(get(trace, rest, sizeof(rest), &done), 0);
    CHECK(done == 0); /* its end */
    cloudabi_sys_fd_close(trace);
    CHECK(job_clear(home, "t")); /* the trace ends a little before the process leaves the list */
    CHECK_RETURNS(
        cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &signal_pair[0], &signal_pair[1]),
        0);
    start_in("t", call_much, path, &process);
    CHECK_RETURNS(open_with(home, file_of(path, "trace"), 0, CLOUDABI_RIGHT_FD_READ, 0, &trace), 0);
    CHECK_RETURNS(put(signal_pair[0], "x", 1, &done), 0);
    (void)wait_process(process);
    CHECK(read_until(trace, "lost "));
    CHECK(read_until(trace, " proc_exit 0\n"));
    cloudabi_sys_fd_close(trace);
    cloudabi_sys_fd_close(process);
    end_job(home, "t");
}

/* --- CPU time --------------------------------------------------------------------------------- */

/*
 * The job's share in percent comes to lie between these, over up to 40 seconds.  A host that stops the machine
 * for a while makes a turn look long, which the job then pays for: so the share counts from the start.
 */
static bool share_between(uint64_t low, uint64_t high)
{
    uint64_t used = job_number(home, "cpu/usage", "cpu_time"), start = now(), share = 0;
    for (unsigned i = 0; i < 50; i++) {
        (void)nap(800000000);
        share = (job_number(home, "cpu/usage", "cpu_time") - used) * 100 / (now() - start);
        if (share >= low && share <= high)
            break;
    }
    printf("# %llu %%\n", (unsigned long long)share);
    return share >= low && share <= high;
}

static void test_cpu(void)
{
    cloudabi_fd_t process[2];
    make_job(home, "cpu", "cpu 10");
    make_job(home, "cpu/sub", NULL);
    CHECK_RETURNS(job_start(home, "cpu", spin, NULL, &process[0]), 0);
    CHECK_RETURNS(job_start(home, "cpu/sub", spin, NULL, &process[1]), 0); /* one share for both */
    CHECK(share_between(7, 14));
    CHECK_RETURNS(job_write(home, "cpu/limits", "cpu none"), 0); /* while they run */
    CHECK(share_between(25, 300));
    CHECK_RETURNS(job_write(home, "cpu/sub/limits", "cpu 5"), 0);
    CHECK_RETURNS(job_write(home, "cpu/limits", "cpu 20"), 0);
    CHECK(share_between(14, 27));
    cloudabi_sys_fd_close(process[0]);
    cloudabi_sys_fd_close(process[1]);
    end_job(home, "cpu/sub");
    end_job(home, "cpu");
}

int main(void)
{
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    CHECK_RETURNS(job_open(jobs, "program", &home), 0);
    test_limits();
    test_limit_text();
    test_narrowing();
    test_names();
    test_enter();
    test_sight();
    test_control();
    test_trace();
    test_cpu();
    return tap_end();
}
