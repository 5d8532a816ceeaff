/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes: fork, how they end, process descriptors; threads. */
#include "tests/conformance/call.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"

#define SIGNALLED(signal) (1000u + (signal))

static uint32_t exits(void *code)
{
    return *(uint32_t *)code;
}

/* --- proc_exit ---------------------------------------------------------------------------------------------- */

static uint32_t codes[] = {0, 1, 2, 127, 128, 255, 256, 65536, 0x7fffffff, 0x80000000, 0xffffffff};

TEST_ROWS(proc_exit, OK, "all bits of the code reach the parent", ROWS(codes))
{
    DESCRIBE("%#x", (unsigned)codes[row]);
    cloudabi_fd_t child = start_child(exits, &codes[row]);
    cloudabi_event_t event = wait_process(child);
    CHECK(event.error == 0 && event.proc_terminate.signal == 0 &&
          event.proc_terminate.exitcode == codes[row]);
}

static void exits_in_thread(void *code)
{
    cloudabi_sys_proc_exit(*(uint32_t *)code);
}

static uint32_t lets_a_thread_exit(void *code)
{
    struct thread thread;

    start_thread(&thread, exits_in_thread, code);
    for (;;)
        nap(1000 * MILLI);
}

TEST(proc_exit, OK, "of one thread ends all")
{
    CHECK(child_result(lets_a_thread_exit, &codes[1]) == 1);
}

TEST(proc_exit, OK, "closes what was open")
{
    cloudabi_fd_t pair[2];
    size_t done = 1;

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    cloudabi_fd_t child = start_child(exits, &codes[0]);
    OK(cloudabi_sys_fd_close(pair[1]));
    OK(get(pair[0], &(char){0}, 1, &done));
    CHECK(done == 0 && finish_child(child) == 0);
}

/* --- proc_raise ---------------------------------------------------------------------------------------------- */

static const cloudabi_signal_t fatal[] = {
    CLOUDABI_SIGABRT,   CLOUDABI_SIGALRM, CLOUDABI_SIGBUS,  CLOUDABI_SIGFPE,  CLOUDABI_SIGHUP,
    CLOUDABI_SIGILL,    CLOUDABI_SIGINT,  CLOUDABI_SIGKILL, CLOUDABI_SIGQUIT, CLOUDABI_SIGSEGV,
    CLOUDABI_SIGSYS,    CLOUDABI_SIGTERM, CLOUDABI_SIGTRAP, CLOUDABI_SIGUSR1, CLOUDABI_SIGUSR2,
    CLOUDABI_SIGVTALRM, CLOUDABI_SIGXCPU, CLOUDABI_SIGXFSZ};
static const cloudabi_signal_t harmless[] = {0, CLOUDABI_SIGCHLD, CLOUDABI_SIGCONT,
                                             CLOUDABI_SIGPIPE, CLOUDABI_SIGURG};
static const cloudabi_signal_t stopping[] = {CLOUDABI_SIGSTOP, CLOUDABI_SIGTSTP, CLOUDABI_SIGTTIN,
                                             CLOUDABI_SIGTTOU};

static uint32_t raises(void *signal)
{
    return cloudabi_sys_proc_raise(*(const cloudabi_signal_t *)signal) == 0 ? 5 : 6;
}

TEST_ROWS(proc_raise, OK, "ends the process with that signal", ROWS(fatal))
{
    DESCRIBE("signal %u", fatal[row]);
    CHECK(child_result(raises, (void *)&fatal[row]) == SIGNALLED(fatal[row]));
}

TEST_ROWS(proc_raise, OK, "does nothing", ROWS(harmless))
{
    DESCRIBE("signal %u", harmless[row]);
    CHECK(child_result(raises, (void *)&harmless[row]) == 5);
}

TEST_ROWS(proc_raise, OK, "stops the process, which can still be killed", ROWS(stopping))
{
    cloudabi_subscription_t in[2];
    cloudabi_event_t out[2];
    size_t count = 0;

    DESCRIBE("signal %u", stopping[row]);
    cloudabi_fd_t child = start_child(raises, (void *)&stopping[row]);
    in[0] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_PROC_TERMINATE,
                                      .proc_terminate.fd = child};
    in[1] = (cloudabi_subscription_t){
        .type = CLOUDABI_EVENTTYPE_CLOCK,
        .clock = {.clock_id = CLOUDABI_CLOCK_MONOTONIC, .timeout = 20 * MILLI}};
    OK(cloudabi_sys_poll(in, out, 2, &count));
    CHECK(count == 1 && out[0].type == CLOUDABI_EVENTTYPE_CLOCK);
    OK(cloudabi_sys_fd_close(child));
}

TEST_ROWS(proc_raise, EINVAL, "no signal", 5)
{
    static const cloudabi_signal_t wrong[] = {27, 28, 64, 128, 255};

    DESCRIBE("%u", wrong[row]);
    REFUSED(cloudabi_sys_proc_raise(wrong[row]));
}

/* --- faults ------------------------------------------------------------------------------------------------------ */

static uint32_t divides(void *arg)
{
    __asm__ volatile("xorl %%ecx, %%ecx; cltd; idivl %%ecx" : : "a"(1) : "ecx", "edx", "cc");
    return arg != NULL;
}

static uint32_t undefined_instruction(void *arg)
{
    __asm__ volatile("ud2");
    return arg != NULL;
}

static uint32_t breakpoint(void *arg)
{
    __asm__ volatile("int3");
    return arg != NULL;
}

static uint32_t halts(void *arg)
{
    __asm__ volatile("hlt");
    return arg != NULL;
}

static uint32_t reads_null(void *arg)
{
    return *(volatile uint8_t *)((uintptr_t)arg + 16);
}

static uint32_t reads_kernel(void *arg)
{
    (void)arg;
    return *(volatile uint8_t *)BAD_HIGH;
}

static uint32_t reads_no_address(void *arg)
{
    (void)arg;
    return *(volatile uint8_t *)BAD_SHAPE;
}

static uint32_t overflows(void *arg)
{
    volatile char frame[16384];

    frame[0] = 1;
    return frame[0] == 0 ? 0 : overflows(arg) + (uint32_t)frame[0];
}

static const struct {
    const char *what;
    uint32_t (*run)(void *);
    cloudabi_signal_t signal;
} faults[] = {{"division by 0", divides, CLOUDABI_SIGFPE},
              {"an undefined instruction", undefined_instruction, CLOUDABI_SIGILL},
              {"a breakpoint", breakpoint, CLOUDABI_SIGTRAP},
              {"a privileged instruction", halts, CLOUDABI_SIGSEGV},
              {"a null pointer", reads_null, CLOUDABI_SIGSEGV},
              {"the kernel's memory", reads_kernel, CLOUDABI_SIGSEGV},
              {"no address", reads_no_address, CLOUDABI_SIGSEGV},
              {"the stack's end", overflows, CLOUDABI_SIGSEGV}};

TEST_ROWS(proc_raise, OK, "faults of the processor are signals", ROWS(faults))
{
    DESCRIBE("%s", faults[row].what);
    CHECK(child_result(faults[row].run, NULL) == SIGNALLED(faults[row].signal));
}

/* --- proc_fork --------------------------------------------------------------------------------------------------- */

static volatile uint32_t counter = 1;

static uint32_t changes(void *arg)
{
    uint32_t before = counter;

    (void)arg;
    counter = 100;
    return before;
}

TEST(proc_fork, OK, "memory is copied")
{
    counter = 7;
    CHECK(child_result(changes, NULL) == 7 && counter == 7);
}

static uint32_t sees_descriptors(void *arg)
{
    const cloudabi_fd_t *fds = arg;
    cloudabi_fdstat_t stat;

    return cloudabi_sys_fd_stat_get(fds[0], &stat) == 0 &&
           stat.fs_rights_base == CLOUDABI_RIGHT_FD_READ &&
           cloudabi_sys_fd_stat_get(fds[1], &stat) == CLOUDABI_EBADF;
}

TEST(proc_fork, OK, "descriptors have the same numbers and rights")
{
    cloudabi_fd_t fds[2] = {narrowed(new_file("f"), CLOUDABI_RIGHT_FD_READ, 0), 9999};

    CHECK(child_result(sees_descriptors, fds) == 1);
}

static uint32_t closes_and_narrows(void *arg)
{
    return narrow(*(cloudabi_fd_t *)arg, 0, 0) != 0 ||
           cloudabi_sys_fd_close(*(cloudabi_fd_t *)arg) != 0;
}

TEST(proc_fork, OK, "what the child does to its descriptors does not touch ours")
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_rights_t before = rights_of(fd);

    CHECK(child_result(closes_and_narrows, &fd) == 0);
    CHECK(rights_of(fd) == before);
}

TEST(proc_fork, OK, "the child's numbers: PROCESS_CHILD and its tid")
{
    cloudabi_fd_t process = 77, pair[2];
    cloudabi_tid_t tid = 0, own = own_tid();

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    OK(cloudabi_sys_proc_fork(&process, &tid));
    if (process == CLOUDABI_PROCESS_CHILD) {
        CHECK(tid == own_tid() && tid != 0 && (tid & 0xc0000000) == 0);
        child_exit(0);
    }
    CHECK(process < 4096 && own_tid() == own && finish_child(process) == 0);
}

TEST(proc_fork, OK, "the descriptor: its type and just its two rights")
{
    cloudabi_fd_t child = start_child(exits, &codes[0]);
    cloudabi_fdstat_t stat;

    OK(cloudabi_sys_fd_stat_get(child, &stat));
    CHECK(stat.fs_filetype == CLOUDABI_FILETYPE_PROCESS);
    CHECK(stat.fs_rights_base == 0x40080000 && stat.fs_rights_inheriting == 0);
}

static uint32_t sleeps(void *arg)
{
    (void)arg;
    for (;;)
        nap(1000 * MILLI);
}

static uint32_t spins(void *arg)
{
    (void)arg;
    for (;;)
        continue;
}

static uint32_t stops(void *arg)
{
    (void)arg;
    cloudabi_sys_proc_raise(CLOUDABI_SIGSTOP);
    return 0;
}

TEST_ROWS(fd_close, OK, "of the last descriptor of a process kills it", 3)
{
    static uint32_t (*const runs[])(void *) = {sleeps, spins, stops};
    cloudabi_fd_t pair[2];
    size_t done = 1;

    DESCRIBE(row == 0 ? "that sleeps" : row == 1 ? "that runs" : "that is stopped");
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    cloudabi_fd_t child = start_child(runs[row], NULL), copy;
    OK(cloudabi_sys_fd_close(pair[1]));
    nap(5 * MILLI);
    OK(cloudabi_sys_fd_dup(child, &copy));
    OK(cloudabi_sys_fd_close(child));
    OK(set_flags(pair[0], CLOUDABI_FDFLAG_NONBLOCK));
    nap(5 * MILLI);
    RETURNS(get(pair[0], &(char){0}, 1, &done), CLOUDABI_EAGAIN); /* there is one more */
    OK(set_flags(pair[0], 0));
    OK(cloudabi_sys_fd_close(copy));
    OK(get(pair[0], &(char){0}, 1, &done));
    CHECK(done == 0);
}

static void spins_thread(void *arg)
{
    while (*(volatile uint32_t *)arg == 0)
        continue;
}

static uint32_t counts_threads(void *arg)
{
    (void)arg;
    nap(5 * MILLI); /* if the other thread were here, it would set this */
    return counter;
}

TEST(proc_fork, OK, "only the calling thread is in the child")
{
    static uint32_t stop;
    struct thread thread;

    counter = 3;
    start_thread(&thread, spins_thread, &stop);
    CHECK(child_result(counts_threads, NULL) == 3);
    stop = 1;
    join_thread(&thread);
}

TEST(proc_fork, OK, "deep: children of children")
{
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid;
    uint32_t depth = 0;

    for (; depth < 10; depth++) {
        OK(cloudabi_sys_proc_fork(&process, &tid));
        if (process != CLOUDABI_PROCESS_CHILD)
            break;
    }
    if (depth == 10)
        child_exit(10);
    uint32_t below = finish_child(process);
    if (depth > 0)
        child_exit(below);
    CHECK(below == 10);
}

TEST(proc_fork, OK, "many at once")
{
    cloudabi_fd_t children[20];

    for (size_t i = 0; i < ROWS(children); i++)
        children[i] = start_child(exits, &codes[i % ROWS(codes)]);
    for (size_t i = 0; i < ROWS(children); i++)
        CHECK(wait_process(children[i]).proc_terminate.exitcode == codes[i % ROWS(codes)]);
}

TEST(proc_fork, EMFILE, "the table is full")
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;

    CHECK(use_up_descriptors(0));
    REFUSED(cloudabi_sys_proc_fork(&process, &tid));
}

/* A page that is copied after the fork may meet the fault as well: that ends the process. */
static uint32_t forks_in_shortage(void *n)
{
    cloudabi_fd_t process;
    cloudabi_tid_t tid;

    shortage(*(unsigned *)n);
    cloudabi_errno_t error = cloudabi_sys_proc_fork(&process, &tid);
    if (error == 0)
        child_exit(0);
    shortage(0);
    return error;
}

TEST(proc_fork, ENOMEM, "no memory")
{
    bool seen = false;

    for (unsigned n = 1; n <= 40; n++) {
        uint32_t error = child_result(forks_in_shortage, &n);
        CHECK(error == 0 || error == CLOUDABI_ENOMEM || error == SIGNALLED(CLOUDABI_SIGBUS));
        seen |= error == CLOUDABI_ENOMEM;
        if (error == CLOUDABI_ENOMEM)
            REFUSED((cloudabi_errno_t)error);
    }
    CHECK(seen);
}

/* --- thread_create, thread_exit, thread_yield --------------------------------------------------------------------- */

struct seen {
    cloudabi_tid_t tid;
    uintptr_t stack;
    _Atomic uint32_t count;
};

static void notes(void *arg)
{
    struct seen *seen = arg;

    seen->tid = own_tid();
    seen->stack = (uintptr_t)&seen;
    seen->count++;
}

TEST(thread_create, OK, "runs on its stack, with its number and argument")
{
    struct seen seen = {0};
    struct thread thread;

    start_thread(&thread, notes, &seen);
    join_thread(&thread);
    CHECK(seen.count == 1 && seen.tid == thread.tid && seen.tid != own_tid());
    CHECK(seen.stack > (uintptr_t)thread.stack && seen.stack < (uintptr_t)thread.stack + 65536);
}

TEST(thread_create, OK, "numbers: not 0, two bits clear, different among those that live")
{
    struct thread threads[20];
    static uint32_t stop;

    for (size_t i = 0; i < ROWS(threads); i++) {
        start_thread(&threads[i], spins_thread, &stop);
        CHECK(threads[i].tid != 0 && (threads[i].tid & 0xc0000000) == 0);
        for (size_t k = 0; k < i; k++)
            CHECK(threads[k].tid != threads[i].tid);
    }
    stop = 1;
    for (size_t i = 0; i < ROWS(threads); i++)
        join_thread(&threads[i]);
}

TEST(thread_create, OK, "a thousand, one after the other")
{
    struct seen seen = {0};
    struct thread thread;

    for (int i = 0; i < 1000; i++) {
        start_thread(&thread, notes, &seen);
        join_thread(&thread);
    }
    CHECK(seen.count == 1000);
}

__attribute__((naked)) static void entry_alignment(void)
{
    __asm__("movq %rsp, entry_stack_pointer(%rip)\n"
            "1: pause\n"
            "jmp 1b\n");
}
volatile uintptr_t entry_stack_pointer __asm__("entry_stack_pointer");

TEST_ROWS(thread_create, OK, "the stack pointer is aligned as after a call", 4)
{
    static const size_t lens[] = {65536, 65528, 65521, 4096};
    char *stack = new_pages(16);
    cloudabi_threadattr_t attr = {.entry_point = (cloudabi_threadentry_t *)entry_alignment,
                                  .stack = stack,
                                  .stack_len = lens[row]};
    cloudabi_tid_t tid;

    DESCRIBE("%u bytes of stack", (unsigned)lens[row]);

    entry_stack_pointer = 0;
    OK(cloudabi_sys_thread_create(&attr, &tid));
    for (int i = 0; i < 1000 && entry_stack_pointer == 0; i++)
        nap(MILLI);
    CHECK((entry_stack_pointer + 8) % 16 == 0);
    CHECK(entry_stack_pointer > (uintptr_t)stack &&
          entry_stack_pointer < (uintptr_t)stack + lens[row]);
}

TEST(thread_create, OK, "what is above the stack is not touched")
{
    char *stack = new_pages(17);
    cloudabi_threadattr_t attr = {.entry_point = (cloudabi_threadentry_t *)entry_alignment,
                                  .stack = stack,
                                  .stack_len = 65536};

    memset(stack + 65536, 0x5a, PAGE);
    OK(cloudabi_sys_thread_create(&attr, &(cloudabi_tid_t){0}));
    nap(5 * MILLI);
    for (size_t i = 0; i < PAGE; i++)
        CHECK(stack[65536 + i] == 0x5a);
}

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

TEST_ROWS(thread_create, EFAULT, "attr is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_thread_create(bad_places[row], &(cloudabi_tid_t){0}));
}

static const struct {
    const char *what;
    uint64_t entry, stack;
    size_t len;
} no_threads[] = {{"the entry in the kernel", UINT64_C(0xffffffff80000000), 0, 65536},
                  {"the entry at no address", UINT64_C(0x8000000000000000), 0, 65536},
                  {"the entry at 0", 1, 0, 65536},
                  {"the stack in the kernel", 0, UINT64_C(0xffffffff80000000), 65536},
                  {"the stack at no address", 0, UINT64_C(0x8000000000000000), 65536},
                  {"the stack across the end", 0, UINT64_C(0x7ffffffff000), 1 << 20},
                  {"the stack around", 0, UINT64_C(0x10000000), SIZE_MAX},
                  {"no stack", 0, 0, 0},
                  {"hardly a stack", 0, 0, 8}};

TEST_ROWS(thread_create, EINVAL, "no thread:", ROWS(no_threads))
{
    cloudabi_threadattr_t attr = {.entry_point = (cloudabi_threadentry_t *)entry_alignment,
                                  .stack = new_pages(16),
                                  .stack_len = 65536};

    DESCRIBE("%s", no_threads[row].what);
    if (no_threads[row].entry != 0)
        attr.entry_point = (cloudabi_threadentry_t *)no_threads[row].entry;
    if (no_threads[row].stack != 0)
        attr.stack = (void *)no_threads[row].stack;
    attr.stack_len = no_threads[row].len;
    REFUSED(cloudabi_sys_thread_create(&attr, &(cloudabi_tid_t){0}));
}

TEST(thread_create, ENOMEM, "no memory")
{
    cloudabi_threadattr_t attr = {.entry_point = (cloudabi_threadentry_t *)entry_alignment,
                                  .stack_len = 65536};
    bool seen = false;

    entry_stack_pointer = 0; /* no thread that was made after all finds this page missing */
    for (unsigned n = 1; n <= 16; n++) {
        attr.stack = new_pages(16);
        memset(attr.stack, 0, 65536);
        shortage(n);
        cloudabi_errno_t error = cloudabi_sys_thread_create(&attr, &(cloudabi_tid_t){0});
        shortage(0);
        CHECK(error == 0 || means_shortage(error));
        seen |= error == wanted;
        if (error == wanted)
            REFUSED(error);
    }
    CHECK(seen);
}

#define JOB "program/conformance" /* below the one that we are in */

/* Moves this process into a job of its own with a limit. */
static void enter_job(const char *limit)
{
    cloudabi_fd_t jobs = platform_grant("jobs"), file;
    const cloudabi_rights_t write = CLOUDABI_RIGHT_FD_WRITE | CLOUDABI_RIGHT_FD_SEEK;

    if (jobs == NO_GRANT)
        SKIP("no jobs, no limits");
    cloudabi_errno_t error = make_dir(jobs, JOB);
    CHECK(error == 0 || error == CLOUDABI_EEXIST);
    OK(open_with(jobs, JOB "/limits", 0, write, 0, &file));
    OK(put(file, limit, strlen(limit), &(size_t){0}));
    OK(open_with(jobs, JOB "/enter", 0, write, 0, &file));
    OK(put(file, "1", 1, &(size_t){0}));
}

TEST(thread_create, EAGAIN, "too many threads")
{
    cloudabi_threadattr_t attr = {.entry_point = (cloudabi_threadentry_t *)entry_alignment,
                                  .stack_len = 65536};
    cloudabi_errno_t error = 0;

    enter_job("threads 3");
    for (int i = 0; i < 10 && error == 0; i++) {
        attr.stack = new_pages(16);
        error = cloudabi_sys_thread_create(&attr, &(cloudabi_tid_t){0});
        CHECK(error != 0 || i < 2);
    }
    REFUSED(error);
}

TEST(thread_exit, OK, "lets the lock go after the thread has ended, and wakes who waits")
{
    struct seen seen = {0};
    struct thread thread;

    for (int i = 0; i < 100; i++) {
        start_thread(&thread, notes, &seen);
        join_thread(&thread); /* unmaps the stack at once */
    }
    CHECK((thread.lock & CLOUDABI_LOCK_WRLOCKED) == 0);
}

struct bad_exit {
    void *lock;
    cloudabi_scope_t scope;
    _Atomic uint32_t came;
};

static void exits_badly(cloudabi_tid_t tid, void *arg)
{
    struct bad_exit *bad = arg;

    (void)tid;
    bad->came = 1;
    cloudabi_sys_thread_exit(bad->lock, bad->scope);
}

TEST_ROWS(thread_exit, OK, "a bad lock is ignored", ROWS(bad_places) * 3)
{
    static const cloudabi_scope_t scopes[] = {CLOUDABI_SCOPE_PRIVATE, CLOUDABI_SCOPE_SHARED, 77};
    struct bad_exit bad = {bad_places[row / 3], scopes[row % 3], 0};
    cloudabi_threadattr_t attr = {
        .entry_point = exits_badly, .stack = new_pages(16), .stack_len = 65536, .argument = &bad};

    DESCRIBE("%p, scope %u", bad.lock, bad.scope);
    OK(cloudabi_sys_thread_create(&attr, &(cloudabi_tid_t){0}));
    for (int i = 0; i < 1000 && bad.came == 0; i++)
        nap(MILLI);
    nap(2 * MILLI);
    CHECK(bad.came == 1);
}

static void yields(void *arg)
{
    for (int i = 0; i < 1000; i++)
        if (cloudabi_sys_thread_yield() != 0)
            *(uint32_t *)arg = 1;
}

TEST(thread_yield, OK, "always works")
{
    struct thread threads[3];
    uint32_t bad = 0;

    for (size_t i = 0; i < ROWS(threads); i++)
        start_thread(&threads[i], yields, &bad);
    for (size_t i = 0; i < ROWS(threads); i++)
        join_thread(&threads[i]);
    CHECK(bad == 0);
}

/* Numbers of threads must not tell how many there are, or what others do. */
TEST_ROWS(thread_create, OK, "numbers are not counted up", 2)
{
    cloudabi_tid_t last = own_tid();
    unsigned close = 0;

    DESCRIBE(row == 0 ? "of threads" : "of children");
    for (int i = 0; i < 20; i++) {
        struct seen seen = {0};
        struct thread thread;
        cloudabi_fd_t process;
        if (row == 0) {
            start_thread(&thread, notes, &seen);
            join_thread(&thread);
        } else {
            char *shared = NULL;
            OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_ANON | CLOUDABI_MAP_SHARED,
                   CLOUDABI_MAP_ANON_FD, 0, &shared));
            OK(cloudabi_sys_proc_fork(&process, (cloudabi_tid_t *)&shared[64]));
            if (process == CLOUDABI_PROCESS_CHILD) {
                *(cloudabi_tid_t *)shared = own_tid();
                child_exit(0);
            }
            CHECK(finish_child(process) == 0);
            seen.tid = *(cloudabi_tid_t *)shared;
        }
        CHECK(seen.tid != 0);
        close += seen.tid - last < 64 || last - seen.tid < 64;
        last = seen.tid;
    }
    CHECK(close < 3);
}
