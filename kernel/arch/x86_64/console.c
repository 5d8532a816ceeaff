/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two 16550 serial ports: polled output for the log and for panics.
 * Their interrupt-driven side, for programs, is kernel/dev/serial.c.
 */
#include "kernel/arch/x86_64/arch_priv.h"
#include "kernel/arch/x86_64/insn.h"
#include "kernel/arch/x86_64/uart.h"

enum { DATA, ENABLE, FIFO, LINE, MODEM, STATUS };

#define STATUS_DATA  0x01
#define STATUS_EMPTY 0x20
#define STATUS_IDLE  0x40
#define FIFO_DEPTH   16
#define SPIN_LIMIT   1000000 /* a port that never gets ready loses text, not the machine */

static const uint16_t ports[UARTS] = {0x3f8, 0x2f8};
static bool present[UARTS], set_up[UARTS];
static atomic_bool busy[UARTS];

/* Not a spinlock with a rank: a panic must get through whoever holds it. */
static void lock(unsigned which)
{
    for (unsigned i = 0; i < SPIN_LIMIT && atomic_exchange(&busy[which], true); i++)
        arch_spin_hint();
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

void uart_write(unsigned which, const char *text, size_t len)
{
    uint16_t port = ports[which];
    if (!uart_init(which))
        return;
    lock(which);
    while (len > 0) {
        for (unsigned i = 0; i < SPIN_LIMIT && !(inb(port + STATUS) & STATUS_EMPTY); i++)
            ;
        for (unsigned i = 0; i < FIFO_DEPTH && len > 0; i++, len--)
            outb(port + DATA, (uint8_t)*text++);
    }
    atomic_store_explicit(&busy[which], false, memory_order_release);
}

void uart_drain(void)
{
    for (unsigned which = 0; which < UARTS; which++)
        for (unsigned i = 0; present[which] && i < SPIN_LIMIT; i++)
            if (inb(ports[which] + STATUS) & STATUS_IDLE)
                break;
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
