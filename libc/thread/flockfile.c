/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream's own lock, for several calls in a row. */
#include <stdio.h>
#include <sys/lock.h>
#include <sys/reent.h>

void __sinit(struct _reent *reent); /* newlib's own */

/* newlib makes the standard streams, and their locks, at their first use. */
static _LOCK_T lock_of(FILE *stream)
{
    struct _reent *reent = _REENT;

    if (!reent->__sdidinit)
        __sinit(reent);
    return stream->_lock;
}

void flockfile(FILE *stream)
{
    __lock_acquire_recursive(lock_of(stream));
}

int ftrylockfile(FILE *stream)
{
    return __lock_try_acquire_recursive(lock_of(stream)) ? 0 : -1; /* retarget.c: true if taken */
}

void funlockfile(FILE *stream)
{
    __lock_release_recursive(lock_of(stream));
}
