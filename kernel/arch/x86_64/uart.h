/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial ports COM1 (0) and COM2 (1). Writing is polled. */
#ifndef KERNEL_ARCH_X86_64_UART_H
#define KERNEL_ARCH_X86_64_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UARTS 2

bool uart_init(unsigned which); /* false: there is none */
/* All of it, in one piece; what the port does not take for seconds is lost. */
void uart_write(unsigned which, const char *text, size_t len);
/* What the port takes now: how many bytes, perhaps none. */
size_t uart_try_write(unsigned which, const char *text, size_t len);
bool uart_read(unsigned which, uint8_t *byte);       /* false: nothing has come */
void uart_enable_interrupt(unsigned which, bool on); /* when data comes */
void uart_drain(void);                               /* waits until all is on the wire */
uint8_t uart_irq(unsigned which);                    /* ISA number */

#endif
