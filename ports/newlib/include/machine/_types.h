/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces newlib's file of this name: the widths that newlib guesses for small machines
 * (16-bit device, inode and user numbers) are those of the ABI here.
 */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

typedef __uint64_t __dev_t;
#define __machine_dev_t_defined 1
typedef __uint64_t __ino_t;
#define __machine_ino_t_defined 1
typedef __uint32_t __uid_t;
#define __machine_uid_t_defined 1
typedef __uint32_t __gid_t;
#define __machine_gid_t_defined 1
typedef __uint64_t __fsfilcnt_t;
#define __machine_fsfilcnt_t_defined 1

#endif
