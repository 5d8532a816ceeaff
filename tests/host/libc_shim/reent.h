/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's header of this name, as far as libc/malloc needs it. */
#ifndef TESTS_HOST_LIBC_SHIM_REENT_H
#define TESTS_HOST_LIBC_SHIM_REENT_H

struct _reent;

#endif
