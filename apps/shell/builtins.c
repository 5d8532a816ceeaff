/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands that the shell does itself, and those about the shell. */
#include <stdlib.h>
#include <string.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

#define DESCRIPTORS 1024u

bool exit_wanted;
int exit_code;

static const char *grant_of(int fd)
{
    const char *name;
    int number;
    for (size_t i = 0; (name = grant_name(i, &number)) != NULL; i++) {
        if (number == fd)
            return name;
    }
    return "-";
}

/* No call lists descriptors, so each number is tried: what answers is all there is. */
static int builtin_fds(int argc, char **argv)
{
    char rights[700], below[700];
    (void)argc, (void)argv;
    for (unsigned fd = 0; fd < DESCRIPTORS; fd++) {
        cloudabi_fdstat_t stat;
        if (cloudabi_sys_fd_stat_get(fd, &stat) != 0)
            continue;
        rights_text(stat.fs_rights_base, " ", rights, sizeof(rights));
        rights_text(stat.fs_rights_inheriting, " ", below, sizeof(below));
        out("%3u %-10s %-9s %s\n", fd, grant_of((int)fd), type_name(stat.fs_filetype), rights);
        if (stat.fs_rights_inheriting != 0)
            out("%25sbelow: %s\n", "", below);
    }
    return 0;
}

static int builtin_cd(int argc, char **argv)
{
    return !change_directory(argc > 1 ? argv[1] : NULL);
}

static int builtin_pwd(int argc, char **argv)
{
    char text[NAME_MAX_LEN + 80];
    (void)argc, (void)argv;
    current_directory(text, sizeof(text));
    out("%s\n", text[0] != '\0' ? text : "(above all grants)");
    return 0;
}

static int builtin_exit(int argc, char **argv)
{
    exit_wanted = true;
    exit_code = argc > 1 ? atoi(argv[1]) : 0;
    return exit_code;
}

static int builtin_grant(int argc, char **argv)
{
    (void)argc, (void)argv;
    out("A program gets what is named and nothing else:\n"
        "    run PROGRAM NAME=PATH[:RIGHTS] ... ARGUMENT ...\n"
        "opens PATH with RIGHTS (letters of rwx; r if there are none) and gives it to the program as NAME. For a\n"
        "directory they hold for all below it. Standard output and error are the terminal, if not said otherwise\n"
        "by >, | or stdout=PATH:w; standard input is there only with <, | or stdin=PATH. Example:\n"
        "    run wc stdin=home/notes.txt\n"
        "    run programs/shell terminal=terminal:rw home=home/sub:r\n");
    return 0;
}

static builtin_function builtin_help;

static int builtin_run(int argc, char **argv)
{
    (void)argc, (void)argv;
    complain("run: a program is needed (help)");
    return 1;
}

static const struct builtin builtins[] = {
    {"fds", builtin_fds, "", "the descriptors that this shell holds: number, name, type, rights"},
    {"ls", builtin_ls, "[-l] [NAME...]",
     "list directories; without a name the current one, or the grants"},
    {"cat", builtin_cat, "NAME...", "show files"},
    {"echo", builtin_echo, "[-n] TEXT...", "print, or with > NAME write"},
    {"mkdir", builtin_mkdir, "NAME...", "make directories"},
    {"rm", builtin_rm, "[-r] NAME...", "remove files and empty directories, or all below too"},
    {"mv", builtin_mv, "NAME NEW", "rename or move"},
    {"cp", builtin_cp, "NAME NEW", "copy a file"},
    {"sync", builtin_sync, "NAME...", "wait until files or directories are on the disk"},
    {"ln", builtin_ln, "[-s] TARGET NAME", "another name for a file, or a symbolic link"},
    {"cd", builtin_cd, "[NAME]", "make a directory the current one; without a name none is"},
    {"pwd", builtin_pwd, "", "the current directory"},
    {"run", builtin_run, "PROGRAM [GRANT=NAME[:rwx]]... [ARG...]",
     "run a program; `run` may be left out"},
    {"grant", builtin_grant, "", "how a program is given something"},
    {"jobs", builtin_jobs, "", "programs in the background (COMMAND &)"},
    {"kill", builtin_kill, "NUMBER", "end a program in the background"},
    {"help", builtin_help, "", "this list"},
    {"exit", builtin_exit, "[CODE]", "end the shell; all that it holds is given back"},
};

#define BUILTINS (sizeof(builtins) / sizeof(builtins[0]))

static int builtin_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (size_t i = 0; i < BUILTINS; i++)
        out("%-5s %-38s %s\n", builtins[i].name, builtins[i].usage, builtins[i].help);
    out("Names begin with a grant (home/notes.txt) or are below the current directory. Any other command is a program\n"
        "below `programs`. A | B connects programs, < > >> name files, ; separates commands.\n");
    return 0;
}

const struct builtin *builtin_find(const char *name)
{
    for (size_t i = 0; i < BUILTINS; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return &builtins[i];
    }
    return NULL;
}
