/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the suite takes from its surroundings besides the system calls. To run it on another implementation,
 * write these in place of platform.c.
 */
#ifndef TESTS_CONFORMANCE_PLATFORM_H
#define TESTS_CONFORMANCE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"

#define NO_GRANT ((cloudabi_fd_t)0xffffffff)

/* The descriptor granted under this name, or NO_GRANT:
 *   tmpdir  a writable directory with all rights; needed
 *   stdout  where the results go; needed
 *   self    the executable file of this program, for tests of proc_exec
 *   fault   taking a decimal number N: the Nth allocation of the writing process fails
 *   jobs    Tessera's directory of jobs, for limits
 *   device  Tessera's log: a character device */
cloudabi_fd_t platform_grant(const char *name);

/* Argument text N, or NULL; 0 is the first behind the program's name. */
const char *platform_argument(unsigned n);

/* The argument data as the kernel delivered it. */
const uint8_t *platform_argdata(size_t *len);

/* In main.c: the whole run; the result is the exit code. */
uint32_t suite_main(void);

#endif
