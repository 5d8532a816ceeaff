/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line discipline: what is typed on a terminal becomes whole lines, with editing and echo. It
 * does no I/O: the owner feeds it bytes and gives it two functions to write with.
 *
 * Keys: backspace, delete, left, right, home, end, up and down (history), ^A ^E ^K ^U ^W, ^C,
 * ^D, ^L. CR, LF and CR LF end a line. Text is UTF-8; a malformed sequence is dropped, other
 * control characters and unknown escape sequences are ignored. Each character is taken to be one
 * column wide.
 *
 * A line is delivered with its LF. ^C drops the line and delivers the byte 3 alone, ^D on an
 * empty line the byte 4.
 */
#ifndef SERVICES_COMMON_LINE_H
#define SERVICES_COMMON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_SIZE      1024u /* bytes of one line with its LF */
#define LINE_HISTORY   32u
#define LINE_INTERRUPT 3u
#define LINE_END       4u

struct line_ops {
    void (*terminal)(void *context, const char *bytes, size_t len); /* show */
    void (*deliver)(void *context, const char *bytes, size_t len);  /* to who reads the terminal */
};

struct line {
    const struct line_ops *ops;
    void *context;
    char text[LINE_SIZE];
    size_t len, cursor; /* bytes; the cursor is at the start of a character */
    /* Decoding of input. */
    enum { LINE_TEXT, LINE_ESCAPE, LINE_SEQUENCE, LINE_SINGLE } state;
    unsigned parameter;   /* of an escape sequence */
    uint8_t character[4]; /* UTF-8 under way */
    unsigned char_len, char_need;
    bool after_cr;
    /* History: a ring of earlier lines; `shown` of them back is on display (0: the new line). */
    char *history[LINE_HISTORY]; /* from malloc */
    unsigned history_next, history_count, shown;
    char *kept; /* the new line while an older one is on display */
};

void line_init(struct line *line, const struct line_ops *ops, void *context);
void line_free(struct line *line);
void line_input(struct line *line, const char *bytes, size_t len);
/* What a program writes: LF becomes CR LF. */
void line_output(struct line *line, const char *bytes, size_t len);

#endif
