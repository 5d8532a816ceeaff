/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own page tables.  The upper half is the same in all address spaces: entries 256 (direct map), 384
 * (stacks) and 511 (image) of the top level, made at boot and only copied afterwards.
 *
 * The direct map covers 4 GiB always (RAM and the devices below it; the MTRRs keep those uncached) and
 * RAM above; it is never executable, and the image's text and constants are read-only there too.  The image
 * is mapped page by page: text read-execute, constants read-only, data read-write.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/pte.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/bootinfo.h"
#include "kernel/lib/string.h"

extern uint64_t boot_pdpt[512], boot_pdpt_kernel[512], boot_pd[4][512];
extern uint8_t kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];

struct arch_pt kernel_pt;

static uint64_t image_pt[2][512] __attribute__((aligned(4096)));
static uint64_t image_pd[512] __attribute__((aligned(4096)));
static uint64_t direct_pt[512]
    __attribute__((aligned(4096))); /* of the 2 MiB where the image begins */

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
