/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers around fork: those before it run in reverse order of their registration, those after it in order. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "libc/thread/lock.h"

/* Keys: h = handlers_lock. Handlers are never removed. */
struct handlers {
    struct handlers *next;     /* h: registered later */
    struct handlers *previous; /* h */
    void (*run[3])(void);      /* by enum fork_moment */
};

static lock_word handlers_lock;
static struct handlers *_Atomic first; /* h; read without it to see that there is none */
static struct handlers *last;          /* h */

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    struct handlers *handlers = malloc(sizeof(*handlers));

    if (handlers == NULL)
        return ENOMEM;
    *handlers = (struct handlers){.run = {prepare, parent, child}};
    lock_take(&handlers_lock);
    handlers->previous = last;
    if (last != NULL)
        last->next = handlers;
    else
        first = handlers;
    last = handlers;
    lock_drop(&handlers_lock);
    return 0;
}

/* Entries are only ever appended, so the list may be walked without the lock, which handlers may need. */
void __atfork_run(enum fork_moment moment)
{
    if (atomic_load_explicit(&first, memory_order_relaxed) == NULL)
        return;
    lock_take(&handlers_lock);
    struct handlers *at = moment == FORK_PREPARE ? last : first;
    lock_drop(&handlers_lock);
    while (at != NULL) {
        if (at->run[moment] != NULL)
            at->run[moment]();
        at = moment == FORK_PREPARE ? at->previous : at->next;
    }
}
