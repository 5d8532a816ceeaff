/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables.  The upper half is the same in all: entries 256 (direct map), 384 (stacks) and 511
 * (image) of the top level, made at boot and only copied afterwards.
 *
 * The direct map covers 4 GiB always (RAM and the devices below it; the MTRRs keep those uncached) and
 * RAM above; it is never executable, and the image's text and constants are read-only there too.  The image
 * is mapped page by page: text read-execute, constants read-only, data read-write.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/mm/frame.h"
#include "kernel/sync/spinlock.h"

#define P_PRESENT  0x1ul
#define P_WRITE    0x2ul
#define P_USER     0x4ul
#define P_PWT      0x8ul
#define P_PCD      0x10ul
#define P_ACCESSED 0x20ul
#define P_DIRTY    0x40ul
#define P_LARGE    0x80ul
#define P_PAT      0x80ul /* in a 4 KiB entry */
#define P_GLOBAL   0x100ul
#define P_KEPT     0x200ul /* software: not present, but the entry keeps its frame (PROT_NONE) */
#define P_NX       (1ul << 63)
#define P_FRAME    0x000ffffffffff000ul

#define INDEX(va, level) ((va) >> (12 + 9 * (level)) & 511) /* level 0 = entries of 4 KiB */
#define GIB              (1ul << 30)
#define MIB2             (1ul << 21)
#define DIRECT_LIMIT     (512 * GIB)

#define STACK_REGION     0xffffc00000000000ul /* top-level entry 384 */
#define STACK_SLOT_PAGES 8ul                  /* the lowest is the guard page */
#define STACK_SLOTS      16384

extern uint64_t boot_pml4[512], boot_pdpt[512], boot_pdpt_kernel[512], boot_pd[4][512];
extern uint8_t kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];

struct arch_pt kernel_pt;

static uint64_t image_pt[2][512] __attribute__((aligned(4096)));
static uint64_t image_pd[512] __attribute__((aligned(4096)));
static uint64_t direct_pt[512]
    __attribute__((aligned(4096))); /* of the 2 MiB where the image begins */
static uint64_t stack_pdpt[512] __attribute__((aligned(4096)));

static uint64_t image_phys(const void *va)
{
    return (uint64_t)va - KERNEL_BASE;
}

static void map_image(void)
{
    for (uint8_t *va = kernel_start; va < kernel_end; va += PAGE_SIZE) {
        uint64_t pa = image_phys(va);
        uint64_t entry = pa | P_PRESENT | P_GLOBAL;
        if (va >= kernel_rodata_end)
            entry |= P_WRITE | P_NX;
        else if (va >= kernel_text_end)
            entry |= P_NX;
        image_pt[(pa >> 21) - 1][pa >> 12 & 511] = entry;
    }
    image_pd[1] = image_phys(image_pt[0]) | P_PRESENT | P_WRITE;
    image_pd[2] = image_phys(image_pt[1]) | P_PRESENT | P_WRITE;
    boot_pdpt_kernel[510] = image_phys(image_pd) | P_PRESENT | P_WRITE;
}

/* What can not be written in the image can not be written through the direct map either. */
static void protect_alias(void)
{
    uint64_t start = image_phys(kernel_start), end = image_phys(kernel_rodata_end);
    kverify(start == MIB2 && end <= 2 * MIB2);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t pa = MIB2 + i * PAGE_SIZE;
        direct_pt[i] = pa | P_PRESENT | P_GLOBAL | P_NX | (pa < end ? 0 : P_WRITE);
    }
    boot_pd[0][1] = image_phys(direct_pt) | P_PRESENT | P_WRITE;
}

static bool in_archive(const struct boot_info *info, uint64_t page)
{
    return page < info->module.end && info->module.start < page + PAGE_SIZE;
}

/* A page for tables of the direct map, before there is an allocator: from either end of some RAM below 4 GiB. */
static uint64_t *early_table(struct boot_info *info)
{
    for (size_t i = info->usable_count; i-- > 0;) {
        struct boot_range *r = &info->usable[i];
        if (r->end > 4 * GIB || r->end - r->start < MIB2)
            continue;
        if (!in_archive(info, r->end - PAGE_SIZE)) {
            r->end -= PAGE_SIZE;
            return memset(arch_direct(r->end), 0, PAGE_SIZE);
        }
        if (!in_archive(info, r->start)) {
            r->start += PAGE_SIZE;
            return memset(arch_direct(r->start - PAGE_SIZE), 0, PAGE_SIZE);
        }
    }
    return NULL;
}

static bool map_direct_gib(struct boot_info *info, uint64_t gib)
{
    uint64_t flags = P_PRESENT | P_WRITE | P_LARGE | P_GLOBAL | P_NX;
    if (boot_pdpt[gib] != 0)
        return true;
    if (cpu_features.huge_pages) {
        boot_pdpt[gib] = gib * GIB | flags;
        return true;
    }
    uint64_t *pd = early_table(info);
    if (pd == NULL)
        return false;
    for (unsigned i = 0; i < 512; i++)
        pd[i] = (gib * GIB + i * MIB2) | flags;
    boot_pdpt[gib] = arch_direct_to_phys(pd) | P_PRESENT | P_WRITE | P_NX;
    return true;
}

/* RAM that can not be mapped is left out. */
static void map_direct_ram(struct boot_info *info)
{
    for (size_t i = 0; i < info->usable_count; i++) {
        struct boot_range *r = &info->usable[i];
        if (r->end > DIRECT_LIMIT)
            r->end = r->start > DIRECT_LIMIT ? r->start : DIRECT_LIMIT;
        for (uint64_t gib = r->start / GIB; gib * GIB < r->end; gib++)
            if (!map_direct_gib(info, gib)) {
                r->end = gib * GIB > r->start ? gib * GIB : r->start;
                break;
            }
    }
}

void paging_init(struct boot_info *info)
{
    map_image();
    /* The identity map shares the tables of the direct map below the top level: NX is set above, in the
     * one entry that is only the direct map's. */
    boot_pml4[256] |= P_NX;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 512; j++)
            boot_pd[i][j] |= P_GLOBAL;
    protect_alias();
    map_direct_ram(info);
    boot_pml4[384] = image_phys(stack_pdpt) | P_PRESENT | P_WRITE | P_NX;
    kernel_pt.root = image_phys(boot_pml4);
    write_cr3(kernel_pt.root);
    uint64_t cr4 = read_cr4(); /* toggling PGE drops what was global */
    write_cr4(cr4 & ~0x80ul);
    write_cr4(cr4);
}

void paging_drop_identity(void)
{
    boot_pml4[0] = 0;
    arch_tlb_flush(NULL, 0, UINT64_MAX); /* its entries were global */
}

/* --- address spaces -------------------------------------------------------------------------------- */

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
    if (atomic_load(&pt->active) != 0) /* idle CPUs leave it when asked to flush */
        arch_tlb_flush(pt, 0, USER_END);
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

/* --- kernel stacks --------------------------------------------------------------------------------- */

/* A slot is free, in use, or stale: unmapped, but perhaps still in the TLB of some CPU.  Stale slots
 * become free all together, after one flush of the whole region. */
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
