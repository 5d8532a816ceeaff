/* SPDX-License-Identifier: BSD-2-Clause */
/* Another name of endian.h. */
#ifndef _SYS_ENDIAN_H
#define _SYS_ENDIAN_H

#include <endian.h>

#endif
