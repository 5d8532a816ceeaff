/* SPDX-License-Identifier: BSD-2-Clause */
/* The time page, for the vDSO's memory object. */
#ifndef KERNEL_ARCH_X86_64_CLOCK_H
#define KERNEL_ARCH_X86_64_CLOCK_H

/* From now on the time page is at PAGE, which programs have mapped. Once, during boot. */
void clock_move_time_page(void *page);

#endif
