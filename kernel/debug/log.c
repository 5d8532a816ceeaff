/* SPDX-License-Identifier: BSD-2-Clause */
/* The log's lock also keeps the lines whole on COM1. A panic writes without it (panic.c). */
#include "kernel/debug/log.h"

#include <stdarg.h>

#include "kernel/arch/arch.h"
#include "kernel/lib/printf.h"
#include "kernel/lib/string.h"
#include "kernel/sync/spinlock.h"

#define RING 32768u
#define LINE 512u

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG);
static char ring[RING];   /* log_lock */
static uint64_t ring_end; /* log_lock: bytes ever written */

static void append(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ring[(ring_end + i) % RING] = text[i];
    ring_end += len;
}

/* LINE_TEXT has room for the two bytes at its end. */
static void emit(char *line, size_t len)
{
    line[len] = '\r';
    line[len + 1] = '\n';
    spinlock_lock(&log_lock);
    append(line, len);
    append("\n", 1);
    arch_console_write(line, len + 2);
    spinlock_unlock(&log_lock);
}

static size_t stamp(char *line, size_t size)
{
    uint64_t us = arch_clock_monotonic() / 1000;
    return ksnprintf(line, size, "[%3lu.%06lu] ", us / 1000000, us % 1000000);
}

void klog(const char *format, ...)
{
    char line[LINE];
    size_t len = stamp(line, sizeof(line));
    va_list args;
    va_start(args, format);
    len += kvsnprintf(line + len, sizeof(line) - 2 - len, format, args);
    va_end(args);
    emit(line, len < LINE - 3 ? len : LINE - 3);
}

void klog_text(const char *text, size_t text_len)
{
    char line[LINE];
    size_t len = stamp(line, sizeof(line));
    for (size_t i = 0; i < text_len && len < LINE - 3; i++)
        line[len++] = (uint8_t)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    emit(line, len);
}

size_t klog_read(uint64_t *position, char *to, size_t len)
{
    spinlock_lock(&log_lock);
    if (*position > ring_end)
        *position = ring_end;
    if (ring_end - *position > RING)
        *position = ring_end - RING;
    size_t n = ring_end - *position < len ? ring_end - *position : len;
    for (size_t i = 0; i < n; i++)
        to[i] = ring[(*position + i) % RING];
    spinlock_unlock(&log_lock);
    *position += n;
    return n;
}
