/* SPDX-License-Identifier: BSD-2-Clause */
/* The page tables of address spaces. Their upper half is the kernel's (paging_boot.c). */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/pte.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/sync/spinlock.h"

/* The top level of all page tables in the upper half: direct map, stacks, image. */
static const uint16_t shared_entry[3] = {256, 384, 511};

int arch_pt_create(struct arch_pt *pt, const struct pt_frame_ops *ops)
{
    paddr_t root = ops->alloc(ops->ctx);
    if (root == 0)
        return -1;
    uint64_t *top = arch_direct(root);
    for (unsigned i = 0; i < 3; i++)
        top[shared_entry[i]] = boot_pml4[shared_entry[i]];
    pt->root = root;
    atomic_store(&pt->active, 0);
    return 0;
}

static struct frame *frame_of_table(const uint64_t *table)
{
    return frame_of(arch_direct_to_phys(table));
}

/* Address spaces are sparse and are walked often, so each table's frame remembers which part of it is used. */
static void note_used(const uint64_t *table, unsigned i)
{
    struct frame *frame = frame_of_table(table);
    if (frame->table.used++ == 0) {
        frame->table.first = frame->table.last = (uint16_t)i;
    } else if (i < frame->table.first) {
        frame->table.first = (uint16_t)i;
    } else if (i > frame->table.last) {
        frame->table.last = (uint16_t)i;
    }
}

/* The first used entry in [i, end), or END. Tables are mostly empty: eight at a time. */
static unsigned skip_empty(const uint64_t *table, unsigned i, unsigned end)
{
    for (; i < end && i % 8 != 0; i++)
        if (table[i] != 0)
            return i;
    for (; i + 8 <= end; i += 8) {
        const uint64_t *e = &table[i];
        if ((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) != 0)
            break;
    }
    while (i < end && table[i] == 0)
        i++;
    return i;
}

/* The same, for tables of programs: looks only where there may be something. */
static unsigned skip_unused(const uint64_t *table, unsigned i, unsigned end)
{
    const struct frame *frame = frame_of_table(table);
    if (frame->table.used == 0 || i > frame->table.last)
        return end;
    unsigned limit = frame->table.last + 1u < end ? frame->table.last + 1u : end;
    unsigned found = skip_empty(table, i < frame->table.first ? frame->table.first : i, limit);
    return found < limit ? found : end;
}

/* Frees the tables below TABLE, and leaves it empty. The lowest ones are empty already. */
static void free_tables(const struct pt_frame_ops *ops, uint64_t *table, unsigned level)
{
    struct frame *frame = frame_of_table(table);
    for (unsigned i = frame->table.first; frame->table.used > 0; i++) {
        if (table[i] == 0)
            continue;
        paddr_t lower = table[i] & P_FRAME;
        if (level > 1)
            free_tables(ops, arch_direct(lower), level - 1);
        ops->free(ops->ctx, lower);
        table[i] = 0;
        frame->table.used--;
    }
}

void arch_pt_destroy(struct arch_pt *pt, const struct pt_frame_ops *ops)
{
    if (pt->root == 0)
        return;
    if (this_cpu()->active_pt == pt)
        arch_pt_activate(&kernel_pt);
    shootdown_empty(pt);
    kverify(atomic_load(&pt->active) == 0);
    fpu_forget_space(pt);
    uint64_t *top = arch_direct(pt->root);
    free_tables(ops, top, 3);
    for (unsigned i = 0; i < 3; i++)
        top[shared_entry[i]] = 0;
    ops->free(ops->ctx, pt->root);
    pt->root = 0;
}

/* The entry of VA, or NULL if a level above is missing. */
static uint64_t *find(const struct arch_pt *pt, uint64_t va)
{
    uint64_t *table = arch_direct(pt->root);
    for (unsigned level = 3; level > 0; level--) {
        uint64_t entry = table[INDEX(va, level)];
        if (!(entry & P_PRESENT))
            return NULL;
        table = arch_direct(entry & P_FRAME);
    }
    return &table[INDEX(va, 0)];
}

static uint64_t *table_of(uint64_t *entry)
{
    return (uint64_t *)((uint64_t)entry & ~(PAGE_SIZE - 1));
}

/* The lowest table for VA, made if it is not there; NULL: no memory. */
static uint64_t *make_tables(struct arch_pt *pt, uint64_t va, const struct pt_frame_ops *ops)
{
    uint64_t *table = arch_direct(pt->root);
    for (unsigned level = 3; level > 0; level--) {
        uint64_t *entry = &table[INDEX(va, level)];
        if (!(*entry & P_PRESENT)) {
            paddr_t lower = ops->alloc(ops->ctx);
            if (lower == 0)
                return NULL;
            *(volatile uint64_t *)entry = lower | P_PRESENT | P_WRITE | P_USER;
            note_used(table, INDEX(va, level));
        }
        table = arch_direct(*entry & P_FRAME);
    }
    return table;
}

int arch_pt_prepare(struct arch_pt *pt, uint64_t va, const struct pt_frame_ops *ops)
{
    return find(pt, va) != NULL || make_tables(pt, va, ops) != NULL ? 0 : -1;
}

static uint64_t encode(paddr_t frame, unsigned flags)
{
    if (!(flags & PT_USER))
        return frame | P_KEPT;
    uint64_t entry = frame | P_PRESENT | P_USER;
    entry |= flags & PT_WRITE ? P_WRITE : 0;
    entry |= flags & PT_EXEC ? 0 : P_NX;
    if (flags & PT_UNCACHED)
        entry |= P_PCD | P_PWT;
    else if (flags & PT_WRITE_COMBINE)
        entry |= cpu_features.pat ? P_PAT : P_PCD | P_PWT;
    return entry;
}

int arch_pt_fill(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags,
                 const struct pt_frame_ops *ops)
{
    uint64_t *entry = find(pt, va);
    if (entry == NULL) {
        uint64_t *table = make_tables(pt, va, ops);
        if (table == NULL)
            return -1;
        entry = &table[INDEX(va, 0)];
    }
    if (*entry != 0)
        return 1;
    note_used(table_of(entry), INDEX(va, 0));
    __atomic_store_n(entry, encode(frame, flags), __ATOMIC_RELEASE);
    return 0;
}

static struct pt_entry decode(uint64_t entry)
{
    struct pt_entry out = {0};
    if (!(entry & (P_PRESENT | P_KEPT)))
        return out;
    out.present = true;
    out.frame = entry & P_FRAME;
    if (entry & P_KEPT)
        return out;
    out.dirty = entry & P_DIRTY;
    out.accessed = entry & P_ACCESSED;
    out.flags |= entry & P_WRITE ? PT_WRITE : 0;
    out.flags |= entry & P_USER ? PT_USER : 0;
    out.flags |= entry & P_NX ? 0 : PT_EXEC;
    out.flags |= entry & P_PCD ? PT_UNCACHED : 0;
    out.flags |= entry & P_PAT ? PT_WRITE_COMBINE : 0;
    return out;
}

void arch_pt_set(struct arch_pt *pt, uint64_t va, paddr_t frame, unsigned flags)
{
    uint64_t *entry = find(pt, va);
    kverify(entry != NULL);
    if (*entry == 0)
        note_used(table_of(entry), INDEX(va, 0));
    __atomic_store_n(entry, encode(frame, flags), __ATOMIC_RELEASE);
}

struct pt_entry arch_pt_clear(struct arch_pt *pt, uint64_t va)
{
    uint64_t *entry = find(pt, va);
    if (entry == NULL || *entry == 0)
        return (struct pt_entry){0};
    frame_of_table(table_of(entry))->table.used--;
    return decode(__atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL));
}

struct pt_entry arch_pt_get(const struct arch_pt *pt, uint64_t va)
{
    const uint64_t *entry = find(pt, va);
    return entry == NULL ? (struct pt_entry){0} : decode(__atomic_load_n(entry, __ATOMIC_ACQUIRE));
}

void arch_pt_write_protect(struct arch_pt *pt, uint64_t va)
{
    uint64_t *entry = find(pt, va);
    if (entry != NULL)
        __atomic_fetch_and(entry, ~P_WRITE, __ATOMIC_ACQ_REL);
}

/* From VA on, the first address below END that a used entry of TABLE covers, or at least END. */
static uint64_t next_used(const uint64_t *table, unsigned level, uint64_t va, uint64_t end)
{
    unsigned shift = 12 + 9 * level, first = INDEX(va, level);
    uint64_t left = (end - 1 - va) >> shift; /* whole spans that follow, at least */
    unsigned count = left + 2 < 512 - first ? first + 2 + (unsigned)left : 512;
    unsigned found = skip_unused(table, first, count);
    return found == first ? va : ((va >> shift) + (found - first)) << shift;
}

/* Called once for each mapped page by everything that walks an area: one descent, no recursion. */
uint64_t arch_pt_next(const struct arch_pt *pt, uint64_t va, uint64_t end)
{
    const uint64_t *table = arch_direct(pt->root);
    unsigned level = 3;
    while (va < end) {
        uint64_t entry = table[INDEX(va, level)];
        if (level == 0 && (entry & (P_PRESENT | P_KEPT)))
            return va;
        if (level > 0 && (entry & P_PRESENT)) {
            table = arch_direct(entry & P_FRAME);
            level--;
            continue;
        }
        uint64_t next = next_used(table, level, va, end);
        if (next == va) /* in use, but not for us */
            next = ((va >> (12 + 9 * level)) + 1) << (12 + 9 * level);
        if ((next ^ va) >> (21 + 9 * level) != 0) { /* beyond this table */
            table = arch_direct(pt->root);
            level = 3;
        }
        va = next;
    }
    return end;
}

/* Does HOW to the entry and returns what it was. */
static uint64_t scan_entry(uint64_t *entry, enum pt_scan how)
{
    if (how == PT_SCAN_CLEAR)
        return __atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL);
    uint64_t old = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
    if (how == PT_SCAN_PROTECT && (old & P_WRITE))
        old = __atomic_fetch_and(entry, ~P_WRITE, __ATOMIC_ACQ_REL);
    return old;
}

/* The entry of the first mapped page at or above *VA, which moves there; NULL: none below END. */
static uint64_t *next_entry(const struct arch_pt *pt, uint64_t *va, uint64_t end)
{
    uint64_t *entry = *va < end ? find(pt, *va) : NULL;
    if (entry != NULL && *entry != 0)
        return entry;
    *va = arch_pt_next(pt, *va, end);
    return *va < end ? find(pt, *va) : NULL;
}

unsigned arch_pt_scan(struct arch_pt *pt, uint64_t *va, uint64_t end, enum pt_scan how,
                      struct pt_page *out, unsigned max)
{
    unsigned count = 0;
    uint64_t *entry;
    while (count < max && (entry = next_entry(pt, va, end)) != NULL) {
        uint64_t base = *va & ~(MIB2 - 1), *table = table_of(entry);
        struct frame *frame = frame_of_table(table);
        unsigned i = INDEX(*va, 0), limit = end - base < MIB2 ? INDEX(end, 0) : 512;
        for (; i < limit && count < max; i = skip_unused(table, i + 1, limit)) {
            uint64_t old = scan_entry(&table[i], how);
            unsigned flags = (old & P_WRITE ? PT_WRITE : 0) | (old & P_USER ? PT_USER : 0);
            out[count++] =
                (struct pt_page){base + i * PAGE_SIZE, old & P_FRAME, old & P_KEPT ? 0 : flags};
            if (how == PT_SCAN_CLEAR)
                frame->table.used--;
        }
        *va = base + i * PAGE_SIZE;
    }
    return count;
}

void arch_pt_activate(struct arch_pt *pt)
{
    struct arch_cpu *cpu = this_cpu();
    struct arch_pt *old = cpu->active_pt;
    uint32_t bit = 1u << cpu->number;
    if (pt == NULL)
        pt = &kernel_pt;
    if (old == pt)
        return;
    atomic_fetch_or(&pt->active,
                    bit); /* before the load of CR3: a flush from now on is sent to us */
    cpu->active_pt = pt;
    write_cr3(pt->root);
    if (old != NULL)
        atomic_fetch_and(&old->active, ~bit);
}

#define FLUSH_ALL_PAGES 32

void paging_flush_local(struct arch_pt *pt, uint64_t start, uint64_t end)
{
    if (pt == NULL) {
        for (uint64_t va = start; va < end; va += PAGE_SIZE)
            invlpg(va);
        return;
    }
    if (this_cpu()->active_pt != pt)
        return;
    if (end - start > FLUSH_ALL_PAGES * PAGE_SIZE) {
        write_cr3(pt->root);
        return;
    }
    for (uint64_t va = start & ~(PAGE_SIZE - 1); va < end; va += PAGE_SIZE)
        invlpg(va);
}
