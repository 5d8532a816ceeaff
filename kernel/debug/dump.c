/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs in an NMI, whatever locks are held: takes none, and so may print what is changing at the moment.  It
 * follows frame pointers only within the stack of the thread that they are about.
 */
#include "kernel/debug/dump.h"

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/sched/sched.h"

#define FRAMES_MAX 24

/* BACK: how far before ADDRESS the instruction lies that is to be named. */
static void print_address(const char *label, uint64_t address, uint64_t back)
{
    uint64_t offset;
    const char *name = ksym_find(address - back, &offset);
    if (name != NULL)
        panic_print("DUMP      %s %016lx %s+0x%lx", label, address, name, offset + back);
    else
        panic_print("DUMP      %s %016lx", label, address);
}

static void trace(const struct thread *thread, uint64_t frame_pointer)
{
    uint64_t low = (uint64_t)thread->stack, high = low + KERNEL_STACK_PAGES * PAGE_SIZE - 16;
    for (int i = 0; low != 0 && i < FRAMES_MAX; i++) {
        if (frame_pointer < low || frame_pointer > high || frame_pointer % 8 != 0)
            break;
        const uint64_t *frame = (const uint64_t *)frame_pointer;
        print_address("from", frame[1], 1);
        low = frame_pointer + 8; /* upwards only */
        frame_pointer = frame[0];
    }
}

static void print_thread(const struct thread *thread)
{
    static const char *const states[] = {"new", "runnable", "running", "parked", "dead"};
    uint32_t state = atomic_load(&thread->state);
    panic_print("DUMP    thread %u of process %p: %s, CPU %u, work %x%s", thread->tid,
                (void *)thread->process, state < 5 ? states[state] : "?", thread->cpu->number,
                atomic_load(&thread->work), atomic_load(&thread->unparked) ? ", unparked" : "");
}

void dump_cpu(unsigned number, uint64_t pc, uint64_t frame_pointer)
{
    const struct cpu *cpu = cpus[number];
    panic_print("DUMP CPU %u: %u ready, lock %u, idle mask %x", number,
                atomic_load(&cpu->ready_count), atomic_load(&cpu->lock.held),
                atomic_load(&sched_idle_mask));
    print_thread(cpu->current);
    print_address("at  ", pc, 0);
    trace(cpu->current, frame_pointer);
}

void dump_threads(void)
{
    const struct thread *thread;
    for (unsigned i = 0; (thread = thread_nth(i)) != NULL; i++) {
        uint32_t state = atomic_load(&thread->state);
        if (state != THREAD_PARKED && state != THREAD_RUNNABLE)
            continue;
        print_thread(thread);
        trace(thread, arch_thread_frame(&thread->arch));
    }
    panic_print("DUMP end");
}
