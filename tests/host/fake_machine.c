/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine of fake_machine.h, and what little of the scheduler kernel/mm calls. */
#include "tests/host/fake_machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/lib/assert.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/random.h"
#include "kernel/mm/radix.h"
#include "kernel/sched/sched.h"

#define ARCH_SET_GS 0x1001

uint64_t host_memory;
struct boot_info boot_info;
static struct cpu cpu;
static struct thread thread;
static uint64_t clock_now = 1000;

void fake_machine_init(uint64_t memory_bytes)
{
    cpu.arch.self = &cpu;
    kverify(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu) == 0);
    void *memory =
        mmap(NULL, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kverify(memory != MAP_FAILED);
    host_memory = (uint64_t)memory;
    boot_info.usable[0] = (struct boot_range){16 * PAGE_SIZE, memory_bytes};
    boot_info.usable_count = 1;
    boot_info.module = (struct boot_range){64 * PAGE_SIZE, 96 * PAGE_SIZE};
    frame_init();
}

void fake_machine_enter(struct vmspace *space)
{
    thread.vmspace = space;
}

/* --- the scheduler ----------------------------------------------------------------------------- */

struct thread *thread_self(void)
{
    return &thread;
}

void sched_point(void)
{
}

bool thread_killed(const struct thread *self)
{
    (void)self;
    return false;
}

cloudabi_errno_t thread_park(uint64_t deadline)
{
    (void)deadline;
    abort(); /* one thread: nobody would wake it */
}

void spinlock_init(struct spinlock *lock, enum lock_rank rank)
{
    *lock = (struct spinlock){.rank = rank};
}

void spinlock_lock_slow(struct spinlock *lock)
{
    (void)lock;
    abort(); /* taken twice */
}

void mutex_init(struct mutex *mutex)
{
    memset(mutex, 0, sizeof(*mutex));
}

/* There is one thread: a mutex that is wanted while it is held will never be free. */
void mutex_lock_slow(struct mutex *mutex)
{
    (void)mutex;
    kverify(false);
}

void mutex_unlock_slow(struct mutex *mutex)
{
    (void)mutex;
    kverify(false);
}

void waitq_init(struct waitq *queue)
{
    list_init(&queue->waiters);
}

void waitq_add(struct waitq *queue, struct waiter *waiter)
{
    (void)queue;
    (void)waiter;
}

void waitq_remove(struct waiter *waiter)
{
    (void)waiter;
}

void waitq_wake_all(struct waitq *queue)
{
    (void)queue;
}

bool waitq_idle(const struct waitq *queue)
{
    (void)queue;
    return true; /* one thread */
}

cloudabi_errno_t mutex_lock_killable_slow(struct mutex *mutex)
{
    (void)mutex;
    kverify(false);
    return 0;
}

/* There is no other thread, hence no flusher and no pool. */
cloudabi_errno_t thread_create(struct process *process, struct job *job, void (*entry)(void *),
                               void *argument, struct thread **out)
{
    (void)process, (void)job, (void)entry, (void)argument, (void)out;
    return CLOUDABI_ENOMEM;
}

void thread_start(struct thread *started)
{
    (void)started;
    abort();
}

void thread_exit_current(void)
{
    abort();
}

uint64_t arch_clock_monotonic(void)
{
    return clock_now++;
}

uint64_t arch_clock_realtime(void)
{
    return clock_now++;
}

uint64_t random_u64(void)
{
    return (uint64_t)random() << 40 ^ (uint64_t)random() << 20 ^ (uint64_t)random();
}

/* --- page tables ---------------------------------------------------------------------------------- */

struct fake_entry {
    paddr_t frame; /* 0: none */
    unsigned flags;
};

/* Real tables have a frame for 2 MiB; here that frame is charged, and the entries lie elsewhere. */
struct fake_table {
    paddr_t frame;
    struct fake_entry entry[512];
};

struct fake_pt {
    struct radix tables; /* by address >> 21 */
    struct radix tlb;    /* by address >> 12: copies of entries */
    paddr_t top;
};

static struct radix_node *node_alloc(void *ctx)
{
    (void)ctx;
    return calloc(1, sizeof(struct radix_node));
}

static void node_free(struct radix_node *node)
{
    free(node);
}

static const struct radix_ops node_ops = {node_alloc, node_free};

static struct fake_pt *fake_of(const struct arch_pt *pt)
{
    return (struct fake_pt *)pt->root;
}

static struct fake_entry *find(const struct arch_pt *pt, uint64_t va)
{
    struct fake_table *table = radix_find(&fake_of(pt)->tables, va >> 21);
    return table != NULL ? &table->entry[va >> 12 & 511] : NULL;
}

int arch_pt_create(struct arch_pt *pt, const struct pt_frame_ops *ops)
{
    struct fake_pt *fake = calloc(1, sizeof(*fake));
    fake->top = ops->alloc(ops->ctx);
    pt->root = (uint64_t)fake;
    if (fake->top != 0)
        return 0;
    free(fake);
    return -1;
}

void arch_pt_destroy(struct arch_pt *pt, const struct pt_frame_ops *ops)
{
    struct fake_pt *fake = fake_of(pt);
    uint64_t index = 0;
    struct fake_table *table;
    arch_tlb_flush(pt, 0, USER_END);
    while ((table = radix_next(&fake->tables, &index)) != NULL) {
        for (unsigned i = 0; i < 512; i++)
            kverify(table->entry[i].frame == 0);
        radix_remove(&fake->tables, index, &node_ops);
        ops->free(ops->ctx, table->frame);
        free(table);
    }
    ops->free(ops->ctx, fake->top);
    free(fake);
}

int arch_pt_prepare(struct arch_pt *pt, uint64_t va, const struct pt_frame_ops *ops)
{
    if (find(pt, va) != NULL)
        return 0;
    paddr_t frame = ops->alloc(ops->ctx);
    if (frame == 0)
        return -1;
    struct fake_table *table = calloc(1, sizeof(*table));
    table->frame = frame;
    radix_insert(&fake_of(pt)->tables, va >> 21, table, &node_ops, NULL);
    return 0;
}

void arch_pt_set(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags)
{
    struct fake_entry *entry = find(pt, va);
    kverify(entry != NULL && frame != 0);
    *entry = (struct fake_entry){frame, flags & PT_USER ? flags : 0};
}

int arch_pt_fill(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags,
                 const struct pt_frame_ops *ops)
{
    if (arch_pt_prepare(pt, va, ops) != 0)
        return -1;
    if (arch_pt_get(pt, va).present)
        return 1;
    arch_pt_set(pt, va, frame, flags);
    return 0;
}

struct pt_entry arch_pt_get(const struct arch_pt *pt, uint64_t va)
{
    const struct fake_entry *entry = find(pt, va);
    if (entry == NULL || entry->frame == 0)
        return (struct pt_entry){0};
    return (struct pt_entry){.present = true, .frame = entry->frame, .flags = entry->flags};
}

struct pt_entry arch_pt_clear(struct arch_pt *pt, uint64_t va)
{
    struct pt_entry old = arch_pt_get(pt, va);
    if (old.present)
        *find(pt, va) = (struct fake_entry){0};
    return old;
}

void arch_pt_write_protect(struct arch_pt *pt, uint64_t va)
{
    find(pt, va)->flags &= ~PT_WRITE;
}

uint64_t arch_pt_next(const struct arch_pt *pt, uint64_t va, uint64_t end)
{
    while (va < end) {
        uint64_t index = va >> 21;
        if (radix_next(&fake_of(pt)->tables, &index) == NULL)
            return end;
        if (index != va >> 21)
            va = index << 21;
        for (; va < end && va >> 21 == index; va += PAGE_SIZE)
            if (arch_pt_get(pt, va).present)
                return va;
    }
    return end;
}

unsigned arch_pt_scan(struct arch_pt *pt, uint64_t *va, uint64_t end, enum pt_scan how,
                      struct pt_page *out, unsigned max)
{
    unsigned count = 0;
    for (; count < max && (*va = arch_pt_next(pt, *va, end)) < end; *va += PAGE_SIZE) {
        struct pt_entry entry =
            how == PT_SCAN_CLEAR ? arch_pt_clear(pt, *va) : arch_pt_get(pt, *va);
        if (how == PT_SCAN_PROTECT)
            arch_pt_write_protect(pt, *va);
        out[count++] = (struct pt_page){*va, entry.frame, entry.flags};
    }
    return count;
}

void arch_tlb_flush(struct arch_pt *pt, uint64_t start, uint64_t end)
{
    struct radix *tlb = &fake_of(pt)->tlb;
    uint64_t index = start >> 12;
    while (radix_next(tlb, &index) != NULL && index < (end + PAGE_SIZE - 1) >> 12)
        free(radix_remove(tlb, index, &node_ops));
}

/* --- accesses -------------------------------------------------------------------------------------- */

static struct fake_entry *translate(uint64_t va, bool write)
{
    struct arch_pt *pt = &thread.vmspace->pt;
    struct radix *tlb = &fake_of(pt)->tlb;
    struct fake_entry *cached = radix_find(tlb, va >> 12);
    if (cached == NULL) {
        struct pt_entry entry = arch_pt_get(pt, va);
        if (!entry.present || !(entry.flags & PT_USER))
            return NULL;
        cached = malloc(sizeof(*cached));
        *cached = (struct fake_entry){entry.frame, entry.flags};
        radix_insert(tlb, va >> 12, cached, &node_ops, NULL);
    }
    if (!write || (cached->flags & PT_WRITE) != 0)
        return cached;
    free(radix_remove(tlb, va >> 12, &node_ops)); /* a fault drops the entry that caused it */
    struct pt_entry entry = arch_pt_get(pt, va);
    return (entry.flags & PT_WRITE) != 0 ? translate(va, write) : NULL;
}

static int byte_at(uint64_t va, bool write, char **at)
{
    struct fake_entry *entry;
    for (unsigned tries = 0; (entry = translate(va, write)) == NULL; tries++) {
        kverify(tries < 10);
        int signal = mm_fault(va, write ? FAULT_WRITE : 0);
        if (signal != 0)
            return signal;
    }
    struct frame *frame = frame_of(entry->frame);
    kverify(frame == NULL || atomic_load(&frame->references) != 0); /* a stale translation */
    *at = (char *)arch_direct(entry->frame) + (va & (PAGE_SIZE - 1));
    return 0;
}

int fake_load(uint64_t va, uint64_t *value)
{
    char *at;
    int signal = byte_at(va, false, &at);
    if (signal == 0)
        memcpy(value, at, sizeof(*value));
    return signal;
}

int fake_store(uint64_t va, uint64_t value)
{
    char *at;
    int signal = byte_at(va, true, &at);
    if (signal == 0)
        memcpy(at, &value, sizeof(value));
    return signal;
}

static size_t copy(uint64_t va, char *kernel, size_t len, bool write, bool fault)
{
    for (; len > 0; len--, va++, kernel++) {
        char *at;
        struct fake_entry *entry = fault ? NULL : translate(va, write);
        if (fault ? byte_at(va, write, &at) != 0 : entry == NULL)
            break;
        if (!fault)
            at = (char *)arch_direct(entry->frame) + (va & (PAGE_SIZE - 1));
        if (write)
            *at = kernel != NULL ? *kernel : 0;
        else
            *kernel = *at;
    }
    return len;
}

void arch_page_zero(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

void arch_page_copy(void *to, const void *from)
{
    memcpy(to, from, PAGE_SIZE);
}

size_t arch_copy_from_user(void *to, uint64_t from, size_t len)
{
    return copy(from, to, len, false, true);
}

size_t arch_copy_to_user(uint64_t to, const void *from, size_t len)
{
    return copy(to, (char *)from, len, true, true);
}

size_t arch_copy_from_user_nofault(void *to, uint64_t from, size_t len)
{
    return copy(from, to, len, false, false);
}

size_t arch_copy_to_user_nofault(uint64_t to, const void *from, size_t len)
{
    return copy(to, (char *)from, len, true, false);
}

size_t arch_zero_user(uint64_t to, size_t len)
{
    static char zeros[PAGE_SIZE];
    size_t left = len;
    while (left > 0) {
        size_t n = left < PAGE_SIZE ? left : PAGE_SIZE;
        size_t missing = copy(to + (len - left), zeros, n, true, true);
        left -= n - missing;
        if (missing != 0)
            break;
    }
    return left;
}
