/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program was started with, decoded from its argument bytes: the arguments of a plain main, and
 * the named descriptors (grants) that serve as its name space.
 */
#ifndef LIBC_START_PROGRAM_H
#define LIBC_START_PROGRAM_H

#include <stddef.h>

struct program_args {
    int argc;
    char **argv;
};

struct grant {
    const char *name; /* a key of the argument map */
    int fd;
};

struct grants {
    struct grant *list;
    size_t count;
};

extern struct program_args __libc_args;
extern struct grants __libc_grants;
extern char **environ;

/* The argument data in the form that program_main takes. */
const void *__libc_program_argdata(void);

#endif
