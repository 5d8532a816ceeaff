/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few facts taken from ACPI: processors and interrupt controllers (MADT), the HPET, and how to power
 * off and reset (FADT, and the _S5_ object found in the DSDT by its bytes; there is no interpreter).
 * Tables are believed as little as possible: lengths are checked, what does not fit is ignored.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/debug/log.h"
#include "kernel/lib/string.h"

#define TABLE_LIMIT (4ul << 30) /* what is mapped for certain */
#define HEADER_SIZE 36u

struct acpi_tables acpi;

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}
static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static const uint8_t *physical(uint64_t pa, uint64_t len)
{
    return pa != 0 && pa < TABLE_LIMIT && len <= TABLE_LIMIT - pa ? arch_direct(pa) : NULL;
}

/* The table at PA with its length checked, or NULL. */
static const uint8_t *table_at(uint64_t pa, uint32_t *len)
{
    const uint8_t *table = physical(pa, HEADER_SIZE);
    if (table == NULL)
        return NULL;
    *len = get32(table + 4);
    return *len >= HEADER_SIZE ? physical(pa, *len) : NULL;
}

static const uint8_t *find_rsdp(uint64_t hint)
{
    const uint8_t *p = physical(hint, 36);
    if (p != NULL && memcmp(p, "RSD PTR ", 8) == 0)
        return p;
    for (uint64_t pa = 0xe0000; pa < 0x100000; pa += 16) {
        p = physical(pa, 36);
        if (memcmp(p, "RSD PTR ", 8) == 0)
            return p;
    }
    return NULL;
}

static void parse_madt_entry(const uint8_t *e, uint8_t len)
{
    if (e[0] == 0 && len >= 8 && (get32(e + 4) & 1) && acpi.cpus < MAX_CPUS)
        acpi.cpu_apic_id[acpi.cpus++] = e[3];
    else if (e[0] == 9 && len >= 16 && (get32(e + 8) & 1) && acpi.cpus < MAX_CPUS)
        acpi.cpu_apic_id[acpi.cpus++] = get32(e + 4);
    else if (e[0] == 1 && len >= 12 && acpi.io_apics < 4) {
        acpi.io_apic[acpi.io_apics].pa = get32(e + 4);
        acpi.io_apic[acpi.io_apics++].gsi = get32(e + 8);
    } else if (e[0] == 2 && len >= 10 && acpi.overrides < 16) {
        acpi.override[acpi.overrides].irq = e[3];
        acpi.override[acpi.overrides].gsi = get32(e + 4);
        acpi.override[acpi.overrides++].flags = get16(e + 8);
    } else if (e[0] == 5 && len >= 12)
        acpi.local_apic = get64(e + 4);
}

static void parse_madt(const uint8_t *table, uint32_t len)
{
    if (len < 44)
        return;
    acpi.local_apic = get32(table + 36);
    for (uint32_t at = 44; at + 2 <= len && table[at + 1] >= 2 && at + table[at + 1] <= len;
         at += table[at + 1])
        parse_madt_entry(table + at, table[at + 1]);
}

/* An element of the package: a byte, or ZeroOp, OneOp, BytePrefix value. */
static const uint8_t *package_byte(const uint8_t *p, const uint8_t *end, uint16_t *value)
{
    if (p < end && *p == 0x0a)
        p++;
    if (p >= end)
        return NULL;
    *value = *p;
    return p + 1;
}

/* NameOp "_S5_" PackageOp length count values... */
static void find_s5(const uint8_t *table, uint32_t len)
{
    const uint8_t *end = table + len;
    for (const uint8_t *p = table + HEADER_SIZE; p + 8 < end; p++) {
        if (memcmp(p, "_S5_\x12", 5) != 0)
            continue;
        p += 5;
        p += (*p >> 6) + 2; /* package length, then the count of elements */
        uint16_t a, b = 0;
        if ((p = package_byte(p, end, &a)) == NULL)
            return;
        package_byte(p, end, &b);
        acpi.s5_a = (uint16_t)(a << 10);
        acpi.s5_b = (uint16_t)(b << 10);
        acpi.s5_known = true;
        return;
    }
}

static void parse_fadt(const uint8_t *table, uint32_t len)
{
    if (len < 72)
        return;
    acpi.pm1a_control = (uint16_t)get32(table + 64);
    acpi.pm1b_control = (uint16_t)get32(table + 68);
    if (len >= 129 && (get32(table + 112) & 1u << 10) && table[116] == 1) { /* in I/O space */
        acpi.reset_port = (uint16_t)get64(table + 120);
        acpi.reset_value = table[128];
    }
    uint32_t dsdt_len;
    const uint8_t *dsdt = table_at(get32(table + 40), &dsdt_len);
    if (dsdt != NULL)
        find_s5(dsdt, dsdt_len);
}

static void parse_table(uint64_t pa)
{
    uint32_t len;
    const uint8_t *table = table_at(pa, &len);
    if (table == NULL)
        return;
    if (memcmp(table, "APIC", 4) == 0)
        parse_madt(table, len);
    else if (memcmp(table, "FACP", 4) == 0)
        parse_fadt(table, len);
    else if (memcmp(table, "HPET", 4) == 0 && len >= 56 && table[40] == 0)
        acpi.hpet = get64(table + 44);
}

void acpi_init(uint64_t rsdp_hint)
{
    const uint8_t *rsdp = find_rsdp(rsdp_hint);
    if (rsdp == NULL) {
        klog("acpi: no tables");
        return;
    }
    bool extended = rsdp[15] >= 2 && get64(rsdp + 24) != 0;
    uint32_t len, width = extended ? 8 : 4;
    const uint8_t *root = table_at(extended ? get64(rsdp + 24) : get32(rsdp + 16), &len);
    if (root == NULL)
        return;
    for (uint32_t at = HEADER_SIZE; at + width <= len; at += width)
        parse_table(extended ? get64(root + at) : get32(root + at));
}
