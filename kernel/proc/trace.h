/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of a process: its system calls as they return, in a ring that forgets the oldest.  There is one while
 * somebody has it open; without one a call costs nothing, since the test is the one for any work before user mode.
 */
#ifndef KERNEL_PROC_TRACE_H
#define KERNEL_PROC_TRACE_H

#include "kernel/proc/process.h"

#define TRACE_RECORDS 256u

struct trace_record {
    uint64_t time; /* monotonic ns of the return */
    cloudabi_tid_t tid;
    uint16_t call, error;
};

struct trace {
    _Atomic uint32_t references;
    struct spinlock lock; /* RANK_FILE: all below but the queue */
    uint64_t head, tail;  /* records made, records read or lost */
    uint64_t lost;        /* since the last read */
    bool ended;           /* nothing will come */
    struct waitq readers;
    struct trace_record ring[TRACE_RECORDS];
};

/* A trace of PROCESS, paid for by JOB. EBUSY: it has one; ESRCH: it has ended; ENOMEM. */
cloudabi_errno_t trace_begin(struct process *process, struct job *job, struct trace **out);
/* Ends it and gives back the caller's reference. */
void trace_end(struct process *process, struct trace *trace);
/* The oldest record, or the number of those lost before it (*LOST != 0, no record). False: nothing. */
bool trace_take(struct trace *trace, struct trace_record *record, uint64_t *lost);

/* The process is ending: its trace gets no more. */
void trace_process_ends(struct process *process);
/* From the way out of a call, if WORK_TRACED is set: the calling thread's call NUMBER gives ERROR. */
void process_trace_call(uint32_t number, uint32_t error);
/* The same for a call that does not return. */
void trace_last_call(void);

extern const char *const syscall_name[]; /* abi/generator */

#endif
