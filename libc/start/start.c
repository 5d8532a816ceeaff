/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start of a program (contract of the ABI, sections 1 to 5): find the program's own headers in the
 * auxiliary vector, relocate it, fill the table of calls, protect what need not change any more, give
 * the main thread its TLS and unsafe stack, run the constructors, and call the program.
 *
 * Up to the relocation no data that holds an address may be read, and no call may be made.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/cloudabi_syscalls.h"
#include "libc/start/program.h"
#include "libc/start/start.h"

typedef void (*constructor)(void);

struct start_info __libc_info = {.page_size = 1, .ncpus = 1, .tid = 1};
uintptr_t __stack_chk_guard = 0x2b1c5e7f0a9d3300;

/* Given by the linker; both absent if there are no such sections. */
extern const constructor __init_array_start[] __attribute__((weak, visibility("hidden")));
extern const constructor __init_array_end[] __attribute__((weak, visibility("hidden")));
extern const constructor __fini_array_start[] __attribute__((weak, visibility("hidden")));
extern const constructor __fini_array_end[] __attribute__((weak, visibility("hidden")));
extern const constructor __libc_ctors_start[] __attribute__((visibility("hidden")));
extern const constructor __libc_ctors_end[] __attribute__((visibility("hidden")));

/* A program has one of these. */
int main(int argc, char **argv, char **envp) __attribute__((weak));
void program_main(const void *argdata) __attribute__((weak));

static void read_auxv(const cloudabi_auxv_t *auxv, struct start_info *info)
{
    for (; auxv->a_type != CLOUDABI_AT_NULL; auxv++) {
        switch (auxv->a_type) {
        case CLOUDABI_AT_PHDR:
            info->phdr = auxv->a_ptr;
            break;
        case CLOUDABI_AT_PHNUM:
            info->phnum = auxv->a_val;
            break;
        case CLOUDABI_AT_PAGESZ:
            info->page_size = auxv->a_val;
            break;
        case CLOUDABI_AT_BASE:
            info->base = auxv->a_ptr;
            break;
        case CLOUDABI_AT_ARGDATA:
            info->argdata = auxv->a_ptr;
            break;
        case CLOUDABI_AT_ARGDATALEN:
            info->argdata_len = auxv->a_val;
            break;
        case CLOUDABI_AT_CANARY:
            info->canary = auxv->a_ptr;
            break;
        case CLOUDABI_AT_CANARYLEN:
            info->canary_len = auxv->a_val;
            break;
        case CLOUDABI_AT_NCPUS:
            info->ncpus = auxv->a_val;
            break;
        case CLOUDABI_AT_TID:
            info->tid = (cloudabi_tid_t)auxv->a_val;
            break;
        case CLOUDABI_AT_SYSINFO_EHDR:
            info->vdso = auxv->a_ptr;
            break;
        case CLOUDABI_AT_PID:
            info->pid = auxv->a_ptr;
            break;
        default:
            break;
        }
    }
}

/* Apply the R_X86_64_RELATIVE relocations; false if there is any other kind. */
static int relocate(char *base, const Elf64_Dyn *dyn)
{
    const Elf64_Rela *rela = NULL;
    size_t size = 0;

    for (; dyn->d_tag != DT_NULL; dyn++) {
        if (dyn->d_tag == DT_RELA)
            rela = (const Elf64_Rela *)(base + dyn->d_un.d_ptr);
        else if (dyn->d_tag == DT_RELASZ)
            size = dyn->d_un.d_val;
    }
    for (size_t n = size / sizeof(*rela); n > 0; n--, rela++) {
        if (ELF64_R_TYPE(rela->r_info) != R_X86_64_RELATIVE)
            return 0;
        *(char **)(base + rela->r_offset) = base + rela->r_addend;
    }
    return 1;
}

/* What the program headers say of the program's own image. */
static int read_phdrs(const struct start_info *info, struct tls_image *tls,
                      const Elf64_Phdr **relro)
{
    int good = 1;

    for (size_t i = 0; i < info->phnum; i++) {
        const Elf64_Phdr *ph = &info->phdr[i];
        if (ph->p_type == PT_DYNAMIC) {
            good &= relocate(info->base, (const Elf64_Dyn *)(info->base + ph->p_vaddr));
        } else if (ph->p_type == PT_GNU_RELRO) {
            *relro = ph;
        } else if (ph->p_type == PT_TLS) {
            tls->data = info->base + ph->p_vaddr;
            tls->data_len = ph->p_filesz;
            tls->size = ph->p_memsz;
            tls->align = ph->p_align;
        }
    }
    return good;
}

/* Pages that only the relocation and the filling of the table of calls had to write. */
static void protect_relro(const struct start_info *info, const Elf64_Phdr *relro)
{
    uintptr_t mask = info->page_size - 1;
    uintptr_t start = ((uintptr_t)info->base + relro->p_vaddr + mask) & ~mask;
    uintptr_t end = ((uintptr_t)info->base + relro->p_vaddr + relro->p_memsz) & ~mask;

    if (start < end)
        (void)cloudabi_sys_mem_protect((void *)start, end - start, CLOUDABI_PROT_READ);
}

static void set_canary(const struct start_info *info)
{
    size_t len =
        info->canary_len < sizeof(__stack_chk_guard) ? info->canary_len : sizeof(__stack_chk_guard);
    memcpy(&__stack_chk_guard, info->canary, len);
}

/* .ctors runs backwards; compilers of the ABI's own era emit it. */
static void run_constructors(void)
{
    for (const constructor *c = __libc_ctors_end; c > __libc_ctors_start;)
        (*--c)();
    for (const constructor *c = __init_array_start; c < __init_array_end; c++)
        (*c)();
}

static void run_destructors(void)
{
    for (const constructor *c = __fini_array_end; c > __fini_array_start;)
        (*--c)();
}

static void give_up(void)
{
    (void)cloudabi_sys_proc_raise(CLOUDABI_SIGABRT);
    cloudabi_sys_proc_exit(127);
}

/* The part that may use the whole library; a function of its own so that it is not inlined into the
 * frame in which TLS does not work yet. */
static void __attribute__((noinline, noreturn)) run_program(void)
{
    __libc_thread_start();
    __libc_grants_start(program_main == NULL);
    run_constructors();
    if (__fini_array_start < __fini_array_end)
        atexit(run_destructors);
    if (program_main != NULL) {
        program_main(__libc_program_argdata());
        exit(0);
    }
    if (main == NULL)
        give_up();
    exit(main(__libc_args.argc, __libc_args.argv, environ));
}

void __libc_start(const cloudabi_auxv_t *auxv)
{
    struct start_info info = {.page_size = 1, .ncpus = 1, .tid = 1};
    struct tls_image tls = {.align = 1};
    const Elf64_Phdr *relro = NULL;

    read_auxv(auxv, &info);
    int relocated = read_phdrs(&info, &tls, &relro);
    __libc_info = info;
    __libc_tls = tls;
    if (info.canary != NULL)
        set_canary(&info);
    __libc_fill_calls(info.vdso);
    if (!relocated)
        give_up();
    if (relro != NULL)
        protect_relro(&info, relro);
    __libc_tls_setup(__builtin_alloca(__libc_tls_size()));
    run_program();
}
