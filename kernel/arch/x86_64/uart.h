/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial ports COM1 (0) and COM2 (1). Writing is polled; one writer's text stays together. */
#ifndef KERNEL_ARCH_X86_64_UART_H
#define KERNEL_ARCH_X86_64_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UARTS 2

bool uart_init(unsigned which); /* false: there is none */
void uart_write(unsigned which, const char *text, size_t len);
bool uart_read(unsigned which, uint8_t *byte);       /* false: nothing has come */
void uart_enable_interrupt(unsigned which, bool on); /* when data comes */
void uart_drain(void);                               /* waits until all is on the wire */
uint8_t uart_irq(unsigned which);                    /* ISA number */

#endif
