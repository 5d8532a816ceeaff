/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 16550 serial ports: polled output for the log and for panics.
 * Their interrupt-driven side, for programs, is kernel/dev/serial.c.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/uart.h"
#include "kernel/debug/panic.h"

enum { DATA, ENABLE, FIFO, LINE, MODEM, STATUS };

#define STATUS_DATA  0x01
#define STATUS_EMPTY 0x20
#define STATUS_IDLE  0x40
#define FIFO_DEPTH   16
/* A port that never gets ready loses text, not the machine: seconds, whatever a pause takes. */
#define POLLS 100000u
#define PAUSES \
    200u /* between polls: under emulation who moves the bytes needs the lock that a poll takes */
#define LOCK_LIMIT 20000000u

static const uint16_t ports[UARTS] = {0x3f8, 0x2f8};
static bool present[UARTS], set_up[UARTS];
static atomic_bool busy[UARTS];

/* Not a spinlock with a rank: a panic must get through whoever holds it. */
static void lock(unsigned which)
{
    for (unsigned i = 0; i < LOCK_LIMIT && atomic_exchange(&busy[which], true); i++) {
        if (panic_going_on())
            break;
        arch_spin_hint();
    }
}

static void unlock(unsigned which)
{
    atomic_store_explicit(&busy[which], false, memory_order_release);
}

static void wait_status(unsigned which, uint8_t bit)
{
    for (unsigned i = 0; i < POLLS && !(inb(ports[which] + STATUS) & bit); i++)
        for (unsigned j = 0; j < PAUSES; j++)
            cpu_pause();
}

bool uart_init(unsigned which)
{
    uint16_t port = ports[which];
    if (set_up[which])
        return present[which];
    set_up[which] = true;
    outb(port + ENABLE, 0);
    outb(port + LINE, 0x80);
    outb(port + DATA, 1); /* 115,200 */
    outb(port + ENABLE, 0);
    outb(port + LINE, 3);
    outb(port + FIFO, 7);
    outb(port + MODEM, 0x0b);
    present[which] = inb(port + LINE) == 3 && inb(port + STATUS) != 0xff;
    return present[which];
}

/* As much as the port takes at once, if it is ready: how much. Its lock held. */
static size_t fill(unsigned which, const char *text, size_t len)
{
    size_t n = 0;
    if (inb(ports[which] + STATUS) & STATUS_EMPTY)
        for (; n < FIFO_DEPTH && n < len; n++)
            outb(ports[which] + DATA, (uint8_t)text[n]);
    return n;
}

size_t uart_try_write(unsigned which, const char *text, size_t len)
{
    if (!uart_init(which))
        return len;
    lock(which);
    size_t n = fill(which, text, len);
    unlock(which);
    return n;
}

void uart_write(unsigned which, const char *text, size_t len)
{
    if (!uart_init(which))
        return;
    lock(which);
    for (size_t n = 0; n < len;) {
        wait_status(which, STATUS_EMPTY);
        size_t sent = fill(which, text + n, len - n);
        if (sent == 0)
            break;
        n += sent;
    }
    unlock(which);
}

void uart_drain(void)
{
    for (unsigned which = 0; which < UARTS; which++)
        if (present[which])
            wait_status(which, STATUS_IDLE);
}

bool uart_read(unsigned which, uint8_t *byte)
{
    uint16_t port = ports[which];
    if (!present[which] || !(inb(port + STATUS) & STATUS_DATA))
        return false;
    *byte = inb(port + DATA);
    return true;
}

void uart_enable_interrupt(unsigned which, bool on)
{
    outb(ports[which] + ENABLE, on ? 1 : 0); /* data received */
}

uint8_t uart_irq(unsigned which)
{
    return which == 0 ? 4 : 3;
}

void arch_console_write(const char *text, size_t len)
{
    uart_write(0, text, len);
}
