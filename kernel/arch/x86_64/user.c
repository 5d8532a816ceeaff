/* SPDX-License-Identifier: BSD-2-Clause */
/* User memory: ranges are checked here, copied in copy.S. */
#include "kernel/arch/x86_64/arch_priv.h"

size_t user_copy_in(void *to, uint64_t from, size_t len);
size_t user_copy_out(uint64_t to, const void *from, size_t len);
size_t user_copy_in_nofault(void *to, uint64_t from, size_t len);
size_t user_copy_out_nofault(uint64_t to, const void *from, size_t len);
size_t user_zero(uint64_t to, size_t len);
bool user_load_pair(uint64_t va, uint64_t *first, uint64_t *second);
bool user_load32(uint64_t va, uint32_t *value);
bool user_cas32(uint64_t va, uint32_t *expected, uint32_t desired, bool *swapped);

/* A range that runs out of user space faults at its first byte: a program can not tell the difference. */
static bool in_user_space(uint64_t va, size_t len)
{
    return va < USER_END && len <= USER_END - va;
}

size_t arch_copy_from_user(void *to, uint64_t from, size_t len)
{
    return in_user_space(from, len) ? user_copy_in(to, from, len) : len;
}

size_t arch_copy_to_user(uint64_t to, const void *from, size_t len)
{
    return in_user_space(to, len) ? user_copy_out(to, from, len) : len;
}

size_t arch_zero_user(uint64_t to, size_t len)
{
    return in_user_space(to, len) ? user_zero(to, len) : len;
}

size_t arch_copy_from_user_nofault(void *to, uint64_t from, size_t len)
{
    return in_user_space(from, len) ? user_copy_in_nofault(to, from, len) : len;
}

size_t arch_copy_to_user_nofault(uint64_t to, const void *from, size_t len)
{
    return in_user_space(to, len) ? user_copy_out_nofault(to, from, len) : len;
}

bool arch_user_load_pair(uint64_t va, uint64_t *first, uint64_t *second)
{
    return va <= USER_END - 16 && user_load_pair(va, first, second);
}

bool arch_user_load32(uint64_t va, uint32_t *value)
{
    return in_user_space(va, 4) && user_load32(va, value);
}

bool arch_user_cas32(uint64_t va, uint32_t *expected, uint32_t desired, bool *swapped)
{
    return in_user_space(va, 4) && user_cas32(va, expected, desired, swapped);
}
