/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals. The ABI has no ioctl, and the console edits lines itself: attributes are kept here so that
 * programs that save and restore them work, but they have no effect.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <termios.h>
#include <unistd.h>

#include "libc/unix/unix.h"

static struct termios attributes = {
    .c_iflag = ICRNL,
    .c_oflag = OPOST,
    .c_cflag = CS8 | CREAD,
    .c_lflag = ECHO | ICANON | ISIG | IEXTEN,
    .c_cc = {[VINTR] = 3, [VEOF] = 4, [VERASE] = 127, [VKILL] = 21, [VMIN] = 1},
    .c_ispeed = B38400,
    .c_ospeed = B38400,
};

static bool is_terminal(int fd)
{
    return isatty(fd) != 0;
}

int tcgetattr(int fd, struct termios *out)
{
    if (!is_terminal(fd))
        return -1;
    *out = attributes;
    return 0;
}

int tcsetattr(int fd, int actions, const struct termios *in)
{
    (void)actions;
    if (!is_terminal(fd))
        return -1;
    attributes = *in;
    return 0;
}

int tcflush(int fd, int queue)
{
    (void)queue;
    return is_terminal(fd) ? 0 : -1;
}

int tcdrain(int fd)
{
    return is_terminal(fd) ? 0 : -1;
}

int tcflow(int fd, int action)
{
    (void)action;
    return is_terminal(fd) ? 0 : -1;
}

int tcsendbreak(int fd, int duration)
{
    (void)duration;
    return is_terminal(fd) ? 0 : -1;
}

speed_t cfgetispeed(const struct termios *t)
{
    return t->c_ispeed;
}

speed_t cfgetospeed(const struct termios *t)
{
    return t->c_ospeed;
}

int cfsetispeed(struct termios *t, speed_t speed)
{
    t->c_ispeed = speed;
    return 0;
}

int cfsetospeed(struct termios *t, speed_t speed)
{
    t->c_ospeed = speed;
    return 0;
}

void cfmakeraw(struct termios *t)
{
    t->c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | BRKINT | ISTRIP);
    t->c_oflag &= ~(tcflag_t)OPOST;
    t->c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG | IEXTEN);
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
}

char *ttyname(int fd)
{
    static char name[] = "/terminal";

    return is_terminal(fd) ? name : NULL;
}

pid_t tcgetpgrp(int fd)
{
    return is_terminal(fd) ? getpgrp() : -1;
}

int tcsetpgrp(int fd, pid_t group)
{
    (void)group;
    return is_terminal(fd) ? 0 : -1;
}

int fstatvfs(int fd, struct statvfs *st)
{
    (void)fd;
    (void)st;
    return result(ENOTSUP);
}

int statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    (void)st;
    return result(ENOTSUP);
}
