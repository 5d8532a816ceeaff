/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines from the terminal. A console delivers edited lines. A connection delivers whatever
 * somebody sends: plain lines (nc), or telnet with its commands, of which all options are
 * refused, so the client keeps to whole lines.
 *
 * Lines end with LF, CR LF or CR NUL. A line that is too long is dropped to its end. The byte 3
 * (^C) drops what was typed and is remembered for whoever waits; the byte 4 on an empty line is
 * the end.
 */
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

#define BUFFER_SIZE (4u * SCRIPT_TEXT)

enum telnet { TELNET_TEXT, TELNET_IAC, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC };

static struct {
    bool raw; /* a connection: telnet, editing of its own */
    bool closed, interrupted, too_long, after_cr;
    enum telnet state;
    uint8_t verb;
    char buffer[BUFFER_SIZE]; /* whole lines, each with LF, then the one that is being typed */
    size_t len, line_start;   /* of what is being typed */
    size_t taken;             /* bytes at the start that were given out */
} input;

int terminal_fd = -1;

void input_begin(int fd)
{
    cloudabi_fdstat_t stat;
    terminal_fd = fd;
    input.raw = cloudabi_sys_fd_stat_get((cloudabi_fd_t)fd, &stat) == 0 &&
                stat.fs_filetype != CLOUDABI_FILETYPE_CHARACTER_DEVICE;
}

/* --- telnet ------------------------------------------------------------------------------- */

#define IAC             255u
#define DONT            254u
#define DO              253u
#define WONT            252u
#define WILL            251u
#define SB              250u
#define SE              240u
#define INTERRUPT       244u
#define ABORT_OUTPUT    245u
#define BREAK           243u
#define ERASE_CHARACTER 247u
#define ERASE_LINE      248u
#define ARE_YOU_THERE   246u
#define TIMING_MARK     6u

static void answer(uint8_t verb, uint8_t option)
{
    uint8_t bytes[3] = {IAC, verb, option};
    (void)out_flush();
    (void)!write(terminal_fd, bytes, sizeof(bytes));
}

static void answer_option(uint8_t verb, uint8_t option)
{
    if (verb == DO)
        answer(option == TIMING_MARK ? WILL : WONT, option);
    else if (verb == WILL)
        answer(DONT, option);
}

static void take_text(uint8_t byte);

static void telnet_command(uint8_t byte)
{
    input.state = TELNET_TEXT;
    switch (byte) {
    case IAC:
        take_text(byte);
        break;
    case DO:
    case DONT:
    case WILL:
    case WONT:
        input.verb = byte;
        input.state = TELNET_OPTION;
        break;
    case SB:
        input.state = TELNET_SUB;
        break;
    case INTERRUPT:
    case BREAK:
    case ABORT_OUTPUT:
        take_text(3);
        break;
    case ERASE_CHARACTER:
        take_text(127);
        break;
    case ERASE_LINE:
        take_text(21);
        break;
    case ARE_YOU_THERE:
        (void)!write(terminal_fd, "[yes]\n", 6);
        break;
    default:
        break;
    }
}

static void take_byte(uint8_t byte)
{
    switch (input.state) {
    case TELNET_TEXT:
        if (input.raw && byte == IAC)
            input.state = TELNET_IAC;
        else
            take_text(byte);
        break;
    case TELNET_IAC:
        telnet_command(byte);
        break;
    case TELNET_OPTION:
        input.state = TELNET_TEXT;
        answer_option(input.verb, byte);
        break;
    case TELNET_SUB:
        if (byte == IAC)
            input.state = TELNET_SUB_IAC;
        break;
    case TELNET_SUB_IAC:
        input.state = byte == SE ? TELNET_TEXT : TELNET_SUB;
        break;
    }
}

/* --- lines -------------------------------------------------------------------------------- */

static void end_line(void)
{
    if (input.too_long) {
        complain("the line is too long");
        input.len = input.line_start;
        input.too_long = false;
        return;
    }
    input.buffer[input.len++] = '\n';
    input.line_start = input.len;
}

static void erase_character(void)
{
    while (input.len > input.line_start && ((uint8_t)input.buffer[--input.len] & 0xc0) == 0x80)
        ;
}

/* There is room: input_take() sees to that. */
static void take_text(uint8_t byte)
{
    bool after_cr = input.after_cr;
    input.after_cr = byte == '\r';
    if (after_cr && (byte == '\n' || byte == '\0'))
        return;
    switch (byte) {
    case '\r':
    case '\n':
        end_line();
        return;
    case 3:
        input.interrupted = true; /* what was typed ahead goes too */
        input.len = input.line_start = input.taken;
        input.too_long = false;
        return;
    case 4:
        input.closed = input.closed || input.len == input.line_start;
        return;
    case 8:
    case 127:
        erase_character();
        return;
    case 21:
        input.len = input.line_start;
        return;
    case 0:
        return;
    default:
        break;
    }
    if (input.len - input.line_start >= SCRIPT_TEXT)
        input.too_long = true;
    else
        input.buffer[input.len++] = (char)byte;
}

/* --- for the others ----------------------------------------------------------------------- */

static void make_room(void)
{
    memmove(input.buffer, input.buffer + input.taken, input.len - input.taken);
    input.len -= input.taken;
    input.line_start -= input.taken;
    input.taken = 0;
}

bool input_full(void)
{
    return input.len - input.taken > BUFFER_SIZE - SCRIPT_TEXT;
}

void input_take(void)
{
    uint8_t bytes[512];
    make_room();
    ssize_t got = read(terminal_fd, bytes, sizeof(bytes));
    if (got <= 0) {
        input.closed = true;
        return;
    }
    for (ssize_t i = 0; i < got && !input.closed; i++)
        take_byte(bytes[i]);
}

bool input_line(const char **line, size_t *len)
{
    const char *start, *newline;
    input.interrupted = false;
    for (;;) {
        start = input.buffer + input.taken;
        newline = memchr(start, '\n', input.line_start - input.taken);
        if (newline != NULL)
            break;
        if (input.closed)
            return false;
        input_take();
        if (input_interrupted()) {
            *line = "";
            *len = 0;
            return true; /* a fresh prompt */
        }
    }
    *line = start;
    *len = (size_t)(newline - start);
    input.taken += *len + 1;
    return true;
}

bool input_closed(void)
{
    return input.closed;
}

bool input_interrupted(void)
{
    bool interrupted = input.interrupted;
    input.interrupted = false;
    return interrupted;
}
