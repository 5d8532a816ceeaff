/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running programs. A program is a process descriptor; closing it kills the program, so nothing
 * that the shell started outlives it. While programs run in the foreground the terminal is
 * watched for ^C and for its end; what is typed otherwise is kept for later, unless a program
 * reads the terminal itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

#define JOBS_MAX 8u

static struct pipeline jobs[JOBS_MAX];
static bool job_used[JOBS_MAX];

void pipeline_kill(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        if (pipeline->processes[i] >= 0)
            close(pipeline->processes[i]);
        pipeline->processes[i] = -1;
    }
}

static size_t subscribe(const struct pipeline *pipeline, cloudabi_subscription_t *in)
{
    size_t count = 0;
    for (size_t i = 0; i < pipeline->count; i++) {
        if (pipeline->processes[i] < 0)
            continue;
        in[count] =
            (cloudabi_subscription_t){.userdata = i, .type = CLOUDABI_EVENTTYPE_PROC_TERMINATE};
        in[count++].proc_terminate.fd = (cloudabi_fd_t)pipeline->processes[i];
    }
    return count;
}

/* One process has ended: its exit code, with 128 added to a signal. */
static int take_end(struct pipeline *pipeline, const cloudabi_event_t *event)
{
    int index = (int)event->userdata;
    close(pipeline->processes[index]);
    pipeline->processes[index] = -1;
    if (event->proc_terminate.signal == 0)
        return (int)event->proc_terminate.exitcode;
    return 128 + event->proc_terminate.signal;
}

static void say_end(const struct pipeline *pipeline, int code)
{
    if (code >= 128 && code < 128 + 27)
        complain("%s: ended by signal %d", pipeline->title, code - 128);
}

/* Waits for one event; the code of the last process of the pipeline goes to *CODE. */
static void wait_once(struct pipeline *pipeline, int *code)
{
    cloudabi_subscription_t in[PIPELINE_MAX + 1];
    cloudabi_event_t out_events[PIPELINE_MAX + 1];
    size_t events = 0;
    size_t count = subscribe(pipeline, in);
    if (!pipeline->lends_terminal && !input_closed() && !input_full()) {
        in[count] =
            (cloudabi_subscription_t){.userdata = PIPELINE_MAX, .type = CLOUDABI_EVENTTYPE_FD_READ};
        in[count++].fd_readwrite.fd = (cloudabi_fd_t)terminal_fd;
    }
    if (cloudabi_sys_poll(in, out_events, count, &events) != 0)
        return;
    for (size_t i = 0; i < events; i++) {
        if (out_events[i].type != CLOUDABI_EVENTTYPE_PROC_TERMINATE) {
            input_take();
            continue;
        }
        bool last = out_events[i].userdata == pipeline->count - 1;
        int ended = take_end(pipeline, &out_events[i]);
        if (last)
            *code = ended;
    }
}

static bool is_running(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        if (pipeline->processes[i] >= 0)
            return true;
    }
    return false;
}

int pipeline_wait(struct pipeline *pipeline)
{
    int code = 0;
    while (is_running(pipeline)) {
        wait_once(pipeline, &code);
        if (input_interrupted()) {
            pipeline_kill(pipeline);
            complain("%s: interrupted", pipeline->title);
            return 130;
        }
        if (input_closed())
            pipeline_kill(pipeline);
    }
    say_end(pipeline, code);
    return code;
}

/* --- the background ----------------------------------------------------------------------- */

void job_add(const struct pipeline *pipeline)
{
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        if (job_used[i])
            continue;
        jobs[i] = *pipeline;
        job_used[i] = true;
        out("[%u] %s\n", i + 1, pipeline->title);
        return;
    }
    struct pipeline excess = *pipeline;
    pipeline_kill(&excess);
    complain("%s: too many programs in the background", pipeline->title);
}

/* Takes ends without waiting. */
static void poll_job(struct pipeline *pipeline)
{
    cloudabi_subscription_t in[PIPELINE_MAX + 1];
    cloudabi_event_t ends[PIPELINE_MAX + 1];
    size_t events = 0;
    size_t count = subscribe(pipeline, in);
    in[count] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_CLOCK};
    in[count++].clock.clock_id = CLOUDABI_CLOCK_MONOTONIC; /* in no time */
    if (cloudabi_sys_poll(in, ends, count, &events) != 0)
        return;
    for (size_t i = 0; i < events; i++) {
        if (ends[i].type == CLOUDABI_EVENTTYPE_PROC_TERMINATE)
            say_end(pipeline, take_end(pipeline, &ends[i]));
    }
}

void jobs_report(void)
{
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        if (!job_used[i])
            continue;
        poll_job(&jobs[i]);
        if (is_running(&jobs[i]))
            continue;
        job_used[i] = false;
        out("[%u] %s: ended\n", i + 1, jobs[i].title);
    }
}

int builtin_jobs(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        if (job_used[i])
            out("[%u] %s\n", i + 1, jobs[i].title);
    }
    return 0;
}

int builtin_kill(int argc, char **argv)
{
    unsigned number = argc == 2 ? (unsigned)atoi(argv[1]) : 0;
    if (number == 0 || number > JOBS_MAX || !job_used[number - 1]) {
        complain("kill: no such number (jobs lists them)");
        return 1;
    }
    pipeline_kill(&jobs[number - 1]);
    return 0;
}
