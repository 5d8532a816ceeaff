/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Birth and death of threads.
 *
 * struct thread and its kernel stack are kept together in a pool of dead threads, last in first out: a
 * new thread finds a mapped stack that is still in the cache.  struct thread is never given back (see
 * thread.h); stacks are, beyond POOL_STACKS.  The pool's memory is the kernel's own; a job is charged for
 * a thread while the thread lives.
 */
#include "kernel/job/job.h"
#include "kernel/mm/frame.h"
#include "kernel/sched/sched_priv.h"
#include "kernel/sched/tid.h"

#define POOL_STACKS 32
#define STACK_BYTES (KERNEL_STACK_PAGES * PAGE_SIZE)
#define CHARGE      (STACK_BYTES + sizeof(struct thread))

static struct spinlock pool_lock = SPINLOCK_INIT(RANK_SLAB);
static struct list pool = LIST_INIT(pool);           /* dead threads with a stack; by run_link */
static struct list pool_bare = LIST_INIT(pool_bare); /* and without */
static unsigned pool_stacks;

#define THREADS_A_PAGE (PAGE_SIZE / sizeof(struct thread))
#define PAGES_LISTED   1024

static struct thread *_Atomic pages[PAGES_LISTED]; /* for thread_nth(); never given back */
static atomic_uint page_count;

const struct thread *thread_nth(unsigned n)
{
    unsigned page = n / THREADS_A_PAGE;
    const struct thread *threads = page < PAGES_LISTED ? atomic_load(&pages[page]) : NULL;
    return threads != NULL ? &threads[n % THREADS_A_PAGE] : NULL;
}

/* The pool belongs to nobody: what lies in it is taken off the root's account, and put back on it before
 * the frames go, so that use is the same whatever the pool happens to hold. */
static void account(bool pooled, uint64_t bytes)
{
    if (pooled)
        job_uncharge(&job_root, JOB_MEMORY, bytes);
    else
        atomic_fetch_add_explicit(&job_root.used[JOB_MEMORY], bytes, memory_order_relaxed);
}

static void put_frames(const paddr_t *frames, unsigned count)
{
    while (count > 0)
        frame_put(frame_of(frames[--count]));
}

static void *stack_create(paddr_t *frames)
{
    unsigned count = 0;
    for (; count < KERNEL_STACK_PAGES; count++) {
        struct frame *frame = frame_alloc(NULL);
        if (frame == NULL)
            break;
        frames[count] = frame_phys(frame);
    }
    void *stack = count == KERNEL_STACK_PAGES ? arch_kmap_stack(frames, count) : NULL;
    if (stack == NULL)
        put_frames(frames, count);
    else
        account(true, STACK_BYTES);
    return stack;
}

/* A page full of them for the pool, but for the one that is returned. */
static struct thread *more_threads(void)
{
    struct frame *frame = frame_alloc_zero(NULL);
    if (frame == NULL)
        return NULL;
    account(true, PAGE_SIZE);
    struct thread *threads = frame_data(frame);
    for (unsigned i = 0; i < THREADS_A_PAGE; i++) {
        list_init(&threads[i].run_link);
        list_init(&threads[i].timer_link);
        list_init(&threads[i].process_link);
        atomic_init(&threads[i].state, THREAD_DEAD);
        atomic_init(&threads[i].cpu, arch_cpu_self());
        if (i == 0)
            continue;
        spinlock_lock(&pool_lock);
        list_push(&pool_bare, &threads[i].run_link);
        spinlock_unlock(&pool_lock);
    }
    unsigned page = atomic_fetch_add(&page_count, 1);
    if (page < PAGES_LISTED)
        atomic_store(&pages[page], threads);
    return &threads[0];
}

/* Off the pool, or new. On no list; with a stack. */
static struct thread *obtain(void)
{
    spinlock_lock(&pool_lock);
    struct list *link = list_pop(&pool);
    if (link != NULL)
        pool_stacks--;
    else
        link = list_pop(&pool_bare);
    spinlock_unlock(&pool_lock);
    struct thread *thread =
        link != NULL ? container_of(link, struct thread, run_link) : more_threads();
    if (thread == NULL)
        return NULL;
    if (thread->stack == NULL)
        thread->stack = stack_create(thread->stack_frames);
    if (thread->stack != NULL)
        return thread;
    spinlock_lock(&pool_lock);
    list_push(&pool_bare, &thread->run_link);
    spinlock_unlock(&pool_lock);
    return NULL;
}

uint64_t thread_cached_frames(void)
{
    return (uint64_t)pool_stacks * KERNEL_STACK_PAGES;
}

static void give_back(struct thread *thread)
{
    spinlock_lock(&pool_lock);
    bool keep = pool_stacks < POOL_STACKS;
    if (keep) {
        pool_stacks++;
        list_push(&pool, &thread->run_link);
    }
    spinlock_unlock(&pool_lock);
    if (keep)
        return;
    arch_kunmap_stack(thread->stack, KERNEL_STACK_PAGES);
    account(false, STACK_BYTES);
    put_frames(thread->stack_frames, KERNEL_STACK_PAGES);
    thread->stack = NULL;
    spinlock_lock(&pool_lock);
    list_push(&pool_bare, &thread->run_link);
    spinlock_unlock(&pool_lock);
}

static void first_run(void *argument)
{
    struct thread *self = argument;
    self->entry(self->entry_arg);
    thread_exit_current();
}

/* The fields that a new life begins with. `cpu` stays: stale pointers may look at it. */
static void reset(struct thread *thread, struct process *process, struct job *job)
{
    thread->process = process;
    thread->vmspace = NULL;
    thread->fds = NULL;
    thread->job = job_get(job);
    thread->tid = tid_next();
    thread->priority = process != NULL ? 1 : 2;
    thread->credit = SCHED_SLICE_NS / 2;
    thread->switched_in = arch_clock_monotonic();
    thread->slice_end = thread->cpu_time = thread->cpu_reported = thread->deadline = 0;
    thread->wakes = thread->spreads = 0;
    thread->metered = false;
    thread->closing = NULL;
    atomic_store(&thread->work, 0);
    atomic_store(&thread->unparked, false);
    atomic_store(&thread->state, THREAD_NEW);
}

cloudabi_errno_t thread_create(struct process *process, struct job *job, void (*fn)(void *),
                               void *arg, struct thread **out)
{
    if (!job_charge(job, JOB_THREADS, 1))
        return CLOUDABI_EAGAIN;
    if (!job_charge(job, JOB_MEMORY, CHARGE))
        goto no_memory;
    struct thread *thread = obtain();
    if (thread == NULL)
        goto no_thread;
    reset(thread, process, job);
    thread->entry = fn;
    thread->entry_arg = arg;
    arch_thread_init(thread, first_run, thread);
    atomic_fetch_add_explicit(&object_count[OBJECT_THREAD], 1, memory_order_relaxed);
    *out = thread;
    return 0;
no_thread:
    job_uncharge(job, JOB_MEMORY, CHARGE);
no_memory:
    job_uncharge(job, JOB_THREADS, 1);
    return CLOUDABI_ENOMEM;
}

void thread_start(struct thread *thread)
{
    struct cpu *cpu = sched_lock_cpu_of(thread);
    kassert(thread->state == THREAD_NEW);
    sched_make_ready(cpu, thread);
}

void thread_discard(struct thread *thread)
{
    kassert(thread->state == THREAD_NEW);
    atomic_store(&thread->state, THREAD_DEAD);
    thread_release(thread);
}

void thread_exit_current(void)
{
    struct cpu *cpu = arch_cpu_self();
    struct thread *self = cpu->current;
    spinlock_assert_none();
    spinlock_lock(&cpu->lock);
    atomic_store(&self->state, THREAD_DEAD);
    sched_leave_locked(cpu, self);
    panic("a dead thread runs");
}

void thread_release(struct thread *thread)
{
    struct job *job = thread->job;
    job_uncharge(job, JOB_MEMORY, CHARGE);
    job_uncharge(job, JOB_THREADS, 1);
    thread->process = NULL;
    thread->vmspace = NULL;
    thread->job = NULL;
    atomic_fetch_sub_explicit(&object_count[OBJECT_THREAD], 1, memory_order_relaxed);
    give_back(thread);
    job_put(job);
}

cloudabi_errno_t thread_enter_job(struct job *job)
{
    struct thread *self = thread_self();
    struct job *old = self->job;
    if (!job_charge(job, JOB_THREADS, 1))
        return CLOUDABI_EAGAIN;
    if (!job_charge(job, JOB_MEMORY, CHARGE)) {
        job_uncharge(job, JOB_THREADS, 1);
        return CLOUDABI_ENOMEM;
    }
    self->job = job_get(job);
    atomic_fetch_or(&self->work, WORK_RESCHED); /* to be metered from now on, if the job is */
    self->metered = atomic_load_explicit(&job->metered, memory_order_relaxed);
    job_uncharge(old, JOB_MEMORY, CHARGE);
    job_uncharge(old, JOB_THREADS, 1);
    job_put(old);
    return 0;
}

uint64_t thread_cpu_time(const struct thread *thread)
{
    uint64_t time = thread->cpu_time, since = thread->switched_in, now = arch_clock_monotonic();
    if (atomic_load_explicit(&thread->state, memory_order_relaxed) == THREAD_RUNNING && now > since)
        time += now - since; /* on another CPU it may have been switched to just now */
    return time;
}
