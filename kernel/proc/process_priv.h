/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of kernel/proc. */
#ifndef KERNEL_PROC_PROCESS_PRIV_H
#define KERNEL_PROC_PROCESS_PRIV_H

#include "kernel/lib/assert.h"
#include "kernel/proc/image.h"
#include "kernel/proc/process.h"

/* process.c */
struct process *process_create(
    struct job *job);                          /* no threads, space or table yet; NULL: no memory */
void process_discard(struct process *process); /* one that never had a thread */
void process_new_uuid(uint8_t uuid[16]);
/* THREAD belongs to PROCESS from now on. EAGAIN: the process is ending or about to exec. */
cloudabi_errno_t process_add_thread(struct process *process, struct thread *thread);
void process_run_hooks(struct process *process, bool exec);
/* Ends all other threads of the calling process and waits for that. EINTR: the caller is to end itself. */
cloudabi_errno_t process_become_single(struct process *process);
_Noreturn void process_leave(void); /* the calling thread ends; with the last one the process */

/* descriptor.c */
struct file *process_file_create(struct process *process,
                                 struct job *job); /* takes a reference of its own */

/* start.c: the first functions of threads */
void process_enter_user(void *thread);

#endif
