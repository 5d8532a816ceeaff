/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory mappings. Memory that is writable and executable at once is refused (ENOTSUP). */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROT_NONE  0
#define PROT_EXEC  1
#define PROT_WRITE 2
#define PROT_READ  4

#define MAP_ANON      1
#define MAP_ANONYMOUS MAP_ANON
#define MAP_FIXED     2
#define MAP_PRIVATE   4
#define MAP_SHARED    8
#define MAP_NORESERVE 0
#define MAP_STACK     0
#define MAP_FAILED    ((void *)-1)

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

#define POSIX_MADV_DONTNEED   1
#define POSIX_MADV_NORMAL     3
#define POSIX_MADV_RANDOM     4
#define POSIX_MADV_SEQUENTIAL 5
#define POSIX_MADV_WILLNEED   6
#define MADV_DONTNEED         POSIX_MADV_DONTNEED
#define MADV_NORMAL           POSIX_MADV_NORMAL
#define MADV_RANDOM           POSIX_MADV_RANDOM
#define MADV_SEQUENTIAL       POSIX_MADV_SEQUENTIAL
#define MADV_WILLNEED         POSIX_MADV_WILLNEED

void *mmap(void *, size_t, int, int, int, off_t);
int munmap(void *, size_t);
int mprotect(void *, size_t, int);
int msync(void *, size_t, int);
int madvise(void *, size_t, int);
int posix_madvise(void *, size_t, int);
int mlock(const void *, size_t);
int munlock(const void *, size_t);
/* A nameless shared memory object of size 0; give it a size with ftruncate. */
int shm_create(void);

#ifdef __cplusplus
}
#endif

#endif
