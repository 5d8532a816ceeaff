/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the kernel's functions.  tools/ksyms makes the table from a first link of the kernel; the table
 * lies behind the code, so the second link does not move what it describes.  In the first link the
 * table is empty (the weak symbols below).
 */
#include "kernel/debug/log.h"

struct ksym {
    uint32_t offset; /* of the function from kernel_start */
    uint32_t name;   /* in ksym_names */
};

__attribute__((weak)) extern const struct ksym ksym_table[];
__attribute__((weak)) extern const uint32_t ksym_count;
__attribute__((weak)) extern const char ksym_names[];
extern const uint8_t kernel_start[], kernel_text_end[];

const char *ksym_find(uint64_t address, uint64_t *offset)
{
    if (&ksym_count == NULL || address < (uint64_t)kernel_start ||
        address >= (uint64_t)kernel_text_end)
        return NULL;
    uint64_t wanted = address - (uint64_t)kernel_start;
    uint32_t low = 0, high = ksym_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ksym_table[middle].offset <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    *offset = wanted - ksym_table[low - 1].offset;
    return ksym_names + ksym_table[low - 1].name;
}
