/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs: who pays.  Every frame, kernel object, descriptor, thread and process is charged to a job at allocation,
 * and to all its ancestors; over a limit the allocation fails (ENOMEM or EAGAIN inside, nothing outside).
 * Request slots and CPU time are throttled instead: the thread waits.  Object counters per class and fault
 * injection sit in the same place.  docs/decisions/0005-jobs.md
 */
#ifndef KERNEL_JOB_JOB_H
#define KERNEL_JOB_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"
#include "kernel/lib/list.h"
#include "kernel/sync/spinlock.h"

/* What is limited. */
enum job_resource {
    JOB_MEMORY /* bytes, frames and kernel objects */,
    JOB_THREADS,
    JOB_PROCESSES,
    JOB_DESCRIPTORS,
    JOB_SLOTS /* of each port, at once; not counted here: the port looks who holds them */,
    JOB_RESOURCES
};

/* Classes of kernel objects, counted globally for leak checks. */
enum object_class {
    OBJECT_THREAD,
    OBJECT_PROCESS,
    OBJECT_VMSPACE,
    OBJECT_AREA,
    OBJECT_MEMOBJ,
    OBJECT_FILE,
    OBJECT_FD_TABLE,
    OBJECT_SOCKET,
    OBJECT_MESSAGE,
    OBJECT_PORT,
    OBJECT_NODE,
    OBJECT_CHANNEL,
    OBJECT_JOB,
    OBJECT_FUTEX,
    OBJECT_OTHER,
    OBJECT_CLASSES
};

#define JOB_NAME_MAX  32 /* with the NUL */
#define JOB_DEPTH_MAX 16 /* charging goes through all ancestors, so a chain of them is short */
#define JOB_NO_LIMIT  UINT64_MAX

/*
 * `references` counts those who hold the job; at 0 it leaves the tree.  Its memory stays until the last charge
 * is gone: all references together are one byte of used[JOB_MEMORY], and whoever brings that to 0 frees it.
 */
struct job {
    _Atomic uint32_t references;
    struct job *parent; /* constant; referenced; NULL for the root */
    _Atomic uint64_t used[JOB_RESOURCES];
    _Atomic uint64_t limit[JOB_RESOURCES];
    _Atomic uint64_t reserve;      /* beyond its memory limit, not for the jobs below it */
    _Atomic uint64_t cpu_time;     /* ns, added at switches */
    _Atomic uint64_t cpu_percent;  /* of one CPU; JOB_NO_LIMIT */
    _Atomic uint64_t cpu_since;    /* monotonic ns: time before is not to be paid for */
    _Atomic uint64_t cpu_paid;     /* monotonic ns until which its CPU time is paid for (cpu.c) */
    _Atomic bool metered;          /* it or an ancestor has a cpu_percent; tree lock to change */
    unsigned depth;                /* constant: 0 for the root */
    struct list children, sibling; /* job tree lock */
    struct list processes;         /* job tree lock */
    bool named;                    /* job tree lock: has a directory, which holds a reference */
    char name[JOB_NAME_MAX];
};

extern struct job job_root;

struct job *job_get(struct job *job);
void job_put(struct job *job);
struct job *job_create(struct job *parent, const char *name); /* NULL: no memory or budget */
/* JOB gets a directory, which keeps a reference to it. EEXIST: another one has that name; ENOENT: its parent
 * has lost its own. */
cloudabi_errno_t job_name(struct job *job);
/* And loses it: nobody finds or enters it any more. ENOTEMPTY; ENOENT: it has none. */
cloudabi_errno_t job_unname(struct job *job);
bool job_within(const struct job *job, const struct job *above); /* JOB is ABOVE, or below it */
/* For the jobs directory; referenced, or NULL. */
struct job *job_find(struct job *parent, const char *name, size_t len);
struct job *job_nth(struct job *parent, uint64_t index);
extern struct spinlock job_tree_lock; /* RANK_JOB_TREE */

/* Charge AMOUNT to JOB and its ancestors, or nothing: false when over a limit or a fault was injected. */
/* JOB NULL = the root. */
bool job_charge(struct job *job, enum job_resource resource, uint64_t amount);
void job_uncharge(struct job *job, enum job_resource resource, uint64_t amount);

/*
 * CPU time (cpu.c): a limited job pays for a nanosecond with 100 / percent nanoseconds of wall time, and may be
 * JOB_CPU_BURST ahead.
 */
#define JOB_CPU_BURST 100000000ul
void job_cpu_limit(struct job *job, uint64_t percent, uint64_t now); /* JOB_NO_LIMIT: none */
void job_cpu_use(struct job *job, uint64_t ran, uint64_t now);       /* RAN ns, up to NOW */
uint64_t job_cpu_wait(const struct job *job, uint64_t now);          /* until when; 0: go on */
uint64_t job_cpu_left(const struct job *job, uint64_t now);          /* ns that it may run on */

extern _Atomic uint64_t object_count[OBJECT_CLASSES];
extern const char *const object_class_name[OBJECT_CLASSES];

/* Fault injection (kernel directory's `fault`): when armed for the calling process, the Nth allocation from
 * now fails. Asked by every allocator; one load when off. */
extern _Atomic uint64_t fault_countdown;
bool fault_count_down(void);
static inline bool fault_should_fail(void)
{
    return atomic_load_explicit(&fault_countdown, memory_order_relaxed) != 0 && fault_count_down();
}
void fault_arm(uint64_t countdown); /* 0 = off */
struct process;
void fault_forget(const struct process *process); /* it ends: its memory may be another's soon */

#endif
