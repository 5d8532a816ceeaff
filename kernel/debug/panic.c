/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end.  Written straight to COM1, without locks and without believing anything more than needed: the
 * backtrace stops at the first frame pointer that is not on a kernel stack.
 */
#include "kernel/debug/panic.h"

#include <stdarg.h>
#include <stdatomic.h>

#include "kernel/arch/arch.h"
#include "kernel/debug/log.h"
#include "kernel/lib/printf.h"

#define KERNEL_HALF 0xffff800000000000ul
#define FRAMES_MAX  24

static atomic_bool panicking;

void panic_begin(void)
{
    if (atomic_exchange(&panicking, true)) /* again, or on another CPU: the first one goes on */
        arch_halt_all();
}

bool panic_going_on(void)
{
    return atomic_load(&panicking);
}

void panic_print(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    size_t len = kvsnprintf(line, sizeof(line), format, args);
    va_end(args);
    arch_console_write(line, len < sizeof(line) ? len : sizeof(line) - 1);
    arch_console_write("\r\n", 2);
}

/* BACK: how far before ADDRESS the instruction lies that is to be named. */
static void print_address(const char *label, uint64_t address, uint64_t back)
{
    uint64_t offset;
    const char *name = ksym_find(address - back, &offset);
    if (name != NULL)
        panic_print("PANIC   %s %016lx %s+0x%lx", label, address, name, offset + back);
    else
        panic_print("PANIC   %s %016lx", label, address);
}

void panic_backtrace(uint64_t pc, uint64_t frame_pointer)
{
    if (pc != 0)
        print_address("at  ", pc, 0);
    for (int i = 0; i < FRAMES_MAX && frame_pointer >= KERNEL_HALF && frame_pointer % 8 == 0; i++) {
        const uint64_t *frame = (const uint64_t *)frame_pointer;
        if (frame[1] < KERNEL_HALF)
            break;
        print_address("from", frame[1], 1);
        if (frame[0] <= frame_pointer || frame[0] - frame_pointer > 65536)
            break;
        frame_pointer = frame[0];
    }
}

void panic(const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    panic_begin();
    panic_print("PANIC: %s", text);
    panic_backtrace(0, (uint64_t)__builtin_frame_address(0));
    arch_halt_all();
}
