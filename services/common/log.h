/* SPDX-License-Identifier: BSD-2-Clause */
/* A service's lines in the kernel's log: "NAME: text". Without a log descriptor they go nowhere. */
#ifndef SERVICES_COMMON_LOG_H
#define SERVICES_COMMON_LOG_H

/* NAME is kept, not copied. FD may be -1. */
void log_open(const char *name, int fd);
/* One line, without a newline at its end; cut at 200 bytes. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
