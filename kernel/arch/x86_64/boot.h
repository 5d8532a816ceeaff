/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's steps of the boot, in the order in which kernel/main.c takes them. */
#ifndef KERNEL_ARCH_X86_64_BOOT_H
#define KERNEL_ARCH_X86_64_BOOT_H

/* Before kernel_main(): boot_main() has read the boot loader's information, set up the boot CPU's
 * tables and narrowed the page tables. */
_Noreturn void kernel_main(void);

void arch_init_devices(void); /* ACPI, interrupt controllers, clocks; needs no allocator */
void arch_start_cpus(void);   /* the other CPUs, which enter sched_run_idle() */

#endif
