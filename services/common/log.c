/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 200

static const char *log_name = "?";
static int log_fd = -1;

void log_open(const char *name, int fd)
{
    log_name = name;
    log_fd = fd;
}

void log_line(const char *format, ...)
{
    char line[LINE_MAX_LEN + 2];
    va_list args;
    if (log_fd < 0)
        return;
    size_t len = strlen(log_name);
    memcpy(line, log_name, len);
    line[len++] = ':';
    line[len++] = ' ';
    va_start(args, format);
    int added = vsnprintf(line + len, LINE_MAX_LEN - len, format, args);
    va_end(args);
    if (added > 0)
        len += (size_t)added < LINE_MAX_LEN - len ? (size_t)added : LINE_MAX_LEN - len - 1;
    line[len++] = '\n';
    (void)!write(log_fd, line, len); /* nobody to tell if the log does not take it */
}
