/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of the nodes: starts, ends, restarts with growing pauses, giving up, and the
 * machine's end. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/init/init.h"

#define MS             1000000ull
#define LONG_LIFE      (10000 * MS) /* whoever lived that long has not failed at its start */
#define FIRST_PAUSE    (100 * MS)
#define LONGEST_PAUSE  (5000 * MS)
#define LONGEST_FINISH (15000 * MS)
#define MOST_FAILURES  10u
#define QUICK_RESTARTS 2u
#define FOR_EVER       (3600000ull * MS)

static uint64_t now(void)
{
    cloudabi_timestamp_t time = 0;
    (void)cloudabi_sys_clock_time_get(CLOUDABI_CLOCK_MONOTONIC, 1, &time);
    return time;
}

static const char *name_of(const struct node *node)
{
    return node->manifest->name;
}

/* --- ends --------------------------------------------------------------------------------- */

/* Asks the services to finish what they do, the last started first, because it needs the others. */
static void finish_services(const struct init *init) __attribute__((noreturn));

static void finish_services(const struct init *init)
{
    for (size_t i = init->count; i-- != 0;) {
        const struct node *node = &init->nodes[i];
        cloudabi_errno_t error = 0;
        if (node->process >= 0 && node->root >= 0)
            error = cloudabi_sys_fd_sync((cloudabi_fd_t)node->root);
        if (error != 0)
            log_line("%s: did not finish: errno %u", name_of(node), error);
    }
    cloudabi_sys_proc_exit(0);
}

/* A child does it, so that a service which does not answer cannot keep the machine on. */
static void finish(const struct init *init)
{
    cloudabi_subscription_t in[2] = {{.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE},
                                     {.type = CLOUDABI_EVENTTYPE_CLOCK}};
    cloudabi_event_t out[2];
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid = 0;
    size_t events = 0;
    if (cloudabi_sys_proc_fork(&process, &tid) != 0)
        return;
    if (process == CLOUDABI_PROCESS_CHILD)
        finish_services(init);
    in[0].proc_terminate.fd = process;
    in[1].clock.clock_id = CLOUDABI_CLOCK_MONOTONIC;
    in[1].clock.timeout = LONGEST_FINISH;
    (void)cloudabi_sys_poll(in, out, 2, &events);
    close((int)process);
}

static void power_off(struct init *init, const struct node *node, uint32_t status)
{
    char text[32];
    finish(init);
    if (node->manifest->service && status == EXIT_REBOOT)
        snprintf(text, sizeof(text), "reboot");
    else
        snprintf(text, sizeof(text), "off %u", (unsigned)status);
    cloudabi_errno_t error = write_text(init->kernel, "power", text);
    log_line("cannot power off: errno %u", error);
}

/* Requests to its port fail from now on. */
static void give_up(struct node *node)
{
    node->state = NODE_GIVEN_UP;
    if (node->port >= 0)
        close(node->port);
    if (node->root >= 0)
        close(node->root);
    node->port = node->root = -1;
}

/* Whether something that the node needs will never come. */
static bool is_hopeless(const struct init *init, const struct node *node)
{
    const struct manifest_node *manifest = node->manifest;
    for (size_t i = 0; i < manifest->grants_count; i++) {
        if (manifest->grants[i].op != GRANT_OPEN || manifest->grants[i].optional)
            continue;
        for (size_t j = 0; j < init->count; j++) {
            if (init->nodes[j].state == NODE_GIVEN_UP &&
                strcmp(name_of(&init->nodes[j]), manifest->grants[i].from) == 0)
                return true;
        }
    }
    return false;
}

enum end {
    END_CLEAN,  /* by its own wish (exit 0): never leads to giving up */
    END_KILLED, /* somebody wanted that: no failure of its own */
    END_FAILED
};

/* The first restarts are at once; a node that fails again and again is given longer pauses. */
static void plan_restart(struct init *init, struct node *node, enum end end)
{
    uint64_t time = now();
    if (is_hopeless(init, node)) {
        give_up(node);
        return;
    }
    if (time - node->started >= LONG_LIFE)
        node->failures = 0;
    else if (end == END_FAILED || (end == END_CLEAN && node->failures < QUICK_RESTARTS + 4))
        node->failures++;
    if (node->failures > MOST_FAILURES) {
        log_line("%s: given up", name_of(node));
        give_up(node);
        return;
    }
    unsigned slow =
        end != END_KILLED && node->failures > QUICK_RESTARTS ? node->failures - QUICK_RESTARTS : 0;
    uint64_t pause = slow == 0 ? 0 : FIRST_PAUSE << (slow - 1);
    node->due = time + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    node->state = NODE_WAITING;
}

static enum end end_of(const cloudabi_event_t *event)
{
    if (event->proc_terminate.signal == CLOUDABI_SIGKILL)
        return END_KILLED;
    return event->proc_terminate.signal == 0 && event->proc_terminate.exitcode == 0 ? END_CLEAN
                                                                                    : END_FAILED;
}

static void ended(struct init *init, struct node *node, const cloudabi_event_t *event)
{
    uint32_t status = event->proc_terminate.exitcode;
    if (event->proc_terminate.signal != 0) {
        status = 128u + event->proc_terminate.signal;
        log_line("%s: signal %u", name_of(node), event->proc_terminate.signal);
    } else {
        log_line("%s: exited %u", name_of(node), (unsigned)status);
    }
    close(node->process);
    node->process = -1;
    if (node->manifest->power_off &&
        (event->proc_terminate.signal == 0 || !node->manifest->restart))
        power_off(init, node, status);
    if (node->manifest->service && event->proc_terminate.signal == 0 && status == EXIT_NO_DEVICE)
        give_up(node);
    else if (node->manifest->restart)
        plan_restart(init, node, end_of(event));
    else if (node->manifest->service)
        give_up(node);
    else
        node->state = NODE_DONE;
}

/* --- starts ------------------------------------------------------------------------------- */

static void start(struct init *init, struct node *node)
{
    const struct grant *failed = NULL;
    cloudabi_errno_t error = pci_choose(init, node, &failed);
    node->started = now();
    if (error != 0) {
        log_rights_error(name_of(node), failed->name, error);
        give_up(node); /* devices do not come later */
        return;
    }
    error = node_spawn(init, node);
    if (error != 0) {
        log_line("%s: cannot start: errno %u", name_of(node), error);
        plan_restart(init, node, END_FAILED);
        return;
    }
    node->state = NODE_RUNNING;
    log_line("%s: started", name_of(node));
}

/* Starts what is due; returns the time until the next is. */
static uint64_t start_due(struct init *init)
{
    uint64_t next = FOR_EVER;
    uint64_t time = now();
    for (size_t i = 0; i < init->count; i++) {
        struct node *node = &init->nodes[i];
        if (node->state == NODE_WAITING && node->due <= time)
            start(init, node);
        if (node->state == NODE_WAITING && node->due - time < next)
            next = node->due > time ? node->due - time : 0;
    }
    return next;
}

/* --- waiting ------------------------------------------------------------------------------ */

static void wait_for_ends(struct init *init, uint64_t timeout)
{
    cloudabi_subscription_t in[MANIFEST_NODES + 1];
    cloudabi_event_t out[MANIFEST_NODES + 1];
    size_t count = 0, events = 0;
    memset(in, 0, sizeof(in));
    for (size_t i = 0; i < init->count; i++) {
        if (init->nodes[i].state != NODE_RUNNING)
            continue;
        in[count].userdata = i;
        in[count].type = CLOUDABI_EVENTTYPE_PROC_TERMINATE;
        in[count++].proc_terminate.fd = (cloudabi_fd_t)init->nodes[i].process;
    }
    in[count].type = CLOUDABI_EVENTTYPE_CLOCK;
    in[count].clock.clock_id = CLOUDABI_CLOCK_MONOTONIC;
    in[count++].clock.timeout = timeout;
    if (cloudabi_sys_poll(in, out, count, &events) != 0)
        return;
    for (size_t i = 0; i < events; i++) {
        if (out[i].type == CLOUDABI_EVENTTYPE_PROC_TERMINATE && out[i].error == 0)
            ended(init, &init->nodes[out[i].userdata], &out[i]);
    }
}

cloudabi_errno_t supervise_begin(struct init *init, const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        struct node *node = &init->nodes[init->count++];
        *node =
            (struct node){.manifest = &manifest->nodes[i], .port = -1, .root = -1, .process = -1};
        job_make(init, node);
        cloudabi_errno_t error = node->manifest->service ? job_make_port(init, node) : 0;
        if (error != 0)
            return error;
    }
    return 0;
}

void supervise(struct init *init)
{
    uint64_t timeout = start_due(init);
    log_line("ready");
    for (;;) {
        wait_for_ends(init, timeout);
        timeout = start_due(init);
    }
}
