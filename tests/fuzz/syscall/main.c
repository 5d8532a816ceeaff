/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor:  fuzz-syscall [seconds=N] [seed=N] [processes=N] [threads=N] [worker=N]
 * worker=N runs worker N of the seed alone. Prints TAP.
 */
#include <stdio.h>

#include <tessera/grants.h>

#include "tests/fuzz/syscall/fuzz.h"
#include "tests/guest/remove.h"
#include "tests/guest/tap.h"

#define MILLI       UINT64_C(1000000)
#define PROCESSES   8u
#define JOB         "program/fuzz"
#define COUNTERS    40
#define JOB_IS_FULL 77 /* exit code of a worker that had no place */

struct statistics *statistics;

static struct {
    uint64_t seconds, seed, processes, threads, worker;
} options = {.seconds = 10, .seed = 1, .processes = 3, .threads = 4};

static struct slot {
    cloudabi_fd_t process;
    uint64_t deadline;
    char name[24]; /* of its directory; empty: not running */
} slots[PROCESSES];

static cloudabi_fd_t temporary, jobs, fault;
static uint64_t next_worker, ended[3]; /* by themselves, by a signal, by us */

/* --- options ------------------------------------------------------------------------------------------------ */

static void parse(const char *text)
{
    static const struct {
        const char *name;
        uint64_t *value;
    } all[] = {{"seconds=", &options.seconds},
               {"seed=", &options.seed},
               {"processes=", &options.processes},
               {"threads=", &options.threads},
               {"worker=", &options.worker}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strncmp(text, all[i].name, strlen(all[i].name)) == 0)
            *all[i].value = strtoull(text + strlen(all[i].name), NULL, 0);
}

/* --- resources ------------------------------------------------------------------------------------------------- */

struct usage {
    size_t count;
    char name[COUNTERS][24];
    uint64_t value[COUNTERS];
};

/* Objects of the whole system: `NAME NUMBER` lines. */
static void read_usage(struct usage *usage)
{
    char text[4096];
    cloudabi_fd_t file;
    size_t len = 0;

    usage->count = 0;
    if (open_with(jobs, "usage", 0, CLOUDABI_RIGHT_FD_READ, 0, &file) != 0)
        return;
    if (get(file, text, sizeof(text) - 1, &len) != 0)
        len = 0;
    cloudabi_sys_fd_close(file);
    text[len] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL && usage->count < COUNTERS;
         line = strtok(NULL, "\n")) {
        unsigned long value;
        if (sscanf(line, "%23s %lu", usage->name[usage->count], &value) == 2)
            usage->value[usage->count++] = value;
    }
}

/*
 * What may differ: times, memory in caches, and what tmpfs and this program keep for next time. Other objects must
 * be as many as before.
 */
static uint64_t tolerance(const char *name)
{
    static const struct {
        const char *name;
        uint64_t tolerance;
    } soft[] = {{"cpu_time", UINT64_MAX},
                {"total_frames", 0},
                {"free_frames", 400},
                {"memory", 2u << 20},
                {"area", 16},
                {"memobj", 4},
                {"node", 64} /* a spare one in each slot */,
                {"other", 64},
                {"slots", 8}};

    for (size_t i = 0; i < sizeof(soft) / sizeof(soft[0]); i++)
        if (strcmp(name, soft[i].name) == 0)
            return soft[i].tolerance;
    return 0;
}

static bool returned(const struct usage *before, const struct usage *after, size_t i)
{
    uint64_t old = before->value[i], new = after->value[i];

    if (strcmp(before->name[i], "free_frames") == 0)
        return new + tolerance("free_frames") >= old; /* fewer are lost ones */
    return new <= old || new - old <= tolerance(before->name[i]);
}

static bool all_returned(const struct usage *before, const struct usage *after)
{
    for (size_t i = 0; i < before->count; i++)
        if (!returned(before, after, i))
            return false;
    return before->count == after->count;
}

/* Those that die still need a moment. */
static void check_usage(const struct usage *before)
{
    struct usage after;
    char text[100];

    for (int i = 0; i < 100; i++) {
        read_usage(&after);
        if (all_returned(before, &after))
            break;
        nap(50 * MILLI);
    }
    for (size_t i = 0; i < before->count; i++) {
        snprintf(text, sizeof(text), "%s: %lu before, %lu after", before->name[i],
                 (unsigned long)before->value[i], (unsigned long)after.value[i]);
        tap_ok(returned(before, &after, i), text, __FILE__, __LINE__);
    }
}

/* A job for the workers, so that they can not use up the machine. */
static cloudabi_errno_t write_to(const char *path, const char *text)
{
    cloudabi_rights_t rights = CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SEEK;
    cloudabi_fd_t file;
    cloudabi_errno_t error = open_with(jobs, path, 0, rights, 0, &file);

    if (error != 0)
        return error;
    error = put(file, text, strlen(text), &(size_t){0});
    cloudabi_sys_fd_close(file);
    return error;
}

static void make_job(void)
{
    make_dir(jobs, JOB);
    write_to(JOB "/limits", "memory 33554432");
    write_to(JOB "/limits", "threads 200");
    write_to(JOB "/limits", "processes 24");
    write_to(JOB "/limits", "descriptors 4000");
    write_to("tmpfs/limits", "memory 50331648");
}

/* --- workers ------------------------------------------------------------------------------- */

static uint64_t seed_of(uint64_t worker)
{
    struct random random = {options.seed * UINT64_C(1000003) + worker};

    return random_next(&random);
}

static void start_worker(struct slot *slot)
{
    uint64_t worker = options.worker != 0 ? options.worker : ++next_worker;
    struct random random = {seed_of(worker)};
    cloudabi_fd_t directory = NO_FD, process = NO_FD;
    cloudabi_tid_t tid;

    snprintf(slot->name, sizeof(slot->name), "w%lu", (unsigned long)worker);
    make_dir(temporary, slot->name);
    if (open_dir(temporary, slot->name, &directory) != 0 ||
        cloudabi_sys_proc_fork(&process, &tid) != 0) {
        cloudabi_sys_fd_close(directory);
        slot->name[0] = '\0';
        nap(10 * MILLI);
        return;
    }
    if (process == CLOUDABI_PROCESS_CHILD) {
        if (write_to(JOB "/enter", "1") != 0)
            cloudabi_sys_proc_exit(JOB_IS_FULL);
        cloudabi_sys_fd_close(jobs);
        cloudabi_sys_fd_close(temporary);
        for (cloudabi_fd_t fd = 0; fd < 64; fd++) /* other workers, this one's output */
            if (fd != directory && fd != fault)
                cloudabi_sys_fd_close(fd);
        worker_run(seed_of(worker), directory, fault, (unsigned)options.threads);
    }
    cloudabi_sys_fd_close(directory);
    slot->process = process;
    slot->deadline = now() + (100 + below(&random, 900)) * MILLI;
}

static void remove_directory(const char *name)
{
    cloudabi_fd_t directory;

    if (open_dir(temporary, name, &directory) == 0) {
        remove_all(directory);
        cloudabi_sys_fd_close(directory);
    }
    rmdir_at(temporary, name);
}

/*
 * Processes that hold descriptors of themselves (sent over a socket) go on when all others have let them go;
 * whoever has the job ends them.
 */
static void kill_all(void)
{
    char buf[2048], path[100];
    cloudabi_fd_t procs;
    cloudabi_dirent_t entry;
    size_t used = 0;

    if (open_with(jobs, JOB "/procs", CLOUDABI_O_DIRECTORY, CLOUDABI_RIGHT_FILE_READDIR, 0,
                  &procs) != 0)
        return;
    cloudabi_sys_file_readdir(procs, buf, sizeof(buf), CLOUDABI_DIRCOOKIE_START, &used);
    for (size_t at = 0; at + sizeof(entry) <= used; at += sizeof(entry) + entry.d_namlen) {
        memcpy(&entry, buf + at, sizeof(entry));
        if (at + sizeof(entry) + entry.d_namlen > used || entry.d_namlen < 3)
            continue;
        snprintf(path, sizeof(path), JOB "/procs/%.*s/ctl", (int)entry.d_namlen,
                 buf + at + sizeof(entry));
        write_to(path, "kill 10");
        ended[2]++;
    }
    cloudabi_sys_fd_close(procs);
}

/* Ends the worker of SLOT if it has not ended; closing its descriptor kills it. */
static void end_worker(struct slot *slot, const cloudabi_event_t *event)
{
    if (event != NULL && event->proc_terminate.exitcode == JOB_IS_FULL)
        kill_all();
    ended[event == NULL ? 2 : event->proc_terminate.signal != 0]++;
    cloudabi_sys_fd_close(slot->process);
    remove_directory(slot->name);
    slot->name[0] = '\0';
}

/* Waits until a worker ends or has had its time. */
static void wait_for_workers(void)
{
    cloudabi_subscription_t in[PROCESSES + 1];
    cloudabi_event_t out[PROCESSES + 1];
    uint64_t first = UINT64_MAX;
    size_t n = 0, count = 0;

    for (size_t i = 0; i < options.processes; i++) {
        if (slots[i].name[0] == '\0')
            continue;
        in[n++] = (cloudabi_subscription_t){.userdata = i,
                                            .type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                            .proc_terminate.fd = slots[i].process};
        first = slots[i].deadline < first ? slots[i].deadline : first;
    }
    in[n++] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_CLOCK,
                                        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC,
                                                  .timeout = first,
                                                  .flags = CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME}};
    if (n == 1 || cloudabi_sys_poll(in, out, n, &count) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (out[i].type == CLOUDABI_EVENTTYPE_PROC_TERMINATE)
            end_worker(&slots[out[i].userdata], &out[i]);
    for (size_t i = 0; i < options.processes; i++)
        if (slots[i].name[0] != '\0' && slots[i].deadline <= now())
            end_worker(&slots[i], NULL);
}

static void run_for(uint64_t seconds)
{
    uint64_t end = now() + seconds * 1000 * MILLI;

    while (now() < end) {
        for (size_t i = 0; i < options.processes; i++)
            if (slots[i].name[0] == '\0')
                start_worker(&slots[i]);
        wait_for_workers();
    }
    for (size_t i = 0; i < options.processes; i++)
        if (slots[i].name[0] != '\0')
            end_worker(&slots[i], NULL);
    for (int i = 0; i < 10; i++) { /* children of workers may still make names */
        kill_all();
        nap(20 * MILLI);
        remove_all(temporary);
    }
}

static void tell(void)
{
    uint64_t made = 0;

    printf("# seed %lu, %lu s: %lu workers; %lu ended themselves, %lu by a signal, %lu in time\n",
           (unsigned long)options.seed, (unsigned long)options.seconds, (unsigned long)next_worker,
           (unsigned long)ended[0], (unsigned long)ended[1], (unsigned long)ended[2]);
    printf("# %-18s %10s %10s\n", "call", "made", "failed");
    for (unsigned i = 0; i <= CALLS; i++) {
        printf("# %-18s %10lu %10lu\n", call_name(i), (unsigned long)statistics->made[i],
               (unsigned long)statistics->failed[i]);
        made += statistics->made[i];
    }
    printf("# %-18s %10lu\n", "all", (unsigned long)made);
    CHECK(made > 1000);
}

int main(int argc, char **argv)
{
    struct usage before;
    void *page = NULL;

    for (int i = 1; i < argc; i++)
        parse(argv[i]);
    options.processes = options.processes < PROCESSES ? options.processes : PROCESSES;
    options.threads = options.threads < THREADS ? options.threads : THREADS;
    temporary = (cloudabi_fd_t)grant_fd("tmpdir");
    jobs = (cloudabi_fd_t)grant_fd("jobs");
    fault = (cloudabi_fd_t)grant_fd("fault");
    cloudabi_sys_mem_map(NULL, sizeof(*statistics), CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE,
                         CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED, CLOUDABI_MAP_ANON_FD, 0, &page);
    statistics = page;
    if (!CHECK(statistics != NULL) || !CHECK(temporary != NO_FD))
        return tap_end();
    make_job();
    run_for(1); /* caches fill */
    read_usage(&before);
    run_for(options.seconds);
    tell();
    check_usage(&before);
    return tap_end();
}
