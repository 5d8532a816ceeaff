/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's declares no function. */
#ifndef _UTIME_H
#define _UTIME_H

#include <sys/types.h>

#include <sys/utime.h>

#ifdef __cplusplus
extern "C" {
#endif

int utime(const char *, const struct utimbuf *);

#ifdef __cplusplus
}
#endif

#endif
