/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/fd_mock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mm/slab.h"
#include "kernel/mm/transfer.h"
#include "kernel/mm/vmspace.h"
#include "kernel/proc/process.h"
#include "kernel/sched/sched.h"

struct mock mock;
uint64_t host_memory; /* 0: a physical address is the address itself */
struct job job_root;
static struct thread thread;
static struct process process;

void mock_reset(void)
{
    uint64_t now = mock.now; /* never goes back */
    memset(&mock, 0, sizeof(mock));
    mock.now = now + 1000000000000;
    for (int i = 0; i < JOB_RESOURCES; i++)
        mock.limit[i] = UINT64_MAX;
    mock.fault_after = SIZE_MAX;
    memset(&thread, 0, sizeof(thread));
    memset(&process, 0, sizeof(process));
    process.job = thread.job = &job_root;
    process.fds = thread.fds = fd_table_create(&job_root);
}

void mock_end(void)
{
    fd_table_destroy(process.fds);
    assert(mock.objects == 0);
    assert(mock.frames == 0);
    assert(mock.used[JOB_DESCRIPTORS] == 0);
}

struct thread *thread_self(void)
{
    return &thread;
}

struct process *process_self(void)
{
    return &process;
}

bool thread_killed(const struct thread *t)
{
    (void)t;
    return false;
}

void sched_point(void)
{
}

cloudabi_errno_t thread_park(uint64_t deadline)
{
    (void)deadline;
    mock.parks++;
    return mock.park != NULL ? mock.park() : CLOUDABI_EINTR;
}

uint64_t arch_clock_monotonic(void)
{
    return mock.now += mock.tick;
}

/* --- jobs and memory -------------------------------------------------------------------------- */

struct job *job_get(struct job *job)
{
    return job;
}

void job_put(struct job *job)
{
    (void)job;
}

static bool fails(void)
{
    return mock.fail_in != 0 && --mock.fail_in == 0;
}

bool job_charge(struct job *job, enum job_resource resource, uint64_t amount)
{
    (void)job;
    if (fails() || amount > mock.limit[resource] - mock.used[resource])
        return false;
    mock.used[resource] += amount;
    return true;
}

void job_uncharge(struct job *job, enum job_resource resource, uint64_t amount)
{
    (void)job;
    assert(mock.used[resource] >= amount);
    mock.used[resource] -= amount;
}

void *kmalloc(struct job *job, size_t size)
{
    (void)job;
    if (fails() || mock.limit[JOB_MEMORY] == 0)
        return NULL;
    mock.objects++;
    return calloc(1, size == 0 ? 1 : size);
}

void *kmalloc_unset(struct job *job, size_t size)
{
    void *object = kmalloc(job, size);
    return object != NULL ? memset(object, 0xa5, size) : NULL;
}

void kfree(void *pointer)
{
    if (pointer != NULL)
        mock.objects--;
    free(pointer);
}

void *slab_alloc(struct slab_cache *cache, struct job *job)
{
    return kmalloc(job, cache->size);
}

void *slab_alloc_unset(struct slab_cache *cache, struct job *job)
{
    return kmalloc_unset(job, cache->size);
}

void slab_free(struct slab_cache *cache, void *object)
{
    (void)cache;
    kfree(object);
}

/* A page and behind it its descriptor. */
struct frame *frame_alloc(struct job *job)
{
    (void)job;
    if (fails() || mock.limit[JOB_MEMORY] == 0)
        return NULL;
    char *page = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);
    mock.frames++;
    return (struct frame *)(page + PAGE_SIZE);
}

paddr_t frame_phys(const struct frame *frame)
{
    return arch_direct_to_phys((const char *)frame - PAGE_SIZE);
}

struct frame *frame_of(paddr_t pa)
{
    return (struct frame *)((char *)arch_direct(pa) + PAGE_SIZE);
}

void frame_put(struct frame *frame)
{
    mock.frames--;
    free((char *)frame - PAGE_SIZE);
}

/* --- locks and waiting ------------------------------------------------------------------------ */

void spinlock_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK_INIT(rank);
}

void spinlock_lock_slow(struct spinlock *lock)
{
    (void)lock;
    assert(!"a lock is taken twice");
}

void mutex_init(struct mutex *mutex)
{
    memset(mutex, 0, sizeof(*mutex));
}

void waitq_init(struct waitq *queue)
{
    spinlock_init(&queue->lock, RANK_WAITQ);
    list_init(&queue->waiters);
}

bool waitq_idle(const struct waitq *queue)
{
    return list_empty(&queue->waiters);
}

void waitq_add(struct waitq *queue, struct waiter *waiter)
{
    waiter->queue = queue;
    waiter->fired = false;
    list_append(&queue->waiters, &waiter->link);
}

void waitq_remove(struct waiter *waiter)
{
    list_remove(&waiter->link);
}

void waitq_wake_all(struct waitq *queue)
{
    list_for_each(pos, &queue->waiters) container_of(pos, struct waiter, link)->fired = true;
}

/* --- user memory ------------------------------------------------------------------------------ */

cloudabi_errno_t copy_from_user(void *to, user_addr_t from, size_t len)
{
    memcpy(to, (const void *)from.va, len);
    return 0;
}

bool arch_user_load_pair(uint64_t va, uint64_t *first, uint64_t *second)
{
    const uint64_t *pair = (const uint64_t *)va;
    *first = pair[0];
    *second = pair[1];
    return true;
}

cloudabi_errno_t copy_to_user(user_addr_t to, const void *from, size_t len)
{
    memcpy((void *)to.va, from, len);
    return 0;
}

cloudabi_errno_t user_vec_copyin_any(struct user_vec *vec, user_addr_t iovs, uint64_t n)
{
    const struct user_buf *from = (const struct user_buf *)iovs.va;
    assert(n <= USER_VEC_INLINE);
    *vec = (struct user_vec){.buf = vec->inline_buf, .count = n};
    for (size_t i = 0; i < n; i++) {
        vec->inline_buf[i] = from[i];
        vec->total += from[i].len;
    }
    return 0;
}

void user_vec_free(struct user_vec *vec)
{
    (void)vec;
}

static size_t vec_copy(const struct user_vec *vec, size_t skip, char *kernel, size_t len,
                       bool write)
{
    size_t done = 0;
    for (size_t i = 0; i < vec->count && done < len; i++) {
        size_t n = vec->buf[i].len;
        if (skip >= n) {
            skip -= n;
            continue;
        }
        n = n - skip < len - done ? n - skip : len - done;
        char *user = (char *)vec->buf[i].base.va + skip;
        memcpy(write ? user : kernel + done, write ? kernel + done : user, n);
        done += n;
        skip = 0;
    }
    return done;
}

static size_t until_fault(size_t len)
{
    if (len <= mock.fault_after) {
        if (mock.fault_after != SIZE_MAX)
            mock.fault_after -= len;
        return len;
    }
    len = mock.fault_after;
    mock.fault_after = 0;
    return len;
}

size_t user_vec_read_nofault(const struct user_vec *vec, size_t skip, void *to, size_t len)
{
    return vec_copy(vec, skip, to, until_fault(len), false);
}

size_t user_vec_write_nofault(const struct user_vec *vec, size_t skip, const void *from, size_t len)
{
    return vec_copy(vec, skip, (char *)from, until_fault(len), true);
}

size_t arch_copy_from_user_nofault(void *to, uint64_t from, size_t len)
{
    if (until_fault(len) < len)
        return len;
    memcpy(to, (const void *)from, len);
    return 0;
}

size_t arch_copy_to_user_nofault(uint64_t to, const void *from, size_t len)
{
    if (until_fault(len) < len)
        return len;
    memcpy((void *)to, from, len);
    return 0;
}

cloudabi_errno_t user_vec_read(const struct user_vec *vec, size_t skip, void *to, size_t len)
{
    vec_copy(vec, skip, to, len, false);
    return 0;
}

cloudabi_errno_t user_vec_touch(const struct user_vec *vec, size_t skip, size_t len, bool write)
{
    (void)vec, (void)skip, (void)len, (void)write;
    mock.touches++;
    if (mock.touch_fails)
        return CLOUDABI_EFAULT;
    mock.fault_after = SIZE_MAX;
    return 0;
}

/* Nothing here is a block device. */
void transfer_destroy(struct transfer *transfer)
{
    (void)transfer;
    abort();
}
