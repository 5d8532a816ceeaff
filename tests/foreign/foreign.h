/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole library of programs that share nothing with ours: they stand for executables that were built elsewhere
 * against another C library. Only the types and prototypes of the ABI are common.
 *
 * A program defines program(). Its argument data give tmpdir, logfile and (maybe) nthreads. It prints TAP to logfile.
 */
#ifndef TESTS_FOREIGN_FOREIGN_H
#define TESTS_FOREIGN_FOREIGN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "abi/cloudabi_syscalls.h"

#define PAGE  4096u
#define NO_FD ((cloudabi_fd_t)1000)

/* What lay in the registers and at the thread pointer at the first instruction (crt.c). */
struct entry_state {
    uint64_t rsp, rflags;
    uint64_t tcb; /* the word at fs:0 */
    uint32_t mxcsr;
    uint16_t fpu_control;
};
extern struct entry_state entry_state;

extern const cloudabi_auxv_t *entry_auxv;
extern cloudabi_fd_t arg_tmpdir, arg_logfile, arg_self;
extern int64_t arg_nthreads; /* 0: not said */
extern uint64_t relro_start, relro_len;
extern int ctor_order;

void program(void);

/* --- crt.c ------------------------------------------------------------------------------------- */

/* The entry of the auxiliary vector, or NULL. */
const cloudabi_auxv_t *aux_find(uint32_t type);

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);

/* --- tap.c ------------------------------------------------------------------------------------- */

bool tap_ok(bool ok, const char *text, int line, uint64_t got);
_Noreturn void tap_end(void);
void say(const char *text);
void say_number(uint64_t number);

#define CHECK(expression) tap_ok((expression), #expression, __LINE__, 0)
#define CHECK_IS(value, wanted) \
    tap_is((uint64_t)(value), (uint64_t)(wanted), #value " is " #wanted, __LINE__)

static inline bool tap_is(uint64_t value, uint64_t wanted, const char *text, int line)
{
    return tap_ok(value == wanted, text, line, value);
}

/* --- threads.c: locks as section 7 of docs/executables.md has them ---------------------------- */

typedef _Atomic(cloudabi_lock_t) lock_t;
typedef _Atomic(cloudabi_condvar_t) condvar_t;

#define PRIVATE CLOUDABI_SCOPE_PRIVATE
#define SHARED  CLOUDABI_SCOPE_SHARED

extern _Thread_local cloudabi_tid_t own_tid;
extern _Thread_local void *__safestack_unsafe_stack_ptr;

/* DEADLINE: absolute monotonic time, 0 = for ever. True: the lock is held. */
bool lock_write(lock_t *lock, uint8_t scope, uint64_t deadline);
bool lock_try_write(lock_t *lock);
bool lock_read(lock_t *lock, uint8_t scope, uint64_t deadline);
bool lock_try_read(lock_t *lock);
void lock_release(lock_t *lock, uint8_t scope);

/* True: signalled; false: the time was over. The lock is held in both cases. */
bool cond_wait(condvar_t *condvar, lock_t *lock, uint8_t scope, uint64_t deadline);
void cond_signal(condvar_t *condvar, uint8_t scope, uint32_t count);

struct thread {
    lock_t join;
    _Atomic uint32_t started;
    void *memory, *unsafe_memory, *result;
    void *(*run)(void *);
    void *arg;
};

/* NULL if there is no thread to be had. */
struct thread *thread_start(void *(*run)(void *), void *arg);
void *thread_join(struct thread *thread);

/* --- memory.c ---------------------------------------------------------------------------------- */

void *pages_map(size_t len, cloudabi_mprot_t prot);
void *heap_get(size_t size);
void heap_put(void *block);

/* --- call.c: what a C library makes of the calls ----------------------------------------------- */

uint64_t now(void);
void nap(uint64_t nanoseconds);
cloudabi_errno_t put(cloudabi_fd_t fd, const void *data, size_t len, size_t *done);
cloudabi_errno_t get(cloudabi_fd_t fd, void *data, size_t len, size_t *done);

/* openat(): flags as there. */
enum {
    O_READ = 1,
    O_WRITE = 2,
    O_EXEC = 4,
    O_MAKE = 8,
    O_CUT = 16,
    O_APPENDING = 32,
    O_DIR = 64,
    O_ONLY = 128,
    O_NOLINK = 256,
    O_SEARCH = 512
};
cloudabi_errno_t open_at(cloudabi_fd_t dir, const char *path, unsigned how, cloudabi_fd_t *fd);

/* fork(): 0 in the child, else a process descriptor is set. */
bool fork_child(cloudabi_fd_t *process);
cloudabi_event_t wait_child(cloudabi_fd_t process);
cloudabi_event_t in_child(void (*run)(void *), void *arg);

/* posix_spawn-like: the errno that exec gave, or 0 and the process. */
cloudabi_errno_t spawn(cloudabi_fd_t program_fd, const void *data, size_t len,
                       const cloudabi_fd_t *fds, size_t count, cloudabi_fd_t *process);

#endif
