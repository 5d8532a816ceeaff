/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device can do it offers as files. Requests are ENOTTY but those for any descriptor. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#ifdef __cplusplus
extern "C" {
#endif

struct winsize {
    unsigned short ws_row;
    unsigned short ws_col;
    unsigned short ws_xpixel;
    unsigned short ws_ypixel;
};

#define TIOCGWINSZ 1
#define TIOCSWINSZ 2
#define FIONREAD   3
#define FIONBIO    4
#define FIOCLEX    5
#define FIONCLEX   6

int ioctl(int, unsigned long, ...);

#ifdef __cplusplus
}
#endif

#endif
