/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * There are no users: everybody is the same one, number 0, without a name. Becoming another, or giving up a directory
 * for ever, is refused: what a program may do comes with its descriptors.
 */
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "libc/unix/unix.h"

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

int getgroups(int size, gid_t *list)
{
    (void)size;
    (void)list;
    return 0;
}

int setuid(uid_t user)
{
    return user == 0 ? 0 : result(EPERM);
}

int seteuid(uid_t user)
{
    return setuid(user);
}

int setgid(gid_t group)
{
    return group == 0 ? 0 : result(EPERM);
}

int setegid(gid_t group)
{
    return setgid(group);
}

int initgroups(const char *name, gid_t group)
{
    (void)name;
    return setgid(group);
}

int chroot(const char *path)
{
    (void)path;
    return result(EPERM);
}

struct group *getgrnam(const char *name)
{
    (void)name;
    return NULL;
}

struct group *getgrgid(gid_t group)
{
    (void)group;
    return NULL;
}

struct passwd *getpwnam(const char *name)
{
    (void)name;
    return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
    (void)uid;
    return NULL;
}

char *getlogin(void)
{
    errno = ENXIO;
    return NULL;
}

int issetugid(void)
{
    return 0;
}
