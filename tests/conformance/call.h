/* SPDX-License-Identifier: BSD-2-Clause */
/* More short forms of the calls, beside those of the guest tests: each returns the errno of the call. */
#ifndef TESTS_CONFORMANCE_CALL_H
#define TESTS_CONFORMANCE_CALL_H

#include <stdbool.h>

#include "tests/guest/call.h"

#define PAGE      4096u
#define READ      CLOUDABI_PROT_READ
#define WRITE     CLOUDABI_PROT_WRITE
#define EXEC      CLOUDABI_PROT_EXEC
#define ANON      (CLOUDABI_MAP_ANON | CLOUDABI_MAP_PRIVATE)
#define FOLLOW    CLOUDABI_LOOKUP_SYMLINK_FOLLOW
#define MILLI     UINT64_C(1000000)
#define BAD       ((void *)8)                            /* never mapped */
#define BAD_HIGH  ((void *)UINT64_C(0xffffffff80000000)) /* not of the user's half */
#define BAD_SHAPE ((void *)UINT64_C(0x8000000000000000)) /* not an address at all */

/* An open file with all rights; the test ends if that fails. */
cloudabi_fd_t new_file(const char *name);
/* The same with TEXT in it, at position 0. */
cloudabi_fd_t file_with(const char *name, const char *text);
cloudabi_fd_t new_directory(const char *name);
void new_pair(cloudabi_filetype_t type, cloudabi_fd_t pair[2]);
/* A shared memory object of this many pages. */
cloudabi_fd_t new_memory(size_t pages);
/* Fresh memory, readable and writable. */
char *new_pages(size_t pages);
/* The end of a page that is followed by none: COUNT bytes before the hole. */
char *edge(size_t count);
/* Another descriptor of the same file with these rights only. */
cloudabi_fd_t narrowed(cloudabi_fd_t fd, cloudabi_rights_t base, cloudabi_rights_t below);
cloudabi_rights_t rights_of(cloudabi_fd_t fd);
cloudabi_filestat_t stat_of(cloudabi_fd_t fd);
cloudabi_filesize_t position_of(cloudabi_fd_t fd);
cloudabi_errno_t set_flags(cloudabi_fd_t fd, cloudabi_fdflags_t flags);
/* Whether the file holds just this. */
bool holds(cloudabi_fd_t fd, const char *text);
/* Takes all descriptors that are left but KEEP; false if there was no end of them. */
bool use_up_descriptors(unsigned keep);

cloudabi_errno_t map(size_t len, cloudabi_mprot_t prot, cloudabi_mflags_t flags, cloudabi_fd_t fd,
                     uint64_t offset, char **out);
cloudabi_errno_t open_how(cloudabi_fd_t at, cloudabi_lookupflags_t flags, const char *path,
                          cloudabi_oflags_t oflags, cloudabi_fdflags_t fdflags,
                          cloudabi_rights_t base, cloudabi_rights_t below, cloudabi_fd_t *fd);
cloudabi_errno_t seek(cloudabi_fd_t fd, int64_t delta, cloudabi_whence_t whence, uint64_t *at);
cloudabi_errno_t link_at(cloudabi_fd_t at, const char *from, const char *to);
cloudabi_errno_t readlink_at(cloudabi_fd_t at, const char *path, char *buf, size_t len,
                             size_t *used);
cloudabi_errno_t send_to(cloudabi_fd_t sock, const void *data, size_t len, const cloudabi_fd_t *fds,
                         size_t nfds, size_t *done);
cloudabi_errno_t receive(cloudabi_fd_t sock, void *data, size_t len, cloudabi_fd_t *fds,
                         size_t nfds, cloudabi_riflags_t flags, cloudabi_recv_out_t *out);

/* A child that runs RUN and exits with its result. */
cloudabi_fd_t start_child(uint32_t (*run)(void *), void *arg);
/* How it ended: 1000 + signal, or the exit code. */
uint32_t finish_child(cloudabi_fd_t process);
uint32_t child_result(uint32_t (*run)(void *), void *arg);

/* Threads straight on the calls: no library, no TLS. */
struct thread {
    cloudabi_tid_t tid;
    _Atomic(cloudabi_lock_t) lock; /* held by the thread until it has ended */
    void (*run)(void *);
    void *arg;
    char *stack;
};
void start_thread(struct thread *thread, void (*run)(void *), void *arg);
void join_thread(struct thread *thread);
cloudabi_tid_t own_tid(void);

/* Locks. DEADLINE relative in ns; 0: wait for ever. What the event says, or what poll returned. */
cloudabi_errno_t take_lock(_Atomic(cloudabi_lock_t) *lock, cloudabi_eventtype_t type,
                           cloudabi_scope_t scope, uint64_t timeout);
cloudabi_errno_t wait_condvar(_Atomic(cloudabi_condvar_t) *condvar, _Atomic(cloudabi_lock_t) *lock,
                              cloudabi_scope_t scope, uint64_t timeout);
#define TIMED_OUT CLOUDABI_ETIMEDOUT

#endif
