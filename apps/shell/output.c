/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

struct sink {
    int fd;                  /* -1: the terminal */
    cloudabi_errno_t failed; /* the first error */
    size_t len;
    char buffer[4096];
};

static struct sink output = {.fd = -1};

cloudabi_errno_t write_all(int fd, const char *bytes, size_t len)
{
    while (len != 0) {
        const cloudabi_ciovec_t piece = {bytes, len};
        size_t done = 0;
        cloudabi_errno_t error = cloudabi_sys_fd_write((cloudabi_fd_t)fd, &piece, 1, &done);
        if (error != 0 || done == 0)
            return error != 0 ? error : CLOUDABI_EIO;
        bytes += done;
        len -= done;
    }
    return 0;
}

cloudabi_errno_t out_flush(void)
{
    int fd = output.fd >= 0 ? output.fd : terminal_fd;
    if (output.failed == 0 && output.len != 0)
        output.failed = write_all(fd, output.buffer, output.len);
    output.len = 0;
    return output.failed;
}

void out_text(const char *text, size_t len)
{
    while (len != 0) {
        if (output.len == sizeof(output.buffer) && out_flush() != 0)
            return;
        size_t room = sizeof(output.buffer) - output.len;
        size_t piece = len < room ? len : room;
        memcpy(output.buffer + output.len, text, piece);
        output.len += piece;
        text += piece;
        len -= piece;
    }
}

static void out_arguments(const char *format, va_list args)
{
    char text[1400];
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len > 0)
        out_text(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

void out(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    out_arguments(format, args);
    va_end(args);
}

void complain(const char *format, ...)
{
    va_list args;
    int fd = output.fd;
    out_redirect(-1);
    va_start(args, format);
    out_arguments(format, args);
    va_end(args);
    out_text("\n", 1);
    out_redirect(fd);
}

void out_redirect(int fd)
{
    if (fd == output.fd)
        return;
    (void)out_flush();
    output.fd = fd;
    output.failed = 0;
}
