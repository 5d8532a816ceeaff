/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text: %d %i %u %x %X %p %s %c %% with width, `0`, `-`, precision for strings, and l, ll, z.
 * The result is always NUL-terminated (if size > 0) and cut at SIZE; the length that it would have had
 * is returned, as by C's snprintf.
 */
#ifndef KERNEL_LIB_PRINTF_H
#define KERNEL_LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

size_t kvsnprintf(char *buffer, size_t size, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) size_t ksnprintf(char *buffer, size_t size,
                                                       const char *format, ...);

#endif
