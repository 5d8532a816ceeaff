/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks.  The kernel runs with interrupts off, so a spinlock needs no interrupt state; it
 * protects against other CPUs only.  A holder may not sleep, may not touch user memory (but with the
 * nofault copies) and takes further spinlocks only in rising rank.  Debug kernels assert both.
 */
#ifndef KERNEL_SYNC_SPINLOCK_H
#define KERNEL_SYNC_SPINLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Ranks: a lock may be taken while holding locks of lower ranks only.  Equal ranks only where a
 * function says how it orders them (by address). */
enum lock_rank {
    RANK_JOB_TREE = 5,
    RANK_PROCESS = 10, /* thread list, state of a process */
    RANK_FD_TABLE = 20,
    RANK_PORT = 30,   /* port, its slots and channels */
    RANK_SOCKET = 40, /* stream and datagram pairs */
    RANK_FILE = 45,
    RANK_MEMOBJ = 50, /* page tree, mappings of a memory object */
    RANK_POOL = 55,   /* what the objects of one pager have in common; the list of pools */
    RANK_PAGE_TABLE = 60,
    RANK_FUTEX = 65,
    RANK_WAITQ = 70,
    RANK_SLAB = 75,
    RANK_FRAME = 80,
    RANK_RUNQ = 90, /* run queue and thread state; innermost but for the log */
    RANK_TIMER = 92,
    RANK_LOG = 95,
};

struct spinlock {
    atomic_uint held; /* 0 free, 1 taken */
    uint16_t rank;
#ifdef KERNEL_DEBUG
    uint16_t owner; /* CPU number + 1 */
#endif
};

#define SPINLOCK_INIT(r)       \
    {                          \
        .held = 0, .rank = (r) \
    }

void spinlock_init(struct spinlock *lock, enum lock_rank rank);
/* preserve_most: the fast path, which is everywhere, may go on using all registers. (Only for functions without a
 * result: Clang 14 preserves its register, too.) */
__attribute__((preserve_most)) void spinlock_lock_slow(struct spinlock *lock);
#ifdef KERNEL_DEBUG
void spinlock_lock(struct spinlock *lock);
void spinlock_unlock(struct spinlock *lock);
void spinlock_assert_held(const struct spinlock *lock);
void spinlock_assert_none(void); /* this CPU holds no spinlock: before sleeping or faulting */
#else
static inline void spinlock_lock(struct spinlock *lock)
{
    if (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0)
        spinlock_lock_slow(lock);
}
static inline void spinlock_unlock(struct spinlock *lock)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}
static inline void spinlock_assert_held(const struct spinlock *lock)
{
    (void)lock;
}
static inline void spinlock_assert_none(void)
{
}
#endif
bool spinlock_try(struct spinlock *lock);

#endif
