/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks: the slow path, and in debug kernels the record of what each CPU holds.
 *
 * The record is per CPU, not per thread: nobody sleeps with a spinlock, and the one lock that is held
 * across a switch (the run queue's) is given back on the CPU that took it.  Ranks must rise; equal ranks
 * are taken by rising address.  Until the first CPU is set up nothing is checked, as %gs is not valid.
 */
#include "kernel/sync/spinlock.h"

#include "kernel/arch/arch.h"
#include "kernel/lib/assert.h"
#include "kernel/sched/sched.h"

void spinlock_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK_INIT((uint16_t)rank);
}

__attribute__((preserve_most, noinline)) void spinlock_lock_slow(struct spinlock *lock)
{
    do {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed) != 0)
            arch_spin_hint();
    } while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0);
}

#ifdef KERNEL_DEBUG

#define HELD_MAX 16

static struct {
    const struct spinlock *lock[HELD_MAX];
    unsigned count;
} held[MAX_CPUS];

static bool checking(void)
{
    return sched_ready;
}

static void check_order(const struct spinlock *lock)
{
    unsigned cpu = arch_cpu_self()->number;
    for (unsigned i = 0; i < held[cpu].count; i++) {
        const struct spinlock *other = held[cpu].lock[i];
        if (other->rank < lock->rank || (other->rank == lock->rank && other < lock))
            continue;
        panic("lock order: rank %u wanted, rank %u held", lock->rank, other->rank);
    }
}

static void record(struct spinlock *lock)
{
    unsigned cpu = arch_cpu_self()->number;
    kverify(held[cpu].count < HELD_MAX);
    held[cpu].lock[held[cpu].count++] = lock;
    lock->owner = (uint16_t)(cpu + 1);
}

static void forget(struct spinlock *lock)
{
    unsigned cpu = arch_cpu_self()->number, i = 0;
    kverify(lock->owner == cpu + 1 || lock->owner == 0); /* 0: taken before checking began */
    if (lock->owner == 0)
        return;
    while (held[cpu].lock[i] != lock)
        i++;
    held[cpu].lock[i] = held[cpu].lock[--held[cpu].count];
    lock->owner = 0;
}

void spinlock_lock(struct spinlock *lock)
{
    if (checking())
        check_order(lock);
    if (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0)
        spinlock_lock_slow(lock);
    if (checking())
        record(lock);
}

void spinlock_unlock(struct spinlock *lock)
{
    kverify(atomic_load_explicit(&lock->held, memory_order_relaxed) != 0);
    if (checking())
        forget(lock);
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}

void spinlock_assert_held(const struct spinlock *lock)
{
    if (checking())
        kverify(lock->owner == arch_cpu_self()->number + 1);
}

void spinlock_assert_none(void)
{
    if (!checking())
        return;
    unsigned cpu = arch_cpu_self()->number;
    if (held[cpu].count != 0)
        panic("a spinlock of rank %u is held where none may be", held[cpu].lock[0]->rank);
}

bool spinlock_try(struct spinlock *lock)
{
    if (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0)
        return false;
    if (checking())
        record(lock);
    return true;
}

#else

bool spinlock_try(struct spinlock *lock)
{
    return atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) == 0;
}

#endif
