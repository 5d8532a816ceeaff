/* SPDX-License-Identifier: BSD-2-Clause */
/* Replaces newlib's file of this name: directory entries, read by libc/unix/dirent.c. */
#ifndef _SYS_DIRENT_H
#define _SYS_DIRENT_H

#include <sys/types.h>

#define NAME_MAX_DIRENT 1023
#define _DIRENT_HAVE_D_TYPE 1

struct dirent {
    ino_t d_ino;
    off_t d_off; /* cookie of the next entry */
    unsigned short d_reclen;
    unsigned short d_namlen;
    unsigned char d_type;
    char d_name[NAME_MAX_DIRENT + 1];
};

typedef struct __dirstream DIR;

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

#define IFTODT(mode) (((mode)&0170000) >> 12)
#define DTTOIF(type) ((type) << 12)

#endif
