/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell, shared by its parts. It holds what it was granted and nothing else; every name that
 * is typed begins with the name of a grant, or is below the current directory, which is itself
 * below a grant.
 */
#ifndef APPS_SHELL_SHELL_H
#define APPS_SHELL_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cloudabi_types.h"
#include "apps/shell/parse.h"

#define NAME_MAX_LEN 1023u

/* --- output.c: what commands print goes to the terminal, a file or a pipe; complaints to the terminal --- */
void out_text(const char *text, size_t len);
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From now on commands print to FD; -1: to the terminal. What was printed before is written out
 * first. */
void out_redirect(int fd);
cloudabi_errno_t out_flush(void); /* the first error since the redirection */
cloudabi_errno_t write_all(int fd, const char *bytes, size_t len);

/* --- input.c: lines from the terminal ----------------------------------------------------- */
extern int terminal_fd;
void input_begin(int fd);
/* The next line, without its end. False: nobody is there any more. */
bool input_line(const char **line, size_t *len);
/* Takes what the terminal has now (blocks if it has nothing), while a command runs. */
void input_take(void);
bool input_closed(void);
bool input_full(void);        /* do not take more */
bool input_interrupted(void); /* ^C came; says so once */

/* --- names.c: from typed names to a directory and a path below it ------------------------- */
struct place {
    int fd;                      /* of the grant; -1: the place above all grants */
    const char *grant;           /* its name */
    const char *typed;           /* for messages */
    char path[NAME_MAX_LEN + 1]; /* below it; "." is the grant itself */
};
/* Complains and returns false if the name is not below a grant. */
bool name_resolve(const char *typed, struct place *place);
/* The last component of a name, for copying into a directory. */
const char *name_last(const char *typed);
/* NAME in the directory PLACE, for messages named as TYPED, which must stay. */
bool place_below(const struct place *dir, const char *name, const char *typed, struct place *place);

/* What an operation asks: rights of the directory of the grant, and for what is opened. */
struct needs {
    cloudabi_rights_t base, inheriting;
};
/* Opens PLACE; rights that are optional are asked for if they are there. -1 after complaining. */
int place_open(const struct place *place, cloudabi_oflags_t oflags, cloudabi_rights_t needed,
               cloudabi_rights_t optional);
cloudabi_errno_t place_try_open(const struct place *place, cloudabi_oflags_t oflags,
                                cloudabi_rights_t needed, cloudabi_rights_t optional, int *fd);
/* Says why PLACE can not be had: a missing right by name, a way out, or the error. */
void place_complain(const struct place *place, struct needs needs, cloudabi_errno_t error);
cloudabi_errno_t place_stat(const struct place *place, bool follow, cloudabi_filestat_t *stat);
bool place_is_directory(const struct place *place);
/* The current directory. */
bool change_directory(const char *typed);
void current_directory(char *text, size_t size);

/* --- rights.c ----------------------------------------------------------------------------- */
const char *type_name(cloudabi_filetype_t type);
/* "FD_READ, FD_WRITE"; at most SIZE bytes. */
void rights_text(cloudabi_rights_t rights, const char *separator, char *text, size_t size);

/* --- builtins.c, files.c, list.c ---------------------------------------------------------- */
typedef int builtin_function(int argc, char **argv);
struct builtin {
    const char *name;
    builtin_function *function;
    const char *usage, *help;
};
const struct builtin *builtin_find(const char *name);
builtin_function builtin_ls; /* list.c */
builtin_function builtin_cat, builtin_echo, builtin_mkdir, builtin_rm, builtin_mv, builtin_cp,
    builtin_sync, builtin_ln;                /* files.c */
builtin_function builtin_jobs, builtin_kill; /* jobs.c */
extern bool exit_wanted;
extern int exit_code;

/* --- spawn.c: programs -------------------------------------------------------------------- */
struct streams {
    int input, output; /* -1: none, or the terminal */
};
/* Starts the program of a command (with or without the word `run`). -1 after complaining, else
 * its process. */
int program_start(const struct command *command, struct streams streams);
bool program_exists(const char *name);

/* --- jobs.c: running programs ------------------------------------------------------------- */
#define PIPELINE_MAX 8u
struct pipeline {
    int processes[PIPELINE_MAX];
    size_t count;
    bool lends_terminal; /* a program reads the terminal itself */
    char title[48];
};
/* Waits for the end of all; the exit code of the last. ^C kills them. */
int pipeline_wait(struct pipeline *pipeline);
void pipeline_kill(struct pipeline *pipeline);
void job_add(const struct pipeline *pipeline);
void jobs_report(void); /* says which have ended */

/* --- run.c: what a line says -------------------------------------------------------------- */
void run_line(const char *line, size_t len);

#endif
