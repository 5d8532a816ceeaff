/* SPDX-License-Identifier: BSD-2-Clause */
/* A program made ready to run in an address space of its own, beside the one that calls. */
#ifndef KERNEL_PROC_IMAGE_H
#define KERNEL_PROC_IMAGE_H

#include "kernel/mm/vmspace.h"

#define IMAGE_ARGDATA_MAX (512ul << 10)

struct image_args {
    struct memobj *executable;
    const void *argdata; /* kernel memory */
    size_t argdata_len;
    cloudabi_tid_t tid;
    uint8_t uuid[16];
};

struct image {
    struct vmspace *space;
    struct memobj *executable; /* referenced, and writing to it is denied */
    struct arch_user_entry start;
};

/* ENOEXEC, ENOMEM, EIO, ETXTBSY. Nothing of the calling process is touched. */
cloudabi_errno_t image_build(struct job *job, const struct image_args *args, struct image *image);
void image_discard(struct image *image);

/* The system's side of an executable in use: get for one more process, put when it ends. */
void image_executable_get(struct memobj *executable);
void image_executable_put(struct memobj *executable);

/* Supplied by kernel/dev, borrowed: page 0 is the time page, the vDSO's ELF follows. */
struct memobj *arch_vdso_object(void);

/* The system's part of a thread's stack (docs/executables.md section 5): the word W and the first TCB. */
#define TCB_BLOCK_SIZE 16u
void image_tcb_block(uint64_t block[2], uint64_t va);
static inline uint64_t image_stack_pointer(uint64_t w)
{
    return (w & ~15ul) - 8; /* as just after a call */
}

#endif
