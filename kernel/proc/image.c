/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building the address space of a program.
 *
 * From low to high, all close together so that few page tables are needed:
 *
 *     guard page | stack | (gap) | time page, vDSO | (gap) | image | (gap) | what mem_map chooses
 *
 * The whole lies at the space's random base; the gaps are random too.  The top of
 * the stack holds what the process is told: W, TCB, auxiliary vector, pid, canary, argument data.
 * The new space is written to through the direct map: nobody else knows it yet.
 */
#include "kernel/proc/image.h"

#include "kernel/job/job.h"
#include "kernel/lib/assert.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/elf.h"
#include "kernel/sched/sched.h"

#define STACK_SIZE  (8ul << 20)
#define FIRST_STACK (64ul << 10) /* what most programs use of it */
#define REGION      (2ul << 20)  /* covered by one page table */
#define CANARY_LEN  16           /* the C start-up takes eight */
#define READ_WRITE  (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE)
#define ALL_PROT    (READ_WRITE | CLOUDABI_PROT_EXEC)

struct layout {
    uint64_t guard, stack_end, vdso, bias;
};

/* The words at the top of the main stack, in their order. */
struct start_block {
    uint64_t tcb[2];
    cloudabi_auxv_t auxv[14];
    uint8_t uuid[16];
    uint8_t canary[CANARY_LEN];
};

static uint64_t page_down(uint64_t n)
{
    return n & ~(PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t n)
{
    return page_down(n + PAGE_SIZE - 1);
}

static cloudabi_errno_t map_at(struct vmspace *space, uint64_t va, uint64_t length, uint8_t prot,
                               struct memobj *object, uint64_t offset, bool shared)
{
    struct vm_map_args args = {.length = length,
                               .prot = prot,
                               .max_prot = shared ? prot : ALL_PROT,
                               .shared = shared,
                               .fixed = true,
                               .object = object,
                               .offset = offset};
    return vmspace_map(space, &args, &va);
}

/* Writes to writable memory of a space that nobody runs in; DATA NULL: zeros. */
static cloudabi_errno_t space_write(struct vmspace *space, uint64_t va, const void *data,
                                    size_t len)
{
    cloudabi_errno_t error = len != 0 ? vmspace_touch(space, va, len, true) : 0;
    if (error == CLOUDABI_EFAULT)
        error = CLOUDABI_ENOMEM; /* it is mapped and writable: all that can have failed is memory */
    while (error == 0 && len != 0) {
        size_t part = PAGE_SIZE - va % PAGE_SIZE;
        if (part > len)
            part = len;
        char *to =
            (char *)arch_direct(arch_pt_get(&space->pt, page_down(va)).frame) + va % PAGE_SIZE;
        if (data != NULL) {
            memcpy(to, data, part);
            data = (const char *)data + part;
        } else {
            memset(to, 0, part);
        }
        va += part;
        len -= part;
    }
    return error;
}

static uint64_t random_pages(uint64_t *random, unsigned bits)
{
    uint64_t n = *random & ((1ul << bits) - 1);
    *random >>= bits;
    return n * PAGE_SIZE;
}

static void choose_layout(struct vmspace *space, struct layout *layout, const struct elf_image *elf,
                          uint64_t argdata_len)
{
    uint64_t random = random_u64();
    uint64_t vdso_size = arch_vdso_object()->size;
    uint64_t told = page_up(sizeof(struct start_block) + argdata_len);
    uint64_t tip = ((space->map_base + PAGE_SIZE + STACK_SIZE) / REGION + 1) * REGION;
    /* What is used at once, from the tip of the stack to the image, begins with a page table. */
    layout->stack_end = tip + FIRST_STACK + told + random_pages(&random, 4);
    layout->guard = layout->stack_end - told - STACK_SIZE - PAGE_SIZE;
    layout->vdso = layout->stack_end + random_pages(&random, 5);
    layout->bias = layout->vdso + page_up(vdso_size) + random_pages(&random, 5) - elf->start;
    /* The space is not in use yet: what it chooses from now on shares page tables with the image. */
    space->map_base = space->map_hint = layout->bias + elf->end + random_pages(&random, 5);
}

static cloudabi_errno_t zero_rest(struct vmspace *space, uint64_t bias,
                                  const struct elf_segment *segment)
{
    uint64_t from = bias + segment->vaddr + segment->filesz;
    return space_write(space, from, NULL, page_up(from) - from);
}

static cloudabi_errno_t map_segment(struct vmspace *space, uint64_t bias, struct memobj *object,
                                    const struct elf_segment *segment)
{
    uint64_t start = page_down(bias + segment->vaddr);
    uint64_t file_end = page_up(bias + segment->vaddr + segment->filesz);
    uint64_t end = page_up(bias + segment->vaddr + segment->memsz);
    /* What the loader must zero behind the file's bytes: always where the program may write. */
    bool cut = segment->filesz != 0 && (segment->vaddr + segment->filesz) % PAGE_SIZE != 0 &&
               (segment->memsz > segment->filesz || (segment->prot & CLOUDABI_PROT_WRITE));
    uint8_t prot = cut ? READ_WRITE : segment->prot;
    cloudabi_errno_t error = 0;
    if (segment->filesz != 0)
        error =
            map_at(space, start, file_end - start, prot, object, page_down(segment->offset), false);
    else
        file_end = start;
    if (error == 0 && end > file_end)
        error = map_at(space, file_end, end - file_end, segment->prot, NULL, 0, false);
    if (error == 0 && cut)
        error = zero_rest(space, bias, segment);
    if (error == 0 && prot != segment->prot)
        error = vmspace_protect(space, start, file_end - start, segment->prot);
    return error;
}

static cloudabi_errno_t map_vdso(struct vmspace *space, uint64_t va)
{
    struct memobj *vdso = arch_vdso_object();
    cloudabi_errno_t error = map_at(space, va, PAGE_SIZE, CLOUDABI_PROT_READ, vdso, 0, true);
    if (error == 0)
        error = map_at(space, va + PAGE_SIZE, page_up(vdso->size) - PAGE_SIZE,
                       CLOUDABI_PROT_READ | CLOUDABI_PROT_EXEC, vdso, PAGE_SIZE, true);
    return error;
}

void image_tcb_block(uint64_t block[2], uint64_t va)
{
    block[0] = va + 8; /* W: the address of the TCB */
    block[1] = 0;      /* the TCB's parent pointer */
}

static void fill_auxv(cloudabi_auxv_t *auxv, const struct layout *layout,
                      const struct elf_image *elf, const struct image_args *args, uint64_t block)
{
    uint64_t bias = layout->bias;
    const struct {
        cloudabi_auxtype_t type;
        uint64_t value;
    } entries[] = {
        {CLOUDABI_AT_PHDR, bias + elf->phdr},
        {CLOUDABI_AT_PHNUM, elf->phnum},
        {CLOUDABI_AT_PAGESZ, PAGE_SIZE},
        {CLOUDABI_AT_BASE, bias},
        {CLOUDABI_AT_ARGDATA, block + sizeof(struct start_block)},
        {CLOUDABI_AT_ARGDATALEN, args->argdata_len},
        {CLOUDABI_AT_CANARY, block + offsetof(struct start_block, canary)},
        {CLOUDABI_AT_CANARYLEN, CANARY_LEN},
        {CLOUDABI_AT_NCPUS, cpu_count},
        {CLOUDABI_AT_TID, args->tid},
        {CLOUDABI_AT_SYSINFO_EHDR, layout->vdso + PAGE_SIZE},
        {CLOUDABI_AT_PID, block + offsetof(struct start_block, uuid)},
    };
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        auxv[i].a_type = entries[i].type;
        auxv[i].a_val = entries[i].value;
    }
}

static cloudabi_errno_t make_stack(struct vmspace *space, const struct layout *layout,
                                   const struct elf_image *elf, const struct image_args *args,
                                   struct arch_user_entry *start)
{
    struct start_block block = {.tcb = {0}};
    uint64_t va = (layout->stack_end - args->argdata_len - sizeof(block)) & ~15ul;
    uint64_t bottom = layout->guard + PAGE_SIZE;
    image_tcb_block(block.tcb, va);
    fill_auxv(block.auxv, layout, elf, args, va);
    memcpy(block.uuid, args->uuid, sizeof(block.uuid));
    random_bytes(block.canary, sizeof(block.canary));
    *start = (struct arch_user_entry){
        .pc = layout->bias + elf->entry,
        .sp = image_stack_pointer(va),
        .arg0 = va + offsetof(struct start_block, auxv),
        .thread_pointer = va,
    };
    cloudabi_errno_t error = map_at(space, layout->guard, PAGE_SIZE, 0, NULL, 0, false);
    if (error == 0)
        error = map_at(space, bottom, layout->stack_end - bottom, READ_WRITE, NULL, 0, false);
    if (error == 0)
        error = space_write(space, va, &block, sizeof(block));
    if (error == 0)
        error = space_write(space, va + sizeof(block), args->argdata, args->argdata_len);
    return error;
}

static cloudabi_errno_t read_elf(struct job *job, struct memobj *object, struct elf_image *elf)
{
    void *head = kmalloc(job, ELF_HEAD_MAX);
    if (head == NULL)
        return CLOUDABI_ENOMEM;
    size_t done = 0;
    cloudabi_errno_t error = memobj_read_kernel(object, head, ELF_HEAD_MAX, 0, &done);
    if (error == 0 && !elf_parse(head, done, object->size, elf))
        error = CLOUDABI_ENOEXEC;
    kfree(head);
    return error;
}

static cloudabi_errno_t fill_space(struct vmspace *space, const struct elf_image *elf,
                                   const struct image_args *args, struct arch_user_entry *start)
{
    struct layout layout;
    choose_layout(space, &layout, elf, args->argdata_len);
    cloudabi_errno_t error = 0;
    for (unsigned i = 0; i < elf->count && error == 0; i++)
        error = map_segment(space, layout.bias, args->executable, &elf->segments[i]);
    if (error == 0)
        error = map_vdso(space, layout.vdso);
    if (error == 0)
        error = make_stack(space, &layout, elf, args, start);
    return error;
}

cloudabi_errno_t image_build(struct job *job, const struct image_args *args, struct image *image)
{
    struct elf_image elf;
    cloudabi_errno_t error = memobj_deny_write(args->executable);
    if (error != 0)
        return error;
    *image = (struct image){.executable = memobj_get(args->executable)};
    error = read_elf(job, args->executable, &elf);
    if (error != 0)
        goto fail;
    image->space = vmspace_create(job);
    error = image->space == NULL ? CLOUDABI_ENOMEM
                                 : fill_space(image->space, &elf, args, &image->start);
    if (error == 0)
        return 0;
fail:
    image_discard(image);
    return error;
}

void image_discard(struct image *image)
{
    if (image->space != NULL)
        vmspace_put(image->space);
    image_executable_put(image->executable);
}

void image_executable_get(struct memobj *executable)
{
    cloudabi_errno_t error = memobj_deny_write(memobj_get(executable));
    kverify(error == 0); /* it is denied already, on behalf of the process that is being copied */
}

void image_executable_put(struct memobj *executable)
{
    memobj_allow_write(executable);
    memobj_put(executable);
}
