/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/conformance/call.h"

#include "tests/conformance/suite.h"

/* --- descriptors ------------------------------------------------------------------------------------ */

cloudabi_fd_t new_file(const char *name)
{
    cloudabi_fd_t fd;

    OK(open_file(dir, name, CLOUDABI_O_CREAT, &fd));
    return fd;
}

cloudabi_fd_t file_with(const char *name, const char *text)
{
    cloudabi_fd_t fd = new_file(name);

    OK(put_at(fd, text, strlen(text), 0));
    return fd;
}

cloudabi_fd_t new_directory(const char *name)
{
    cloudabi_fd_t fd;

    OK(make_dir(dir, name));
    OK(open_dir(dir, name, &fd));
    return fd;
}

void new_pair(cloudabi_filetype_t type, cloudabi_fd_t pair[2])
{
    OK(cloudabi_sys_fd_create2(type, &pair[0], &pair[1]));
}

cloudabi_fd_t new_memory(size_t pages)
{
    cloudabi_filestat_t stat = {.st_size = pages * PAGE};
    cloudabi_fd_t fd;

    OK(cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd));
    OK(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE));
    return fd;
}

cloudabi_fd_t narrowed(cloudabi_fd_t fd, cloudabi_rights_t base, cloudabi_rights_t below)
{
    cloudabi_fd_t copy;

    OK(cloudabi_sys_fd_dup(fd, &copy));
    OK(narrow(copy, base, below));
    return copy;
}

cloudabi_rights_t rights_of(cloudabi_fd_t fd)
{
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_stat_get(fd, &stat));
    return stat.fs_rights_base;
}

cloudabi_filestat_t stat_of(cloudabi_fd_t fd)
{
    cloudabi_filestat_t stat;

    memset(&stat, 0xee, sizeof(stat));
    OK(cloudabi_sys_file_stat_fget(fd, &stat));
    return stat;
}

cloudabi_filesize_t position_of(cloudabi_fd_t fd)
{
    cloudabi_filesize_t at = 0;

    OK(cloudabi_sys_fd_seek(fd, 0, CLOUDABI_WHENCE_CUR, &at));
    return at;
}

cloudabi_errno_t set_flags(cloudabi_fd_t fd, cloudabi_fdflags_t flags)
{
    cloudabi_fdstat_t stat = {.fs_flags = flags};

    return cloudabi_sys_fd_stat_put(fd, &stat, CLOUDABI_FDSTAT_FLAGS);
}

bool holds(cloudabi_fd_t fd, const char *text)
{
    char buf[256];
    size_t done = 0;

    return get_at(fd, buf, sizeof(buf), 0, &done) == 0 && done == strlen(text) &&
           memcmp(buf, text, done) == 0;
}

bool use_up_descriptors(unsigned keep)
{
    cloudabi_fd_t fd = dir, last[8] = {0};

    for (unsigned i = 0; i < 1000000; i++) {
        cloudabi_errno_t error = cloudabi_sys_fd_dup(fd, &last[i % 8]);
        if (error != 0) {
            for (unsigned k = 1; k <= keep; k++)
                OK(cloudabi_sys_fd_close(last[(i - k) % 8]));
            return error == CLOUDABI_EMFILE;
        }
    }
    return false;
}

/* --- memory ------------------------------------------------------------------------------------------ */

cloudabi_errno_t map(size_t len, cloudabi_mprot_t prot, cloudabi_mflags_t flags, cloudabi_fd_t fd,
                     uint64_t offset, char **out)
{
    return cloudabi_sys_mem_map(NULL, len, prot, flags, fd, offset, (void **)out);
}

char *new_pages(size_t pages)
{
    char *mem = NULL;

    OK(map(pages * PAGE, READ | WRITE, ANON, CLOUDABI_MAP_ANON_FD, 0, &mem));
    return mem;
}

char *edge(size_t count)
{
    char *mem = new_pages(2);

    OK(cloudabi_sys_mem_unmap(mem + PAGE, PAGE));
    return mem + PAGE - count;
}

/* --- files ------------------------------------------------------------------------------------------- */

cloudabi_errno_t open_how(cloudabi_fd_t at, cloudabi_lookupflags_t flags, const char *path,
                          cloudabi_oflags_t oflags, cloudabi_fdflags_t fdflags,
                          cloudabi_rights_t base, cloudabi_rights_t below, cloudabi_fd_t *fd)
{
    cloudabi_fdstat_t want = {
        .fs_flags = fdflags, .fs_rights_base = base, .fs_rights_inheriting = below};

    return cloudabi_sys_file_open((cloudabi_lookup_t){.fd = at, .flags = flags}, path, strlen(path),
                                  oflags, &want, fd);
}

cloudabi_errno_t seek(cloudabi_fd_t fd, int64_t delta, cloudabi_whence_t whence, uint64_t *at)
{
    return cloudabi_sys_fd_seek(fd, delta, whence, at);
}

cloudabi_errno_t link_at(cloudabi_fd_t at, const char *from, const char *to)
{
    return cloudabi_sys_file_link((cloudabi_lookup_t){.fd = at}, from, strlen(from), at, to,
                                  strlen(to));
}

cloudabi_errno_t readlink_at(cloudabi_fd_t at, const char *path, char *buf, size_t len,
                             size_t *used)
{
    return cloudabi_sys_file_readlink(at, path, strlen(path), buf, len, used);
}

/* --- sockets ------------------------------------------------------------------------------------------ */

cloudabi_errno_t send_to(cloudabi_fd_t sock, const void *data, size_t len, const cloudabi_fd_t *fds,
                         size_t nfds, size_t *done)
{
    cloudabi_ciovec_t vec = {.buf = data, .buf_len = len};
    cloudabi_send_in_t in = {.si_data = &vec, .si_data_len = 1, .si_fds = fds, .si_fds_len = nfds};
    cloudabi_send_out_t out = {0};
    cloudabi_errno_t error = cloudabi_sys_sock_send(sock, &in, &out);

    *done = out.so_datalen;
    return error;
}

cloudabi_errno_t receive(cloudabi_fd_t sock, void *data, size_t len, cloudabi_fd_t *fds,
                         size_t nfds, cloudabi_riflags_t flags, cloudabi_recv_out_t *out)
{
    cloudabi_iovec_t vec = {.buf = data, .buf_len = len};
    cloudabi_recv_in_t in = {
        .ri_data = &vec, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = nfds, .ri_flags = flags};

    return cloudabi_sys_sock_recv(sock, &in, out);
}

/* --- processes ----------------------------------------------------------------------------------------- */

cloudabi_fd_t start_child(uint32_t (*run)(void *), void *arg)
{
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid;

    OK(cloudabi_sys_proc_fork(&process, &tid));
    if (process == CLOUDABI_PROCESS_CHILD)
        child_exit(run(arg));
    return process;
}

uint32_t finish_child(cloudabi_fd_t process)
{
    cloudabi_event_t event = wait_process(process);

    OK(event.error);
    OK(cloudabi_sys_fd_close(process));
    return event.proc_terminate.signal != 0 ? 1000u + event.proc_terminate.signal
                                            : event.proc_terminate.exitcode;
}

uint32_t child_result(uint32_t (*run)(void *), void *arg)
{
    return finish_child(start_child(run, arg));
}

/* --- threads ------------------------------------------------------------------------------------------- */

#define STACK_LEN 65536u

/*
 * The thread takes its own lock before anybody knows of it, and lets it go by ending. It has no TLS: the suite is
 * compiled without the safe stack, and what such a thread runs must not use the library's state.
 */
static void thread_entry(cloudabi_tid_t tid, void *arg)
{
    struct thread *thread = arg;

    thread->lock = tid | CLOUDABI_LOCK_WRLOCKED;
    __atomic_store_n(&thread->tid, tid, __ATOMIC_SEQ_CST);
    thread->run(thread->arg);
    cloudabi_sys_thread_exit(&thread->lock, CLOUDABI_SCOPE_PRIVATE);
    __builtin_unreachable();
}

void start_thread(struct thread *thread, void (*run)(void *), void *arg)
{
    cloudabi_threadattr_t attr = {
        .entry_point = thread_entry, .stack_len = STACK_LEN, .argument = thread};
    cloudabi_tid_t tid;

    thread->run = run;
    thread->arg = arg;
    thread->lock = 0;
    __atomic_store_n(&thread->tid, 0, __ATOMIC_SEQ_CST);
    thread->stack = new_pages(STACK_LEN / PAGE);
    attr.stack = thread->stack;
    OK(cloudabi_sys_thread_create(&attr, &tid));
    while (__atomic_load_n(&thread->tid, __ATOMIC_SEQ_CST) == 0)
        nap(MILLI / 10);
    CHECK(thread->tid == tid);
}

void join_thread(struct thread *thread)
{
    OK(take_lock(&thread->lock, CLOUDABI_EVENTTYPE_LOCK_RDLOCK, CLOUDABI_SCOPE_PRIVATE, 0));
    OK(cloudabi_sys_mem_unmap(thread->stack, STACK_LEN));
}

/* A free lock that one takes says who one is. */
cloudabi_tid_t own_tid(void)
{
    _Atomic(cloudabi_lock_t) lock = 0;

    OK(take_lock(&lock, CLOUDABI_EVENTTYPE_LOCK_WRLOCK, CLOUDABI_SCOPE_PRIVATE, 0));
    return lock & ~(cloudabi_lock_t)(CLOUDABI_LOCK_WRLOCKED | CLOUDABI_LOCK_KERNEL_MANAGED);
}

/* --- locks ----------------------------------------------------------------------------------------------- */

static cloudabi_errno_t wait_for(cloudabi_subscription_t in[2], uint64_t timeout)
{
    cloudabi_event_t out[2];
    size_t count = 0;

    in[1] = (cloudabi_subscription_t){
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = timeout}};
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, timeout != 0 ? 2 : 1, &count);
    if (error != 0)
        return error;
    if (count != 1)
        return CLOUDABI_EIO;
    return out[0].type == CLOUDABI_EVENTTYPE_CLOCK ? TIMED_OUT : out[0].error;
}

cloudabi_errno_t take_lock(_Atomic(cloudabi_lock_t) *lock, cloudabi_eventtype_t type,
                           cloudabi_scope_t scope, uint64_t timeout)
{
    cloudabi_subscription_t in[2] = {{.type = type, .lock = {.lock = lock, .lock_scope = scope}}};

    return wait_for(in, timeout);
}

cloudabi_errno_t wait_condvar(_Atomic(cloudabi_condvar_t) *condvar, _Atomic(cloudabi_lock_t) *lock,
                              cloudabi_scope_t scope, uint64_t timeout)
{
    cloudabi_subscription_t in[2] = {
        {.type = CLOUDABI_EVENTTYPE_CONDVAR,
         .condvar = {
             .condvar = condvar, .lock = lock, .condvar_scope = scope, .lock_scope = scope}}};

    return wait_for(in, timeout);
}
