/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting programs with exactly the descriptors that their argument data names. */
#ifndef _TESSERA_PROGRAM_H
#define _TESSERA_PROGRAM_H

#include <argdata.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Become the program in the file FD. The bytes at DATA are its argument data; each descriptor value in them
 * is a number of this process, and the new program gets just those, numbered from 0 in the order in which
 * they are met. Returns an errno on failure, with nothing changed.
 */
int program_exec_argdata(int fd, const void *data, size_t size);
int program_exec(int fd, const struct argdata *arguments);

/*
 * The same in a new process; *PROCESS becomes its descriptor, on which POLL_PROC_TERMINATE can be waited for
 * and whose closing kills it. Returns 0 or the errno with which the start failed.
 */
int program_spawn_argdata(int fd, const void *data, size_t size, int *process);
int program_spawn(int fd, const struct argdata *arguments, int *process);

/* The calls beneath, for those who number descriptors themselves: descriptor value N is FDS[N]. */
int program_exec_fds(int fd, const void *data, size_t size, const int *fds, size_t count);
int program_spawn_fds(int fd, const void *data, size_t size, const int *fds, size_t count,
                      int *process);

/* Wait for the end of a process; the exit code, or 128 plus the signal that ended it. -1 sets errno. */
int program_wait(int process);

#ifdef __cplusplus
}
#endif

#endif
