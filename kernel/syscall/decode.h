/* SPDX-License-Identifier: BSD-2-Clause */
/* What the generated decoders (abi/) use. */
#ifndef KERNEL_SYSCALL_DECODE_H
#define KERNEL_SYSCALL_DECODE_H

#include "kernel/fd/table.h"
#include "kernel/mm/user.h"
#include "kernel/syscall/frame.h"

#endif
