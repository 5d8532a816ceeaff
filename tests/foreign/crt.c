/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start-up of a foreign program: relocates itself, finds the calls in the vDSO by its program headers, protects
 * its RELRO,
 * makes its TLS block on the stack, reads its arguments from bytes, runs .ctors backwards. Until the TLS block
 * is there, nothing here may use the unsafe stack.
 */
#include "tests/foreign/foreign.h"

#define EARLY __attribute__((no_sanitize("safe-stack"), no_stack_protector, noinline))

struct phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
struct dyn {
    uint64_t tag, value;
};
struct rela {
    uint64_t offset, info;
    int64_t addend;
};
struct sym {
    uint32_t name;
    uint8_t info, other;
    uint16_t section;
    uint64_t value, size;
};

struct entry_state entry_state;
const cloudabi_auxv_t *entry_auxv;
cloudabi_fd_t arg_tmpdir = NO_FD, arg_logfile = NO_FD, arg_self = NO_FD;
int64_t arg_nthreads;
uint64_t relro_start, relro_len;
uint64_t __stack_chk_guard = 1;
static char unsafe_stack[1 << 20] __attribute__((aligned(16)));

_Thread_local void *__safestack_unsafe_stack_ptr;
_Thread_local cloudabi_tid_t own_tid;

/* --- the calls: one pointer each, filled from the vDSO ----------------------------------------- */

static cloudabi_errno_t missing(void)
{
    return CLOUDABI_ENOSYS;
}

#define CALL(name)                                                                           \
    void *foreign_call_##name = (void *)missing;                                             \
    __asm__(".text\n.globl cloudabi_sys_" #name "\n.type cloudabi_sys_" #name ",@function\n" \
            "cloudabi_sys_" #name ": jmp *foreign_call_" #name "(%rip)\n");
CLOUDABI_ALL_CALLS(CALL)
#undef CALL

#define ENTRY(name) {#name, &foreign_call_##name},
static const struct {
    const char *name;
    void **place;
} calls[] = {CLOUDABI_ALL_CALLS(ENTRY)};

__asm__(".text\n.globl _start\n.type _start,@function\n_start:\n"
        "mov %rsp, entry_state(%rip)\n"
        "pushfq\npopq entry_state+8(%rip)\n"
        "mov %fs:0, %rax\nmov %rax, entry_state+16(%rip)\n"
        "stmxcsr entry_state+24(%rip)\nfnstcw entry_state+28(%rip)\n"
        "jmp foreign_start\n");

EARLY static const cloudabi_auxv_t *aux_in(const cloudabi_auxv_t *auxv, uint32_t type)
{
    for (; auxv->a_type != 0; auxv++)
        if (auxv->a_type == type)
            return auxv;
    return NULL;
}

const cloudabi_auxv_t *aux_find(uint32_t type)
{
    return aux_in(entry_auxv, type);
}

EARLY static void relocate(char *base, const struct phdr *phdr, size_t count)
{
    const struct dyn *dyn = NULL;
    uint64_t table = 0, size = 0;

    for (size_t i = 0; i < count; i++)
        if (phdr[i].type == 2)
            dyn = (const struct dyn *)(base + phdr[i].vaddr);
    for (; dyn != NULL && dyn->tag != 0; dyn++) {
        table = dyn->tag == 7 ? dyn->value : table;
        size = dyn->tag == 8 ? dyn->value : size;
    }
    const struct rela *rela = (const struct rela *)(base + table);
    for (size_t i = 0; i < size / sizeof(*rela); i++) {
        if ((uint32_t)rela[i].info != 8)
            __builtin_trap();
        *(uint64_t *)(base + rela[i].offset) = (uint64_t)base + (uint64_t)rela[i].addend;
    }
}

EARLY static bool same(const char *a, const char *b)
{
    while (*a != 0 && *a == *b)
        a++, b++;
    return *a == *b;
}

EARLY static void link_symbol(const char *name, void *address)
{
    static const char prefix[] = "cloudabi_sys_";

    for (size_t i = 0; i < sizeof(prefix) - 1; i++)
        if (*name++ != prefix[i])
            return;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (same(calls[i].name, name))
            *calls[i].place = address;
}

EARLY static void link_calls(const char *ehdr)
{
    const struct phdr *phdr = (const struct phdr *)(ehdr + *(const uint64_t *)(ehdr + 32));
    const struct dyn *dyn = NULL;
    const uint32_t *hash = NULL;
    const char *names = NULL;
    const struct sym *sym = NULL;

    for (size_t i = 0; i < *(const uint16_t *)(ehdr + 56) && dyn == NULL; i++)
        if (phdr[i].type == 2)
            dyn = (const struct dyn *)(ehdr + phdr[i].vaddr);
    for (; dyn->tag != 0; dyn++) {
        if (dyn->tag == 4)
            hash = (const uint32_t *)(ehdr + dyn->value);
        if (dyn->tag == 5)
            names = ehdr + dyn->value;
        if (dyn->tag == 6)
            sym = (const struct sym *)(ehdr + dyn->value);
    }
    for (size_t i = 0; i < hash[1]; i++)
        if (sym[i].info == 0x12 && sym[i].other == 0 && sym[i].name > 0)
            link_symbol(names + sym[i].name, (void *)(ehdr + sym[i].value));
}

EARLY static void protect(char *base, const struct phdr *phdr, size_t count, uint64_t page)
{
    for (size_t i = 0; i < count; i++) {
        if (phdr[i].type != 0x6474e552)
            continue;
        uint64_t start = ((uint64_t)base + phdr[i].vaddr + page - 1) & -page;
        uint64_t end = ((uint64_t)base + phdr[i].vaddr + phdr[i].memsz) & -page;
        if (start < end)
            (void)cloudabi_sys_mem_protect((void *)start, end - start, CLOUDABI_PROT_READ);
        relro_start = start;
        relro_len = start < end ? end - start : 0;
    }
}

/* --- argument data ------------------------------------------------------------------------------ */

static size_t length_at(const uint8_t **at)
{
    size_t len = 0;

    do
        len = len << 7 | (**at & 0x7f);
    while ((*(*at)++ & 0x80) == 0);
    return len;
}

static void argument(const char *key, const uint8_t *value, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 1; i < len; i++)
        number = number << 8 | value[i];
    if (value[0] == 3 && same(key, "tmpdir"))
        arg_tmpdir = (cloudabi_fd_t)number;
    if (value[0] == 3 && same(key, "logfile"))
        arg_logfile = (cloudabi_fd_t)number;
    if (value[0] == 3 && same(key, "self"))
        arg_self = (cloudabi_fd_t)number;
    if (value[0] == 5 && same(key, "nthreads"))
        arg_nthreads = (int64_t)number;
}

static void read_arguments(const uint8_t *data, size_t len)
{
    const uint8_t *end = data + len;

    if (len == 0 || *data++ != 6)
        return;
    while (data < end) {
        size_t size = length_at(&data);
        const char *key = (const char *)data + 1;
        data += size;
        size = length_at(&data);
        argument(key, data, size);
        data += size;
    }
}

/* --- start -------------------------------------------------------------------------------------- */

extern void (*const ctors_begin[])(void), (*const ctors_end[])(void);
__asm__(".section .ctors,\"aw\",@progbits\n.p2align 3\n.globl ctors_begin\nctors_begin:\n.text\n");

static _Noreturn __attribute__((noinline)) void begin(void)
{
    const cloudabi_auxv_t *data = aux_find(CLOUDABI_AT_ARGDATA),
                          *len = aux_find(CLOUDABI_AT_ARGDATALEN);

    if (data != NULL && len != NULL)
        read_arguments(data->a_ptr, len->a_val);
    for (void (*const *ctor)(void) = ctors_end; ctor-- != ctors_begin;)
        (*ctor)();
    program();
    tap_end();
}

EARLY _Noreturn void foreign_start(const cloudabi_auxv_t *auxv);
EARLY _Noreturn void foreign_start(const cloudabi_auxv_t *auxv)
{
    char *base = aux_in(auxv, CLOUDABI_AT_BASE)->a_ptr;
    const struct phdr *phdr = aux_in(auxv, CLOUDABI_AT_PHDR)->a_ptr, *tls = NULL;
    size_t count = aux_in(auxv, CLOUDABI_AT_PHNUM)->a_val;
    const cloudabi_auxv_t *canary = aux_in(auxv, CLOUDABI_AT_CANARY);
    size_t canary_len = aux_in(auxv, CLOUDABI_AT_CANARYLEN)->a_val;

    relocate(base, phdr, count);
    link_calls(aux_in(auxv, CLOUDABI_AT_SYSINFO_EHDR)->a_ptr);
    protect(base, phdr, count, aux_in(auxv, CLOUDABI_AT_PAGESZ)->a_val);
    memcpy(&__stack_chk_guard, canary->a_ptr, canary_len < 8 ? canary_len : 8);
    entry_auxv = auxv;

    for (size_t i = 0; i < count; i++)
        if (phdr[i].type == 7)
            tls = &phdr[i];
    size_t size = (tls->memsz + tls->align - 1) & -tls->align;
    char *block = __builtin_alloca_with_align(size + 8, 512);
    memcpy(block, base + tls->vaddr, tls->filesz);
    memset(block + tls->filesz, 0, size - tls->filesz);
    char *old;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(old));
    memcpy(block + size, old, 8);
    __asm__ volatile("mov %0, %%fs:0" : : "r"(block + size) : "memory");
    __safestack_unsafe_stack_ptr = unsafe_stack + sizeof(unsafe_stack);
    own_tid = (cloudabi_tid_t)aux_in(auxv, CLOUDABI_AT_TID)->a_val;
    begin();
}

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    (void)cloudabi_sys_proc_raise(CLOUDABI_SIGABRT);
    cloudabi_sys_proc_exit(127);
}

EARLY void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    void *start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
    return start;
}

EARLY void *memset(void *to, int byte, size_t len)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;

    for (; len > 0; len--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    size_t len = 0;

    while (text[len] != 0)
        len++;
    return len;
}
