/* SPDX-License-Identifier: BSD-2-Clause */
/* Between line_keys.c, which decodes what is typed, and line.c, which edits. */
#ifndef SERVICES_COMMON_LINE_PRIV_H
#define SERVICES_COMMON_LINE_PRIV_H

#include "services/common/line.h"

enum line_key {
    KEY_NONE,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_UP,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_KILL_TAIL,
    KEY_KILL_LINE,
    KEY_KILL_WORD,
    KEY_REDRAW,
    KEY_INTERRUPT,
    KEY_END_OF_INPUT,
    KEY_ENTER,
    LINE_KEYS
};

/* Takes one byte; true if a key or a character is complete. A character is in line->character,
 * with KEY_NONE. */
bool line_decode(struct line *line, uint8_t byte, enum line_key *key);

#endif
