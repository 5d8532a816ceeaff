/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words behind locks and condition variables.
 *
 * A private word is known by address space and address and reached through the address, by threads of
 * that space only: its page may be copied on write at any time.  A shared word is known by memory object
 * and offset and reached through its frame, so a process that has it mapped elsewhere, or not at all
 * (a condition variable's waiter is moved to a lock that the signaller does not map), can act on it.  The
 * caller's own right to write it is checked once, when it is opened.
 */
#include "kernel/lib/assert.h"
#include "kernel/mm/vmspace.h"
#include "kernel/proc/futex_priv.h"
#include "kernel/sched/sched.h"

#define BUCKETS 256

#define BUCKET4(i)  BUCKET(i), BUCKET((i) + 1), BUCKET((i) + 2), BUCKET((i) + 3)
#define BUCKET16(i) BUCKET4(i), BUCKET4((i) + 4), BUCKET4((i) + 8), BUCKET4((i) + 12)
#define BUCKET64(i) BUCKET16(i), BUCKET16((i) + 16), BUCKET16((i) + 32), BUCKET16((i) + 48)
#define BUCKET(i)                                                 \
    {                                                             \
        SPINLOCK_INIT(RANK_FUTEX), LIST_INIT(buckets[i].sleepers) \
    }
static struct futex_bucket buckets[BUCKETS] = {BUCKET64(0), BUCKET64(64), BUCKET64(128),
                                               BUCKET64(192)};

struct futex_bucket *futex_bucket_of(const void *space, uint64_t offset)
{
    uint64_t hash = ((uint64_t)space >> 6 ^ offset >> 2) * 0x9e3779b97f4a7c15ul;
    return &buckets[hash >> 56];
}

static cloudabi_errno_t open_shared(struct futex_word *word, struct memobj *object, uint64_t offset)
{
    cloudabi_errno_t error = memobj_page(object, offset >> PAGE_SHIFT, true, &word->frame);
    if (error != 0) {
        memobj_put(object);
        return CLOUDABI_EFAULT;
    }
    word->object = object;
    word->space = object;
    word->offset = offset;
    word->direct = (_Atomic uint32_t *)((char *)frame_data(word->frame) + offset % PAGE_SIZE);
    return 0;
}

cloudabi_errno_t futex_word_open(struct futex_word *word, const struct futex_address *address)
{
    struct vmspace *space = thread_self()->vmspace;
    uint64_t va = address->va.va, offset;
    struct memobj *object;
    if (va % sizeof(uint32_t) != 0)
        return CLOUDABI_EINVAL;
    if (va < USER_BASE || va > USER_END - sizeof(uint32_t))
        return CLOUDABI_EFAULT;
    *word = (struct futex_word){.space = space, .offset = va};
    if (address->scope == CLOUDABI_SCOPE_PRIVATE)
        return 0;
    if (address->scope != CLOUDABI_SCOPE_SHARED)
        return CLOUDABI_EINVAL;
    if (vmspace_touch(space, va, sizeof(uint32_t), true) != 0 ||
        vmspace_locate(space, va, &object, &offset) != 0)
        return CLOUDABI_EFAULT;
    return object != NULL ? open_shared(word, object, offset) : 0;
}

void futex_word_close(struct futex_word *word)
{
    if (word->direct == NULL)
        return;
    frame_put(word->frame);
    memobj_put(word->object);
}

bool futex_word_load(const struct futex_word *word, uint32_t *value)
{
    if (word->direct == NULL)
        return arch_user_load32(word->offset, value);
    *value = atomic_load(word->direct);
    return true;
}

bool futex_word_swap(const struct futex_word *word, uint32_t *expected, uint32_t desired,
                     bool *swapped)
{
    if (word->direct == NULL)
        return arch_user_cas32(word->offset, expected, desired, swapped);
    *swapped = atomic_compare_exchange_strong(word->direct, expected, desired);
    return true;
}

cloudabi_errno_t futex_word_touch(const struct futex_word *word)
{
    if (word->direct != NULL)
        return 0;
    return vmspace_touch(thread_self()->vmspace, word->offset, sizeof(uint32_t), true) != 0
               ? CLOUDABI_EFAULT
               : 0;
}

bool futex_same(const struct futex_sleeper *sleeper, const struct futex_word *word)
{
    return sleeper->offset == word->offset && sleeper->space == word->space;
}

cloudabi_errno_t futex_recover(cloudabi_errno_t error, const struct futex_word *word)
{
    if (error == CLOUDABI_EFAULT)
        return futex_word_touch(word);
    if (error != FUTEX_BUSY)
        return error;
    sched_point();
    return thread_killed(thread_self()) ? CLOUDABI_EINTR : 0;
}
