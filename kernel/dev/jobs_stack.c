/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The `stack` of a process: a line per thread, `thread TID STATE`, then where it is: `kernel NAME+0xN` lines and
 * `user 0xADDRESS` lines, innermost first.  A thread that runs at the moment has none.  A thread is looked at
 * under its run queue's lock, which keeps it off its CPU; its user stack afterwards, in pages that are there, and
 * only as far as its program keeps frame pointers.
 */
#include "kernel/debug/log.h"
#include "kernel/dev/jobs.h"
#include "kernel/lib/printf.h"
#include "kernel/mm/vmspace.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"

#define FRAMES_MAX 12

struct snapshot {
    cloudabi_tid_t tid;
    uint32_t state;
    size_t count;
    uint64_t pc[FRAMES_MAX];
    uint64_t user_pc, user_frame;
    struct vmspace *space; /* referenced, or NULL */
};

struct out {
    char *at;
    size_t left;
};

/* What does not fit is left out, with all that would follow. */
__attribute__((format(printf, 2, 3))) static void print(struct out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t n = kvsnprintf(out->at, out->left, format, args);
    va_end(args);
    if (n >= out->left)
        n = 0, out->left = 0;
    out->at += n;
    out->left -= n;
}

static struct cpu *lock_cpu_of(const struct thread *thread)
{
    for (;;) {
        struct cpu *cpu = atomic_load(&thread->cpu);
        spinlock_lock(&cpu->lock);
        if (atomic_load(&thread->cpu) == cpu)
            return cpu;
        spinlock_unlock(&cpu->lock);
    }
}

static void look_at(struct thread *thread, struct snapshot *shot)
{
    struct cpu *cpu = lock_cpu_of(thread);
    *shot = (struct snapshot){.tid = thread->tid, .state = atomic_load(&thread->state)};
    if (shot->state == THREAD_PARKED || shot->state == THREAD_RUNNABLE) {
        shot->count = arch_thread_frames(thread, shot->pc, FRAMES_MAX);
        if (thread->vmspace != NULL) {
            arch_thread_user_frame(thread, &shot->user_pc, &shot->user_frame);
            shot->space = vmspace_get(thread->vmspace);
        }
    }
    spinlock_unlock(&cpu->lock);
}

/* Thread number INDEX of PROCESS. */
static bool snapshot(struct process *process, unsigned index, struct snapshot *shot)
{
    bool found = false;
    spinlock_lock(&process->lock);
    list_for_each(link, &process->threads)
    {
        if (index-- != 0)
            continue;
        look_at(container_of(link, struct thread, process_link), shot);
        found = true;
        break;
    }
    spinlock_unlock(&process->lock);
    return found;
}

static void print_user(struct out *out, const struct snapshot *shot)
{
    uint64_t frame = shot->user_frame, next, pc;
    if (shot->user_pc != 0)
        print(out, "user 0x%lx\n", shot->user_pc);
    for (unsigned i = 0; i < FRAMES_MAX && shot->user_pc != 0; i++) {
        if (!vmspace_peek(shot->space, frame, &next) ||
            !vmspace_peek(shot->space, frame + 8, &pc) || pc == 0)
            break;
        print(out, "user 0x%lx\n", pc);
        if (next <= frame)
            break;
        frame = next;
    }
}

static void print_thread(struct out *out, const struct snapshot *shot)
{
    static const char *const state[] = {"new", "ready", "running", "waiting", "ending"};
    print(out, "thread %u %s\n", shot->tid, state[shot->state]);
    for (size_t i = 0; i < shot->count; i++) {
        uint64_t offset = 0;
        const char *name = ksym_find(shot->pc[i] - 1, &offset);
        if (name != NULL)
            print(out, "kernel %s+0x%lx\n", name, offset + 1);
    }
    if (shot->space != NULL)
        print_user(out, shot);
}

size_t process_stack_render(void *process, char *buffer, size_t size)
{
    struct out out = {buffer, size};
    struct snapshot shot;
    for (unsigned i = 0; out.left > 0 && snapshot(process, i, &shot); i++) {
        print_thread(&out, &shot);
        if (shot.space != NULL)
            vmspace_put(shot.space);
    }
    return (size_t)(out.at - buffer);
}
