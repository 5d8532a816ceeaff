/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What <sys/config.h> of newlib says about this system: one reent structure per thread, found by
 * a call; read and write with the types of POSIX.
 */
#ifndef _MACHINE__TESSERA_CONFIG_H
#define _MACHINE__TESSERA_CONFIG_H

#define __DYNAMIC_REENT__
#define _READ_WRITE_RETURN_TYPE _ssize_t
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__
#define __FILENAME_MAX__ 1024
#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif

#endif
