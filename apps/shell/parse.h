/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a line to commands:
 *
 *   LINE      = PIPELINE {";" PIPELINE}
 *   PIPELINE  = COMMAND {"|" COMMAND} ["&"]
 *   COMMAND   = {WORD | "<" WORD | ">" WORD | ">>" WORD}
 *
 * 'single quotes' keep everything, "double quotes" and \ keep what would else mean something; #
 * at the start of a word begins a comment. Pure: the words are in the script itself, and nothing
 * is allocated.
 */
#ifndef APPS_SHELL_PARSE_H
#define APPS_SHELL_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_TEXT     4096u /* longest line */
#define SCRIPT_WORDS    256u
#define SCRIPT_COMMANDS 32u

struct command {
    char **words; /* NULL-terminated; there is at least one */
    size_t count;
    const char *input;  /* < */
    const char *output; /* > or >> */
    bool append;
    bool piped;      /* its output goes to the next command */
    bool background; /* the pipeline that it ends is not waited for */
};

struct script {
    struct command commands[SCRIPT_COMMANDS];
    size_t count;
    char *words[SCRIPT_WORDS + SCRIPT_COMMANDS];
    size_t words_count;
    char text[SCRIPT_TEXT + SCRIPT_WORDS];
    size_t text_len;
};

/* LINE has LEN bytes, no newline. NULL, or what is wrong with it. */
const char *parse_line(const char *line, size_t len, struct script *script);

#endif
