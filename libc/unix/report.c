/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: <err.h> on standard error, <syslog.h> on the grant `logfile`, else on standard error. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "libc/unix/unix.h"

static void print(bool with_error, const char *format, va_list args)
{
    int error = errno;
    char **argv;
    int argc = program_args(&argv);

    fprintf(stderr, "%s: ", argc > 0 ? argv[0] : "program");
    if (format != NULL)
        vfprintf(stderr, format, args);
    if (with_error)
        fprintf(stderr, "%s%s", format != NULL ? ": " : "", strerror(error));
    fputc('\n', stderr);
}

void vwarn(const char *format, va_list args)
{
    print(true, format, args);
}

void vwarnx(const char *format, va_list args)
{
    print(false, format, args);
}

void verr(int status, const char *format, va_list args)
{
    print(true, format, args);
    exit(status);
}

void verrx(int status, const char *format, va_list args)
{
    print(false, format, args);
    exit(status);
}

void warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vwarn(format, args);
    va_end(args);
}

void warnx(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vwarnx(format, args);
    va_end(args);
}

void err(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vwarn(format, args);
    va_end(args);
    exit(status);
}

void errx(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vwarnx(format, args);
    va_end(args);
    exit(status);
}

/* Set by programs before they start threads. */
static const char *log_name = "program";
static int log_options;
static int log_mask = 0xff;

void openlog(const char *name, int options, int facility)
{
    (void)facility;
    if (name != NULL)
        log_name = name;
    log_options = options;
}

void closelog(void)
{
}

int setlogmask(int mask)
{
    int old = log_mask;

    if (mask != 0)
        log_mask = mask;
    return old;
}

void vsyslog(int priority, const char *format, va_list args)
{
    char text[1024];
    int fd = grant_fd("logfile");

    if ((log_mask & LOG_MASK(LOG_PRI(priority))) == 0)
        return;
    int len = snprintf(text, sizeof(text), "%s: ", log_name);
    len += vsnprintf(text + len, sizeof(text) - (size_t)len - 1, format, args);
    if (len > (int)sizeof(text) - 2)
        len = (int)sizeof(text) - 2;
    if (len == 0 || text[len - 1] != '\n')
        text[len++] = '\n';
    if (fd < 0 || (log_options & LOG_PERROR) != 0)
        (void)write(STDERR_FILENO, text, (size_t)len);
    if (fd >= 0)
        (void)write(fd, text, (size_t)len);
}

void syslog(int priority, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsyslog(priority, format, args);
    va_end(args);
}
