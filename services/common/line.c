/* SPDX-License-Identifier: BSD-2-Clause */
/* Editing. The display is kept right with backspaces alone, so it works on any terminal. */
#include <stdlib.h>
#include <string.h>

#include "services/common/line_priv.h"

/* --- showing ------------------------------------------------------------------------------ */

static void show(struct line *line, const char *bytes, size_t len)
{
    if (len != 0)
        line->ops->terminal(line->context, bytes, len);
}

static void show_repeated(struct line *line, char byte, size_t count)
{
    char bytes[64];
    memset(bytes, byte, sizeof(bytes));
    for (; count > sizeof(bytes); count -= sizeof(bytes))
        show(line, bytes, sizeof(bytes));
    show(line, bytes, count);
}

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

static size_t columns(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += !is_continuation(text[i]);
    return count;
}

/* Shows the text from the cursor on, then BLANKS spaces, and goes back to the cursor. */
static void show_tail(struct line *line, size_t blanks)
{
    const char *tail = line->text + line->cursor;
    size_t len = line->len - line->cursor;
    show(line, tail, len);
    show_repeated(line, ' ', blanks);
    show_repeated(line, '\b', columns(tail, len) + blanks);
}

void line_output(struct line *line, const char *bytes, size_t len)
{
    while (len != 0) {
        const char *newline = memchr(bytes, '\n', len);
        size_t piece = newline != NULL ? (size_t)(newline - bytes) : len;
        show(line, bytes, piece);
        if (newline == NULL)
            return;
        show(line, "\r\n", 2);
        bytes += piece + 1;
        len -= piece + 1;
    }
}

/* --- moving and changing ------------------------------------------------------------------ */

static size_t previous(const struct line *line, size_t at)
{
    while (at > 0 && is_continuation(line->text[--at]))
        ;
    return at;
}

static size_t next(const struct line *line, size_t at)
{
    if (at < line->len)
        at++;
    while (at < line->len && is_continuation(line->text[at]))
        at++;
    return at;
}

static void move_to(struct line *line, size_t at)
{
    if (at < line->cursor)
        show_repeated(line, '\b', columns(line->text + at, line->cursor - at));
    else
        show(line, line->text + line->cursor, at - line->cursor);
    line->cursor = at;
}

/* Removes the text from START to END; the cursor goes to START. */
static void cut(struct line *line, size_t start, size_t end)
{
    size_t blanks = columns(line->text + start, end - start);
    move_to(line, start);
    memmove(line->text + start, line->text + end, line->len - end);
    line->len -= end - start;
    show_tail(line, blanks);
}

static void insert(struct line *line, const char *text, size_t len)
{
    if (line->len + len + 1 > LINE_SIZE) {
        show(line, "\a", 1);
        return;
    }
    memmove(line->text + line->cursor + len, line->text + line->cursor, line->len - line->cursor);
    memcpy(line->text + line->cursor, text, len);
    line->len += len;
    line->cursor += len;
    show(line, text, len);
    if (line->cursor < line->len)
        show_tail(line, 0);
}

static size_t word_start(const struct line *line)
{
    size_t at = line->cursor;
    while (at > 0 && line->text[at - 1] == ' ')
        at--;
    while (at > 0 && line->text[at - 1] != ' ')
        at--;
    return at;
}

/* --- history ------------------------------------------------------------------------------ */

static const char *history_line(const struct line *line, unsigned back)
{
    return line->history[(line->history_next + LINE_HISTORY - back) % LINE_HISTORY];
}

static char *copy_text(const struct line *line)
{
    char *copy = malloc(line->len + 1);
    if (copy != NULL) {
        memcpy(copy, line->text, line->len);
        copy[line->len] = '\0';
    }
    return copy;
}

static void history_add(struct line *line)
{
    char *copy = line->len != 0 ? copy_text(line) : NULL;
    if (copy != NULL && line->history_count != 0 && strcmp(copy, history_line(line, 1)) == 0) {
        free(copy);
        copy = NULL;
    }
    if (copy == NULL)
        return;
    free(line->history[line->history_next]);
    line->history[line->history_next] = copy;
    line->history_next = (line->history_next + 1) % LINE_HISTORY;
    if (line->history_count < LINE_HISTORY)
        line->history_count++;
}

static void history_show(struct line *line, unsigned back)
{
    if (line->shown == 0) {
        free(line->kept);
        line->kept = copy_text(line);
    }
    const char *text = back == 0 ? line->kept : history_line(line, back);
    line->shown = back;
    cut(line, 0, line->len);
    if (text != NULL)
        insert(line, text, strlen(text));
}

/* --- keys --------------------------------------------------------------------------------- */

static void reset(struct line *line)
{
    line->len = line->cursor = 0;
    line->shown = 0;
    free(line->kept);
    line->kept = NULL;
}

static void deliver_byte(struct line *line, char byte)
{
    line->ops->deliver(line->context, &byte, 1);
}

static void enter(struct line *line)
{
    move_to(line, line->len);
    show(line, "\r\n", 2);
    history_add(line);
    line->text[line->len] = '\n';
    line->ops->deliver(line->context, line->text, line->len + 1);
    reset(line);
}

static void interrupt(struct line *line)
{
    show(line, "^C\r\n", 4);
    reset(line);
    deliver_byte(line, LINE_INTERRUPT);
}

static void redraw(struct line *line)
{
    size_t cursor = line->cursor;
    move_to(line, 0);
    show_tail(line, 0);
    move_to(line, cursor);
}

static void edit_key(struct line *line, enum line_key key)
{
    switch (key) {
    case KEY_BACKSPACE:
        cut(line, previous(line, line->cursor), line->cursor);
        break;
    case KEY_DELETE:
        cut(line, line->cursor, next(line, line->cursor));
        break;
    case KEY_KILL_TAIL:
        cut(line, line->cursor, line->len);
        break;
    case KEY_KILL_LINE:
        cut(line, 0, line->cursor);
        break;
    case KEY_KILL_WORD:
        cut(line, word_start(line), line->cursor);
        break;
    default:
        break;
    }
}

static void press(struct line *line, enum line_key key)
{
    switch (key) {
    case KEY_NONE:
        insert(line, (const char *)line->character, line->char_len);
        break;
    case KEY_LEFT:
        move_to(line, previous(line, line->cursor));
        break;
    case KEY_RIGHT:
        move_to(line, next(line, line->cursor));
        break;
    case KEY_HOME:
        move_to(line, 0);
        break;
    case KEY_END:
        move_to(line, line->len);
        break;
    case KEY_UP:
        if (line->shown < line->history_count)
            history_show(line, line->shown + 1);
        break;
    case KEY_DOWN:
        if (line->shown > 0)
            history_show(line, line->shown - 1);
        break;
    case KEY_REDRAW:
        redraw(line);
        break;
    case KEY_INTERRUPT:
        interrupt(line);
        break;
    case KEY_END_OF_INPUT:
        if (line->len == 0)
            deliver_byte(line, LINE_END);
        else
            edit_key(line, KEY_DELETE);
        break;
    case KEY_ENTER:
        enter(line);
        break;
    default:
        edit_key(line, key);
    }
}

void line_input(struct line *line, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        enum line_key key;
        if (!line_decode(line, (uint8_t)bytes[i], &key))
            continue;
        press(line, key);
        line->char_len = 0;
    }
}

void line_init(struct line *line, const struct line_ops *ops, void *context)
{
    memset(line, 0, sizeof(*line));
    line->ops = ops;
    line->context = context;
}

void line_free(struct line *line)
{
    for (unsigned i = 0; i < LINE_HISTORY; i++)
        free(line->history[i]);
    free(line->kept);
}
