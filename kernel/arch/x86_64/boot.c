/* SPDX-License-Identifier: BSD-2-Clause */
/* From the assembly entry to kernel_main(). */
#include "kernel/arch/x86_64/boot.h"
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/debug/log.h"
#include "kernel/lib/bootinfo.h"

#define MAPPED (4ul << 30) /* by the first page tables */

struct boot_info boot_info;

extern uint8_t kernel_start[], kernel_end[];

void boot_main(uint32_t kind, uint32_t info);

static const void *boot_memory_at(void *ctx, uint64_t pa, size_t len)
{
    (void)ctx;
    return pa != 0 && pa < MAPPED && len <= MAPPED - pa ? arch_direct(pa) : NULL;
}

void boot_main(uint32_t kind, uint32_t info)
{
    time_begin();
    cpu_detect();
    cpu_patch_smap();
    idt_init();
    smp_init_boot_cpu();
    bool ok = kind == BOOT_MULTIBOOT2 ? bootinfo_multiboot2(&boot_info, info, boot_memory_at, NULL)
                                      : bootinfo_pvh(&boot_info, info, boot_memory_at, NULL);
    if (!ok)
        panic("the boot loader's information is malformed");
    /* What is not to be given out: page 0 and the trampoline, video memory and ROMs, this image. */
    bootinfo_reserve(&boot_info, 0, 0x10000);
    bootinfo_reserve(&boot_info, 0x80000, 0x100000);
    bootinfo_reserve(&boot_info, (uint64_t)kernel_start - KERNEL_BASE,
                     (uint64_t)kernel_end - KERNEL_BASE);
    paging_init(&boot_info);
    arch_pt_activate(&kernel_pt);
    kernel_main();
}

void arch_init_devices(void)
{
    acpi_init(boot_info.rsdp);
    apic_init();
    apic_init_cpu();
    smp_set_boot_apic_id();
    time_init();
}
