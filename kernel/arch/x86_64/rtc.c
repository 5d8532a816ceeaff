/* SPDX-License-Identifier: BSD-2-Clause */
/* The wall clock that runs while the machine is off. Taken to show UTC and a year from 2000 on. */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"

static uint8_t rtc_read(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

/* Since 1970-01-01, Gregorian. */
static uint64_t days_from_civil(uint64_t y, uint64_t m, uint64_t d)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t leap_years = (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400;
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return (y - 1970) * 365 + leap_years + before[(m - 1) % 12] + (leap && m > 2) + d - 1;
}

uint64_t rtc_seconds(void)
{
    static const uint8_t regs[] = {0, 2, 4, 7, 8, 9};
    uint8_t v[6], again[6];
    bool same;
    do { /* until two readings agree, with no update between */
        same = true;
        while (rtc_read(10) & 0x80)
            cpu_pause();
        for (int i = 0; i < 6; i++)
            v[i] = rtc_read(regs[i]);
        for (int i = 0; i < 6; i++)
            again[i] = rtc_read(regs[i]), same = same && again[i] == v[i];
    } while (!same);
    uint8_t format = rtc_read(11);
    bool pm = !(format & 2) && (v[2] & 0x80);
    v[2] &= 0x7f;
    if (!(format & 4))
        for (int i = 0; i < 6; i++)
            v[i] = (uint8_t)((v[i] >> 4) * 10 + (v[i] & 15));
    if (!(format & 2))
        v[2] = (uint8_t)(v[2] % 12 + (pm ? 12 : 0));
    return days_from_civil(2000u + v[5], v[4], v[3]) * 86400 + v[2] * 3600u + v[1] * 60u + v[0];
}
