/* SPDX-License-Identifier: BSD-2-Clause */
/* Off and reset: ACPI as found, then the ports that QEMU's machines have, then halting. */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/uart.h"

#define SLEEP_ENABLE (1u << 13)

_Noreturn void arch_power_off(void)
{
    uart_drain();
    if (acpi.s5_known && acpi.pm1a_control != 0) {
        outw(acpi.pm1a_control, (uint16_t)(acpi.s5_a | SLEEP_ENABLE));
        if (acpi.pm1b_control != 0)
            outw(acpi.pm1b_control, (uint16_t)(acpi.s5_b | SLEEP_ENABLE));
    }
    outw(0x604, 0x2000);
    outw(0xb004, 0x2000);
    arch_halt_all();
}

_Noreturn void arch_reboot(void)
{
    uart_drain();
    if (acpi.reset_port != 0)
        outb(acpi.reset_port, acpi.reset_value);
    outb(0xcf9, 2);
    outb(0xcf9, 6);
    outb(0x64, 0xfe); /* keyboard controller */
    arch_halt_all();
}

/* --- randomness ------------------------------------------------------------------------------------- */

bool arch_random64(uint64_t *out)
{
    for (int tries = 0; tries < 16; tries++) {
        bool ok = false;
        if (cpu_features.rdseed)
            __asm__ volatile("rdseed %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
        if (!ok && cpu_features.rdrand)
            __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
        if (ok)
            return true;
    }
    return false;
}
