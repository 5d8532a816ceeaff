/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Broken invariants.  kverify() is checked in every kernel, kassert() in debug kernels.  Neither is for
 * anything that a program, a service or a device can cause.
 */
#ifndef KERNEL_LIB_ASSERT_H
#define KERNEL_LIB_ASSERT_H

#ifdef TESSERA_HOST
#include <assert.h>
#define kverify(condition) assert(condition)
#define kassert(condition) assert(condition)
#else

/* Prints a line that begins with PANIC, registers, a backtrace, and stops the machine. */
_Noreturn __attribute__((format(printf, 1, 2))) void panic(const char *format, ...);

#define kverify(condition) \
    ((condition) ? (void)0 : panic("%s:%d: not true: %s", __FILE__, __LINE__, #condition))
#ifdef KERNEL_DEBUG
#define kassert(condition) kverify(condition)
#else
#define kassert(condition) ((void)sizeof(!(condition)))
#endif
#endif

#endif
