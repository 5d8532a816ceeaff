/* SPDX-License-Identifier: BSD-2-Clause */
/* From bytes of a terminal to keys and characters: control bytes, escape sequences, UTF-8. */
#include "services/common/line_priv.h"

static enum line_key control_key(uint8_t byte)
{
    static const uint8_t keys[32] = {
        [1] = KEY_HOME,       [2] = KEY_LEFT,       [3] = KEY_INTERRUPT,  [4] = KEY_END_OF_INPUT,
        [5] = KEY_END,        [6] = KEY_RIGHT,      [8] = KEY_BACKSPACE,  [10] = KEY_ENTER,
        [11] = KEY_KILL_TAIL, [12] = KEY_REDRAW,    [13] = KEY_ENTER,     [14] = KEY_DOWN,
        [16] = KEY_UP,        [21] = KEY_KILL_LINE, [23] = KEY_KILL_WORD,
    };
    return byte == 127 ? KEY_BACKSPACE : (enum line_key)keys[byte];
}

/* The end of a sequence ESC [ or ESC O. */
static enum line_key sequence_key(const struct line *line, uint8_t byte)
{
    switch (byte) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        break;
    default:
        return KEY_NONE;
    }
    switch (line->parameter) {
    case 1:
    case 7:
        return KEY_HOME;
    case 4:
    case 8:
        return KEY_END;
    case 3:
        return KEY_DELETE;
    default:
        return KEY_NONE;
    }
}

static bool decode_escape(struct line *line, uint8_t byte, enum line_key *key)
{
    *key = KEY_NONE;
    if (line->state == LINE_ESCAPE) {
        line->state = byte == '[' ? LINE_SEQUENCE : byte == 'O' ? LINE_SINGLE : LINE_TEXT;
        line->parameter = 0;
        return false;
    }
    if (line->state == LINE_SEQUENCE && byte >= '0' && byte <= '9') {
        line->parameter = (line->parameter * 10 + (byte - '0')) % 1000;
        return false;
    }
    if (line->state == LINE_SEQUENCE && byte >= 0x20 && byte < 0x40)
        return false; /* further parameters: a modifier, say */
    line->state = LINE_TEXT;
    *key = sequence_key(line, byte);
    return *key != KEY_NONE;
}

/* Length of a character by its first byte; 0: none begins so. */
static unsigned utf8_length(uint8_t byte)
{
    if (byte < 0x80)
        return 1;
    if (byte >= 0xc2 && byte <= 0xdf)
        return 2;
    if (byte >= 0xe0 && byte <= 0xef)
        return 3;
    return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

/* Whether BYTE may stand second after FIRST: no overlong forms, surrogates, or what is beyond
 * U+10FFFF. */
static bool utf8_second(uint8_t first, uint8_t byte)
{
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return byte >= low && byte <= high;
}

static bool decode_text(struct line *line, uint8_t byte)
{
    bool fits =
        line->char_len == 1 ? utf8_second(line->character[0], byte) : byte >= 0x80 && byte <= 0xbf;
    if (line->char_len != 0 && !fits)
        line->char_len = 0; /* cut short: drop it, begin anew with this byte */
    if (line->char_len == 0) {
        line->char_need = utf8_length(byte);
        if (line->char_need == 0)
            return false;
    }
    line->character[line->char_len++] = byte;
    return line->char_len == line->char_need;
}

bool line_decode(struct line *line, uint8_t byte, enum line_key *key)
{
    bool after_cr = line->after_cr;
    *key = KEY_NONE;
    line->after_cr = byte == '\r';
    if (after_cr && (byte == '\n' || byte == '\0'))
        return false;
    if (byte == 27) {
        line->state = LINE_ESCAPE;
        line->char_len = 0;
        return false;
    }
    if (line->state != LINE_TEXT)
        return decode_escape(line, byte, key);
    if (byte == '\t')
        byte = ' ';
    if (byte >= 32 && byte != 127)
        return decode_text(line, byte);
    line->char_len = 0;
    *key = control_key(byte);
    return *key != KEY_NONE;
}
