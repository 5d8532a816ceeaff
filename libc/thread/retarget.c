/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The locks that newlib asks for (retargetable locking). Each of its static locks is an object here;
 * locks of streams come from malloc. All are private; the recursive ones count by their owner.
 */
#include <stdlib.h>
#include <sys/lock.h>

#include "libc/thread/lock.h"

struct __lock {
    lock_word word;
    unsigned depth; /* of a recursive lock: acquisitions beyond the first; kept by the owner */
};

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/* For a stream whose lock could not be allocated: correct, if slower, since it is recursive. */
static struct __lock spare_lock;

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof(**lock));
    if (*lock == NULL)
        *lock = &spare_lock;
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    if (lock != &spare_lock)
        free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    __retarget_lock_close(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    lock_take(&lock->word);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return lock_try_write(&lock->word);
}

void __retarget_lock_release(_LOCK_T lock)
{
    lock_drop(&lock->word);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    if (lock_owned(&lock->word))
        lock->depth++;
    else
        lock_take(&lock->word);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    if (lock_owned(&lock->word)) {
        lock->depth++;
        return 1;
    }
    return lock_try_write(&lock->word);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (lock->depth > 0)
        lock->depth--;
    else
        lock_drop(&lock->word);
}
