/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KERNEL_ARCH_X86_64_CALIBRATE_H
#define KERNEL_ARCH_X86_64_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>

/* Once, on the boot CPU, whose APIC timer it uses. */
void calibrate(uint64_t *tsc_hz, uint64_t *bus_hz);
/* How many cycles and nanoseconds have passed since then; false: there is no clock to tell. */
bool calibrate_again(uint64_t *tsc, uint64_t *ns);

/* A * B / C by way of 128 bits; the result must fit. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low, high;
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "0"(a), "r"(b) : "cc");
    __asm__("divq %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
    return low;
}

#endif
