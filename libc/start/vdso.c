/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of calls, filled from the symbols of the vDSO. A call that the vDSO lacks keeps answering
 * ENOSYS. The table lies in .data.rel.ro and so is read-only once start.c has protected that.
 */
#include "abi/cloudabi_types.h"
#include "libc/start/start.h"

#define PREFIX     "cloudabi_sys_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

static cloudabi_errno_t call_missing(void)
{
    return CLOUDABI_ENOSYS;
}

#define CALL(name, number) [number] = (void *)call_missing,
__attribute__((section(".data.rel.ro"))) void *__libc_calls[CLOUDABI_NCALLS] = {
#include "libc/calls.inc"
};
#undef CALL

#define CALL(name, number) [number] = #name,
static const char call_names[CLOUDABI_NCALLS][20] = {
#include "libc/calls.inc"
};
#undef CALL

static int same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Number of the call of this name, trying HINT first because vDSOs list them in order; or NCALLS. */
static size_t find_call(const char *name, size_t hint)
{
    for (size_t i = 0; i < CLOUDABI_NCALLS; i++) {
        size_t n = hint + i < CLOUDABI_NCALLS ? hint + i : hint + i - CLOUDABI_NCALLS;
        if (same(name, call_names[n]))
            return n;
    }
    return CLOUDABI_NCALLS;
}

static const Elf64_Dyn *find_dynamic(const char *image)
{
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)image;
    const Elf64_Phdr *phdr = (const Elf64_Phdr *)(image + ehdr->e_phoff);

    for (size_t i = 0; i < ehdr->e_phnum; i++) {
        if (phdr[i].p_type == PT_DYNAMIC)
            return (const Elf64_Dyn *)(image + phdr[i].p_vaddr);
    }
    return NULL;
}

/* The name of the call behind a symbol, without its prefix; or NULL. */
static const char *symbol_call(const Elf64_Sym *sym, const char *strings)
{
    const char *name = strings + sym->st_name;

    if (sym->st_name == 0 || ELF64_ST_BIND(sym->st_info) != STB_GLOBAL ||
        ELF64_ST_TYPE(sym->st_info) != STT_FUNC ||
        ELF64_ST_VISIBILITY(sym->st_other) != STV_DEFAULT)
        return NULL;
    for (size_t i = 0; i < PREFIX_LEN; i++) {
        if (name[i] != PREFIX[i])
            return NULL;
    }
    return name + PREFIX_LEN;
}

void __libc_fill_calls(const Elf64_Ehdr *vdso)
{
    const char *image = (const char *)vdso;
    const Elf64_Dyn *dyn = vdso != NULL ? find_dynamic(image) : NULL;
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    size_t count = 0;
    size_t hint = 0;

    for (; dyn != NULL && dyn->d_tag != DT_NULL; dyn++) {
        const char *at = image + dyn->d_un.d_ptr;
        if (dyn->d_tag == DT_HASH)
            count = ((const Elf32_Word *)at)[1];
        else if (dyn->d_tag == DT_STRTAB)
            strings = at;
        else if (dyn->d_tag == DT_SYMTAB)
            symbols = (const Elf64_Sym *)at;
    }
    if (symbols == NULL || strings == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        const char *name = symbol_call(&symbols[i], strings);
        size_t n = name != NULL ? find_call(name, hint) : CLOUDABI_NCALLS;
        if (n < CLOUDABI_NCALLS) {
            __libc_calls[n] = (void *)(image + symbols[i].st_value);
            hint = n + 1 < CLOUDABI_NCALLS ? n + 1 : 0;
        }
    }
}
