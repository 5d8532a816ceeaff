/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot needs of the kernel's directory. */
#ifndef KERNEL_DEV_DEV_H
#define KERNEL_DEV_DEV_H

#include "kernel/fd/file.h"

void dev_init(void); /* checks the boot archive, makes the vDSO's object, opens the serial ports */
/* An open directory: all of knode_root. */
cloudabi_errno_t dev_open_root(struct file **out);
/* The object of a file of the boot archive, referenced; NULL: no such file, or no memory. */
struct memobj *dev_boot_file(const char *name);
/* Borrowed: page 0 is the time page, the vDSO's image follows. */
struct memobj *arch_vdso_object(void);

#endif
