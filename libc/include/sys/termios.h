/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminal attributes; see libc/unix/terminal.c for what they mean here. */
#ifndef _SYS_TERMIOS_H
#define _SYS_TERMIOS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int tcflag_t;
typedef unsigned int speed_t;
typedef unsigned char cc_t;

#define NCCS 20

struct termios {
    tcflag_t c_iflag;
    tcflag_t c_oflag;
    tcflag_t c_cflag;
    tcflag_t c_lflag;
    cc_t c_cc[NCCS];
    speed_t c_ispeed;
    speed_t c_ospeed;
};

#define BRKINT  0x1
#define ICRNL   0x2
#define IGNBRK  0x4
#define IGNCR   0x8
#define IGNPAR  0x10
#define INLCR   0x20
#define INPCK   0x40
#define ISTRIP  0x80
#define IMAXBEL 0x2000
#define IXANY   0x100
#define IXOFF   0x200
#define IXON    0x400
#define PARMRK  0x800

#define OPOST  0x1
#define ONLCR  0x2
#define OCRNL  0x4
#define ONOCR  0x8
#define ONLRET 0x10

#define CSIZE  0x3
#define CS5    0x0
#define CS6    0x1
#define CS7    0x2
#define CS8    0x3
#define CSTOPB 0x4
#define CREAD  0x8
#define PARENB 0x10
#define PARODD 0x20
#define HUPCL  0x40
#define CLOCAL 0x80

#define ECHO    0x1
#define ECHOE   0x2
#define ECHOK   0x4
#define ECHONL  0x8
#define ICANON  0x10
#define IEXTEN  0x20
#define ISIG    0x40
#define NOFLSH  0x80
#define TOSTOP  0x100
#define ECHOCTL 0x200
#define ECHOKE  0x400

#define VEOF   0
#define VEOL   1
#define VERASE 2
#define VINTR  3
#define VKILL  4
#define VMIN   5
#define VQUIT  6
#define VSTART 7
#define VSTOP  8
#define VSUSP  9
#define VTIME  10

#define TCSANOW   0
#define TCSADRAIN 1
#define TCSAFLUSH 2
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF    0
#define TCOON     1
#define TCIOFF    2
#define TCION     3

#define B0      0
#define B9600   9600
#define B19200  19200
#define B38400  38400
#define B115200 115200

int tcgetattr(int, struct termios *);
int tcsetattr(int, int, const struct termios *);
int tcflush(int, int);
int tcdrain(int);
int tcflow(int, int);
int tcsendbreak(int, int);
speed_t cfgetispeed(const struct termios *);
speed_t cfgetospeed(const struct termios *);
int cfsetispeed(struct termios *, speed_t);
int cfsetospeed(struct termios *, speed_t);
void cfmakeraw(struct termios *);

#ifdef __cplusplus
}
#endif

#endif
