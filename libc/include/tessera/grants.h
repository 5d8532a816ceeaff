/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Named grants: the descriptors that a program was started with. Each key of the program's argument map
 * whose value is a descriptor is a grant of that name. Paths of the POSIX layer begin with one:
 * open("/NAME/rest") is openat(grant_fd("NAME"), "rest"), and relative paths start at the grant `cwd`,
 * else `tmpdir`, else at the only directory granted.
 */
#ifndef _TESSERA_GRANTS_H
#define _TESSERA_GRANTS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptor granted as NAME; -1 if there is none. */
int grant_fd(const char *name);

/* Name of the grant of this index, from 0 on, and its descriptor if FD is not NULL; NULL after the last. */
const char *grant_name(size_t index, int *fd);

/* The arguments of a program, also for one that has program_main: their count, and the vector. */
int program_args(char ***argv);

/* The argument bytes as the kernel delivered them. */
const void *program_argbytes(size_t *len);

#ifdef __cplusplus
}
#endif

#endif
