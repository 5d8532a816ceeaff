/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KERNEL_DEV_SERIAL_H
#define KERNEL_DEV_SERIAL_H

void serial_init(void); /* opens the ports and their interrupts; once */

#endif
