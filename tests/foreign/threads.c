/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads, locks and condition variables in user memory, as another C library does them: uncontended in user space
 * (with
 * lock elision prefixes), contended through poll. Any answer that such a library would not expect ends the program.
 */
#include "tests/foreign/foreign.h"

#define WRITTEN CLOUDABI_LOCK_WRLOCKED
#define MANAGED CLOUDABI_LOCK_KERNEL_MANAGED

static _Thread_local int reads_held;

static bool swap(lock_t *lock, uint32_t old, uint32_t new)
{
    bool done;

    __asm__ volatile(".byte 0xf2\n\tlock cmpxchgl %3, %2\n\tsete %1"
                     : "+a"(old), "=q"(done), "+m"(*lock)
                     : "r"(new)
                     : "memory", "cc");
    return done;
}

static _Noreturn void unexpected(const char *what, uint64_t error)
{
    say("# unexpected: ");
    say(what);
    say(" ");
    tap_ok(false, "an answer that a C library does not expect", __LINE__, error);
    (void)cloudabi_sys_proc_raise(CLOUDABI_SIGABRT);
    cloudabi_sys_proc_exit(127);
}

/* poll() for one thing and maybe a clock: true if it was the thing. */
static bool wait_for(cloudabi_subscription_t *in, uint64_t deadline, const char *what)
{
    cloudabi_event_t out[2] = {{.error = 0}};
    size_t count = 0;
    cloudabi_errno_t error;

    in[1] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_CLOCK,
                                      .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC,
                                                .timeout = deadline,
                                                .flags = CLOUDABI_SUBSCRIPTION_CLOCK_ABSTIME}};
    error = cloudabi_sys_poll(in, out, deadline != 0 ? 2 : 1, &count);
    if (error != 0)
        unexpected(what, error);
    if (count != 1)
        unexpected("number of events", count);
    if (out[0].error != 0)
        unexpected(what, out[0].error);
    if (out[0].type != in[0].type && out[0].type != CLOUDABI_EVENTTYPE_CLOCK)
        unexpected("event type", out[0].type);
    return out[0].type == in[0].type;
}

static bool lock_wait(lock_t *lock, uint8_t type, uint8_t scope, uint64_t deadline)
{
    cloudabi_subscription_t in[2] = {{.type = type, .lock = {.lock = lock, .lock_scope = scope}}};

    return wait_for(in, deadline, "lock");
}

bool lock_try_write(lock_t *lock)
{
    return swap(lock, 0, own_tid | WRITTEN);
}

bool lock_write(lock_t *lock, uint8_t scope, uint64_t deadline)
{
    if (!lock_try_write(lock) && !lock_wait(lock, CLOUDABI_EVENTTYPE_LOCK_WRLOCK, scope, deadline))
        return false;
    if ((atomic_load(lock) & ~MANAGED) != (own_tid | WRITTEN))
        unexpected("word of a lock that was got", atomic_load(lock));
    return true;
}

bool lock_try_read(lock_t *lock)
{
    uint32_t old = atomic_load(lock);

    while ((old & WRITTEN) == 0 && ((old & MANAGED) == 0 || reads_held > 0)) {
        if (swap(lock, old, old + 1)) {
            reads_held++;
            return true;
        }
        old = atomic_load(lock);
    }
    return false;
}

bool lock_read(lock_t *lock, uint8_t scope, uint64_t deadline)
{
    if (lock_try_read(lock))
        return true;
    if (!lock_wait(lock, CLOUDABI_EVENTTYPE_LOCK_RDLOCK, scope, deadline))
        return false;
    uint32_t word = atomic_load(lock);
    if ((word & WRITTEN) != 0 || (word & ~MANAGED) == 0)
        unexpected("word of a lock that was got for reading", word);
    reads_held++;
    return true;
}

static void lock_call(lock_t *lock, uint8_t scope)
{
    cloudabi_errno_t error = cloudabi_sys_lock_unlock(lock, scope);

    if (error != 0)
        unexpected("lock_unlock", error);
}

static void release_read(lock_t *lock, uint8_t scope)
{
    reads_held--;
    for (;;) {
        uint32_t old = atomic_load(lock);
        if ((old & ~MANAGED) == 0)
            unexpected("word of a lock that was held for reading", old);
        if (old == (1 | MANAGED)) {
            if (swap(lock, old, own_tid | WRITTEN | MANAGED)) {
                lock_call(lock, scope);
                return;
            }
        } else if (swap(lock, old, old - 1)) {
            return;
        }
    }
}

void lock_release(lock_t *lock, uint8_t scope)
{
    if ((atomic_load(lock) & WRITTEN) == 0)
        release_read(lock, scope);
    else if (!swap(lock, own_tid | WRITTEN, 0))
        lock_call(lock, scope);
}

bool cond_wait(condvar_t *condvar, lock_t *lock, uint8_t scope, uint64_t deadline)
{
    cloudabi_subscription_t in[2] = {
        {.type = CLOUDABI_EVENTTYPE_CONDVAR,
         .condvar = {
             .condvar = condvar, .lock = lock, .condvar_scope = scope, .lock_scope = scope}}};
    bool signalled = wait_for(in, deadline, "condvar");

    if ((atomic_load(lock) & ~MANAGED) != (own_tid | WRITTEN))
        unexpected("word of a lock after waiting", atomic_load(lock));
    return signalled;
}

void cond_signal(condvar_t *condvar, uint8_t scope, uint32_t count)
{
    if (atomic_load(condvar) == CLOUDABI_CONDVAR_HAS_NO_WAITERS)
        return;
    cloudabi_errno_t error = cloudabi_sys_condvar_signal(condvar, scope, count);
    if (error != 0)
        unexpected("condvar_signal", error);
}

/* --- threads ------------------------------------------------------------------------------------ */

#define STACK_SIZE  12288u
#define UNSAFE_SIZE 4096u

struct tls_image {
    const void *data;
    size_t filesz, memsz, align;
};

__attribute__((no_sanitize("safe-stack"), no_stack_protector)) static struct tls_image find_tls(
    void)
{
    const char *phdr = aux_find(CLOUDABI_AT_PHDR)->a_ptr, *base = aux_find(CLOUDABI_AT_BASE)->a_ptr;
    size_t count = aux_find(CLOUDABI_AT_PHNUM)->a_val;

    for (; count > 0; count--, phdr += 56)
        if (*(const uint32_t *)phdr == 7)
            return (struct tls_image){
                base + *(const uint64_t *)(phdr + 16), *(const uint64_t *)(phdr + 32),
                *(const uint64_t *)(phdr + 40), *(const uint64_t *)(phdr + 48)};
    __builtin_trap();
}

static _Noreturn __attribute__((noinline)) void thread_run(struct thread *self, cloudabi_tid_t tid)
{
    own_tid = tid;
    atomic_store(&self->join, tid | WRITTEN);
    atomic_store(&self->started, 1);
    self->result = self->run(self->arg);
    cloudabi_sys_thread_exit(&self->join, PRIVATE);
}

/* On the new stack, without TLS yet. */
__attribute__((no_sanitize("safe-stack"), no_stack_protector)) static void thread_entry(
    cloudabi_tid_t tid, void *arg)
{
    struct tls_image tls = find_tls();
    size_t size = (tls.memsz + tls.align - 1) & -tls.align;
    char *block = __builtin_alloca_with_align(size + 8, 512), *old;
    struct thread *self = arg;

    memcpy(block, tls.data, tls.filesz);
    memset(block + tls.filesz, 0, size - tls.filesz);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(old));
    memcpy(block + size, old, 8);
    __asm__ volatile("mov %0, %%fs:0" : : "r"(block + size) : "memory");
    __safestack_unsafe_stack_ptr = (char *)self->unsafe_memory + UNSAFE_SIZE;
    thread_run(self, tid);
}

struct thread *thread_start(void *(*run)(void *), void *arg)
{
    static _Atomic unsigned odd;
    size_t len = STACK_SIZE + atomic_fetch_add(&odd, 8) % 64;
    char *memory = heap_get(STACK_SIZE + 64 + sizeof(struct thread));
    struct thread *thread = (struct thread *)(memory + len); /* directly above the stack */
    cloudabi_threadattr_t attr = {
        .entry_point = thread_entry, .stack = memory, .stack_len = len, .argument = thread};
    cloudabi_tid_t tid = 0;

    *thread = (struct thread){
        .memory = memory, .unsafe_memory = heap_get(UNSAFE_SIZE), .run = run, .arg = arg};
    if (cloudabi_sys_thread_create(&attr, &tid) != 0) {
        heap_put(thread->unsafe_memory);
        heap_put(memory);
        return NULL;
    }
    if (tid <= 1 || tid >> 30 != 0)
        unexpected("tid", tid);
    return thread;
}

void *thread_join(struct thread *thread)
{
    while (atomic_load(&thread->started) == 0)
        (void)cloudabi_sys_thread_yield();
    if ((atomic_load(&thread->join) & WRITTEN) != 0 &&
        !lock_wait(&thread->join, CLOUDABI_EVENTTYPE_LOCK_RDLOCK, PRIVATE, 0))
        unexpected("join", 0);
    void *result = thread->result;
    heap_put(thread->unsafe_memory);
    /* What the thread had is gone, to the last byte: nobody may write there any more. */
    void *memory = thread->memory;
    memset(memory, 0x5a, STACK_SIZE);
    heap_put(memory);
    return result;
}
