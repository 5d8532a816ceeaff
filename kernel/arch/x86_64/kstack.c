/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel stacks, each above a guard page, and registers of devices, in slots of a region of their own.
 *
 * A slot is free, in use, or stale: unmapped, but perhaps still in the TLB of some CPU.  Stale slots become free all
 * together, after one flush of the whole region.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/pte.h"
#include "kernel/lib/assert.h"
#include "kernel/mm/frame.h"
#include "kernel/sync/spinlock.h"

#define STACK_REGION     0xffffc00000000000ul /* top-level entry 384 */
#define STACK_SLOT_PAGES 8ul                  /* the lowest is the guard page */
#define STACK_SLOTS      16384

uint64_t stack_pdpt[512] __attribute__((aligned(4096)));

static struct spinlock stack_lock = SPINLOCK_INIT(RANK_PAGE_TABLE);
static uint64_t stack_used[STACK_SLOTS / 64];  /* in use or stale; stack_lock */
static uint64_t stack_stale[STACK_SLOTS / 64]; /* stack_lock */
static unsigned stack_hint;                    /* stack_lock: no free slot below this word */

static int stack_slot_find(void)
{
    for (unsigned i = stack_hint; i < STACK_SLOTS / 64; i++)
        if (~stack_used[i] != 0) {
            unsigned bit = (unsigned)__builtin_ctzll(~stack_used[i]);
            stack_used[i] |= 1ul << bit;
            stack_hint = i;
            return (int)(i * 64 + bit);
        }
    return -1;
}

static void stack_slots_recycle(void)
{
    uint64_t last = 0;
    for (uint64_t i = 0; i < STACK_SLOTS / 64; i++)
        if (stack_stale[i] != 0)
            last = i + 1;
    arch_tlb_flush(NULL, STACK_REGION, STACK_REGION + last * 64 * STACK_SLOT_PAGES * PAGE_SIZE);
    for (unsigned i = 0; i < STACK_SLOTS / 64; i++) {
        stack_used[i] &= ~stack_stale[i];
        stack_stale[i] = 0;
    }
    stack_hint = 0;
}

static uint64_t *stack_entry(uint64_t va)
{
    uint64_t *table = stack_pdpt;
    for (unsigned level = 2; level > 0; level--) {
        uint64_t *entry = &table[INDEX(va, level)];
        if (!(*entry & P_PRESENT)) {
            struct frame *frame = frame_alloc_zero(NULL);
            if (frame == NULL)
                return NULL;
            *entry = frame_phys(frame) | P_PRESENT | P_WRITE;
        }
        table = arch_direct(*entry & P_FRAME);
    }
    return &table[INDEX(va, 0)];
}

static void *kmap(const paddr_t *frames, size_t pages, uint64_t flags)
{
    kverify(pages < STACK_SLOT_PAGES);
    spinlock_lock(&stack_lock);
    int slot = stack_slot_find();
    if (slot < 0) {
        stack_slots_recycle();
        slot = stack_slot_find();
    }
    uint64_t base = STACK_REGION + ((uint64_t)slot * STACK_SLOT_PAGES + 1) * PAGE_SIZE;
    uint64_t *entry = slot < 0 ? NULL : stack_entry(base); /* a slot never crosses a table */
    for (size_t i = 0; entry != NULL && i < pages; i++)
        entry[i] = frames[i] | P_PRESENT | P_WRITE | P_GLOBAL | P_NX | flags;
    if (entry == NULL && slot >= 0)
        stack_used[slot / 64] &= ~(1ul << slot % 64);
    spinlock_unlock(&stack_lock);
    return entry == NULL ? NULL : (void *)base;
}

void *arch_kmap_stack(const paddr_t *frames, size_t pages)
{
    return kmap(frames, pages, 0);
}

void *arch_kmap_device(paddr_t pa, size_t len)
{
    paddr_t pages[STACK_SLOT_PAGES - 1];
    size_t count = 0;
    for (paddr_t at = pa & ~(PAGE_SIZE - 1); at < pa + len && count < STACK_SLOT_PAGES - 1;
         at += PAGE_SIZE)
        pages[count++] = at;
    uint8_t *base = kmap(pages, count, P_PCD | P_PWT);
    return base == NULL ? NULL : base + pa % PAGE_SIZE;
}

void arch_kunmap_stack(void *base, size_t pages)
{
    uint64_t slot = ((uint64_t)base - STACK_REGION) / (STACK_SLOT_PAGES * PAGE_SIZE);
    spinlock_lock(&stack_lock);
    uint64_t *entry = stack_entry((uint64_t)base);
    for (size_t i = 0; i < pages; i++)
        entry[i] = 0;
    stack_stale[slot / 64] |= 1ul << slot % 64;
    spinlock_unlock(&stack_lock);
    paging_flush_local(NULL, (uint64_t)base, (uint64_t)base + pages * PAGE_SIZE);
}
