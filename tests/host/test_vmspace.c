/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces and memory objects on a machine made of memory (fake_machine.c): a few processes map, fork,
 * store, load, protect, unmap, exit, and write and truncate files, at random, beside a model of what each page
 * must contain.  In the end no frame may be missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/job/job.h"
#include "kernel/mm/slab.h"
#include "kernel/mm/user.h"
#include "tests/host/fake_machine.h"

#define PAGES      48
#define BASE       0x7000000000ul
#define PROCESSES  4
#define FILES      2
#define FILE_PAGES 24
#define RW         (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define ALL        (RW | CLOUDABI_PROT_EXEC)

struct page { /* of a process */
    bool mapped, shared, copied;
    int file; /* -1: anonymous */
    unsigned index;
    uint8_t prot;
    uint64_t value; /* anonymous, or copied */
};

struct process_model {
    struct vmspace *space;
    struct page page[PAGES];
};

static struct process_model processes[PROCESSES];
static struct memobj *files[FILES];
static uint64_t file_value[FILES][FILE_PAGES];
static unsigned file_pages[FILES];
static struct job *job;
static uint64_t seed = 88172645463325252;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t va_of(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

static struct process_model *any_process(void)
{
    struct process_model *process = &processes[next_random() % PROCESSES];
    if (process->space == NULL) {
        memset(process->page, 0, sizeof(process->page));
        process->space = vmspace_create(job);
        assert_non_null(process->space);
    }
    fake_machine_enter(process->space);
    return process;
}

/* What an access to PAGE gives: 0 or a signal; *VALUE is where it finds its value. */
static int expect(struct page *page, bool write, uint64_t **value)
{
    if (!page->mapped || page->prot == 0 || (write && !(page->prot & CLOUDABI_PROT_WRITE)))
        return CLOUDABI_SIGSEGV;
    *value = &page->value;
    if (page->file < 0 || page->copied)
        return 0;
    if (page->index >= file_pages[page->file])
        return CLOUDABI_SIGBUS;
    uint64_t *shared = &file_value[page->file][page->index];
    if (!write || page->shared) {
        *value = shared;
    } else {
        page->copied = true;
        page->value = *shared;
    }
    return 0;
}

static void check_load(struct process_model *process, unsigned page)
{
    uint64_t *expected = NULL, got = 0;
    int signal = expect(&process->page[page], false, &expected);
    assert_int_equal(fake_load(va_of(page) + 8, &got), signal);
    if (signal == 0)
        assert_int_equal(got, *expected);
}

static void do_store(struct process_model *process, unsigned page)
{
    uint64_t *place = NULL, value = next_random();
    int signal = expect(&process->page[page], true, &place);
    assert_int_equal(fake_store(va_of(page) + 8, value), signal);
    if (signal == 0)
        *place = value;
}

static uint8_t random_prot(void)
{
    static const uint8_t prots[] = {
        0, CLOUDABI_PROT_READ, RW, RW, RW, CLOUDABI_PROT_READ | CLOUDABI_PROT_EXEC};
    return prots[next_random() % sizeof(prots)];
}

static void do_map(struct process_model *process, unsigned first, unsigned count)
{
    int file = (int)(next_random() % (FILES + 3)) - 3;
    if (file < 0)
        file = -1;
    unsigned index = next_random() % (FILE_PAGES - 8);
    struct vm_map_args args = {
        .length = count * PAGE_SIZE - next_random() % 100,
        .prot = random_prot(),
        .max_prot = ALL,
        .shared = file >= 0 && next_random() % 2,
        .fixed = true,
        .object = file >= 0 ? files[file] : NULL,
        .offset = file >= 0 ? index * PAGE_SIZE : 0,
    };
    uint64_t va = va_of(first);
    assert_int_equal(vmspace_map(process->space, &args, &va), 0);
    for (unsigned i = 0; i < count; i++)
        process->page[first + i] = (struct page){.mapped = true,
                                                 .shared = args.shared,
                                                 .file = file,
                                                 .index = index + i,
                                                 .prot = args.prot};
}

static bool all_mapped(struct process_model *process, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (!process->page[i].mapped)
            return false;
    return true;
}

static void do_protect(struct process_model *process, unsigned first, unsigned count)
{
    uint8_t prot = random_prot();
    bool mapped = all_mapped(process, first, count);
    assert_int_equal(vmspace_protect(process->space, va_of(first), count * PAGE_SIZE, prot),
                     mapped ? 0 : CLOUDABI_ENOMEM);
    for (unsigned i = first; mapped && i < first + count; i++)
        process->page[i].prot = prot;
}

static void do_dontneed(struct process_model *process, unsigned first, unsigned count)
{
    bool mapped = all_mapped(process, first, count);
    assert_int_equal(
        vmspace_advise(process->space, va_of(first), count * PAGE_SIZE, CLOUDABI_ADVICE_DONTNEED),
        mapped ? 0 : CLOUDABI_ENOMEM);
    for (unsigned i = first; mapped && i < first + count; i++) {
        process->page[i].copied = false;
        process->page[i].value = 0;
    }
}

static void do_fork(struct process_model *process)
{
    struct process_model *child = &processes[next_random() % PROCESSES];
    if (child->space != NULL)
        return;
    assert_int_equal(vmspace_fork(process->space, job, &child->space), 0);
    memcpy(child->page, process->page, sizeof(child->page));
}

static void do_exit(struct process_model *process)
{
    fake_machine_enter(NULL);
    vmspace_put(process->space);
    process->space = NULL;
}

static void do_truncate(unsigned file)
{
    unsigned pages = next_random() % FILE_PAGES;
    assert_int_equal(memobj_resize(files[file], pages * PAGE_SIZE), 0);
    for (unsigned i = pages; i < FILE_PAGES; i++)
        file_value[file][i] = 0;
    if (pages < file_pages[file])
        for (unsigned p = 0; p < PROCESSES; p++)
            for (unsigned i = 0; i < PAGES; i++)
                if (processes[p].page[i].file == (int)file && processes[p].page[i].index >= pages)
                    processes[p].page[i].copied = false;
    file_pages[file] = pages;
}

/* Writes 8 bytes of user memory into a file, or reads them back. */
static void do_file_io(struct process_model *process, unsigned page, unsigned file)
{
    unsigned index = next_random() % FILE_PAGES;
    struct user_vec vec = {.count = 1, .total = 8, .buf = vec.inline_buf};
    vec.inline_buf[0] = (struct user_buf){user_addr(va_of(page) + 8), 8};
    uint64_t offset = index * PAGE_SIZE + 8, *value = NULL;
    size_t done;
    if (next_random() % 2) {
        int signal = expect(&process->page[page], false, &value);
        cloudabi_errno_t error = memobj_write(files[file], &vec, &offset, false, &done);
        assert_int_equal(error, signal == 0 ? 0 : CLOUDABI_EFAULT);
        if (signal != 0)
            return;
        uint64_t written = *value; /* the model's place may be the file's own */
        file_value[file][index] = written;
        if (index >= file_pages[file])
            file_pages[file] = index + 1;
        assert_int_equal(done, 8);
    } else {
        struct page *to = &process->page[page];
        bool beyond = index >= file_pages[file] || offset >= files[file]->size;
        int signal = beyond ? 0 : expect(to, true, &value);
        cloudabi_errno_t error = memobj_read(files[file], &vec, offset, &done);
        assert_int_equal(error, signal == 0 ? 0 : CLOUDABI_EFAULT);
        assert_int_equal(done, beyond || signal != 0 ? 0 : 8);
        if (done != 0)
            *value = file_value[file][index];
    }
}

static void one_turn(void)
{
    struct process_model *process = any_process();
    unsigned first = next_random() % PAGES, count = 1 + next_random() % 8;
    if (first + count > PAGES)
        count = PAGES - first;
    switch (next_random() % 32) {
    case 0 ... 2:
        do_map(process, first, count);
        break;
    case 3:
        assert_int_equal(vmspace_unmap(process->space, va_of(first), count * PAGE_SIZE), 0);
        memset(&process->page[first], 0, count * sizeof(process->page[0]));
        break;
    case 4 ... 5:
        do_protect(process, first, count);
        break;
    case 6:
        do_dontneed(process, first, count);
        break;
    case 7:
        do_fork(process);
        break;
    case 8:
        if (next_random() % 4 == 0)
            do_exit(process);
        break;
    case 9:
        do_truncate(next_random() % FILES);
        break;
    case 10 ... 12:
        do_file_io(process, first, next_random() % FILES);
        break;
    case 13 ... 22:
        do_store(process, first);
        break;
    default:
        check_load(process, first);
    }
}

static void check_everything(void)
{
    for (unsigned p = 0; p < PROCESSES; p++) {
        if (processes[p].space == NULL)
            continue;
        fake_machine_enter(processes[p].space);
        for (unsigned i = 0; i < PAGES; i++)
            check_load(&processes[p], i);
    }
}

static void test_random(void **state)
{
    (void)state;
    slab_shrink_all();
    uint64_t frames = frame_free_count();
    uint64_t charged = job_root.used[JOB_MEMORY];
    job = job_create(&job_root, "test");
    for (unsigned i = 0; i < FILES; i++)
        files[i] = memobj_create(job, 0);
    for (unsigned turn = 0; turn < 200000; turn++) {
        one_turn();
        if (turn % 500 == 0)
            check_everything();
    }
    for (unsigned p = 0; p < PROCESSES; p++)
        if (processes[p].space != NULL)
            do_exit(&processes[p]);
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(files[i]->writers, 0);
        assert_true(list_empty(&files[i]->mappings));
        memobj_put(files[i]);
    }
    job_put(job);
    slab_shrink_all();
    assert_int_equal(job_root.used[JOB_MEMORY], charged);
    assert_int_equal(frame_free_count(), frames);
    for (unsigned i = 0; i < OBJECT_CLASSES; i++)
        assert_int_equal(object_count[i], 0);
}

/* Out of budget at any point: an error or a signal, and nothing is lost. */
static void test_budget(void **state)
{
    (void)state;
    slab_shrink_all();
    uint64_t frames = frame_free_count();
    for (unsigned limit = 1; limit < 60; limit++) {
        job = job_create(&job_root, "small");
        job->limit[JOB_MEMORY] = limit * 2000;
        struct vmspace *space = vmspace_create(job), *child = NULL;
        if (space != NULL) {
            fake_machine_enter(space);
            struct vm_map_args args = {.length = 16 * PAGE_SIZE,
                                       .prot = RW,
                                       .max_prot = ALL,
                                       .shared = limit % 2,
                                       .fixed = true};
            uint64_t va = BASE;
            if (vmspace_map(space, &args, &va) == 0) {
                for (unsigned i = 0; i < 16; i++)
                    (void)fake_store(va_of(i), i);
                (void)vmspace_protect(space, va_of(3), PAGE_SIZE, 0);
                if (vmspace_fork(space, job, &child) == 0)
                    vmspace_put(child);
            }
            fake_machine_enter(NULL);
            vmspace_put(space);
        }
        job_put(job);
    }
    slab_shrink_all();
    assert_int_equal(frame_free_count(), frames);
}

static void test_borrowed_file_is_copied_on_write(void **state)
{
    (void)state;
    job = job_create(&job_root, "boot");
    memset(arch_direct(64 * PAGE_SIZE), 0x11, 4 * PAGE_SIZE); /* in the boot archive */
    struct memobj *file = memobj_create_physical(job, 64 * PAGE_SIZE, 3 * PAGE_SIZE + 5, 0);
    struct vmspace *space = vmspace_create(job);
    fake_machine_enter(space);
    struct vm_map_args args = {
        .length = 5 * PAGE_SIZE, .prot = RW, .max_prot = ALL, .object = file};
    uint64_t va = 0, value;
    assert_int_equal(vmspace_map(space, &args, &va), 0);
    assert_int_equal(fake_load(va, &value), 0);
    assert_int_equal(value, 0x1111111111111111);
    assert_int_equal(fake_store(va, 7), 0);
    assert_int_equal(fake_store(va + 3 * PAGE_SIZE, 8), 0);
    assert_int_equal(fake_store(va + 4 * PAGE_SIZE, 8), CLOUDABI_SIGBUS);
    assert_int_equal(*(char *)arch_direct(64 * PAGE_SIZE), 0x11);
    struct vmspace *child;
    assert_int_equal(vmspace_fork(space, job, &child), 0);
    assert_int_equal(fake_store(va, 9), 0);
    fake_machine_enter(child);
    assert_int_equal(fake_load(va, &value), 0);
    assert_int_equal(value, 7);
    fake_machine_enter(NULL);
    vmspace_put(child);
    vmspace_put(space);
    memobj_put(file);
    job_put(job);
    assert_int_equal(object_count[OBJECT_MEMOBJ], 0);
}

static void test_running_file_is_not_written(void **state)
{
    (void)state;
    struct memobj *file = memobj_create(&job_root, PAGE_SIZE);
    struct vmspace *space = vmspace_create(&job_root);
    struct vm_map_args args = {.length = PAGE_SIZE,
                               .prot = CLOUDABI_PROT_READ,
                               .max_prot = ALL,
                               .shared = true,
                               .object = file};
    uint64_t va = 0;
    assert_int_equal(memobj_deny_write(file), 0);
    assert_int_equal(vmspace_map(space, &args, &va), CLOUDABI_ETXTBSY);
    args.max_prot = CLOUDABI_PROT_READ;
    assert_int_equal(vmspace_map(space, &args, &va), 0);
    memobj_allow_write(file);
    args.max_prot = ALL;
    va = 0;
    assert_int_equal(vmspace_map(space, &args, &va), 0);
    assert_int_equal(memobj_deny_write(file), CLOUDABI_ETXTBSY);
    vmspace_put(space);
    assert_int_equal(memobj_deny_write(file), 0);
    memobj_allow_write(file);
    memobj_put(file);
}

int main(void)
{
    fake_machine_init(64ul << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_borrowed_file_is_copied_on_write),
        cmocka_unit_test(test_running_file_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
