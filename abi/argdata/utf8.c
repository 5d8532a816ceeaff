/* SPDX-License-Identifier: BSD-2-Clause */
/* Check of UTF-8, after table 3-7 of the Unicode Standard. */
#include "abi/argdata/codec_priv.h"

/* Length of the sequence that starts with BYTE, and the bounds of its second byte; 0 if none starts so. */
static size_t sequence(uint8_t byte, uint8_t *low, uint8_t *high)
{
    *low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    *high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    if (byte < 0x80)
        return 1;
    if (byte < 0xc2 || byte > 0xf4)
        return 0;
    return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

bool argdata_utf8_valid(const uint8_t *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        uint8_t low, high;
        size_t n = sequence(text[i], &low, &high);

        if (n == 0 || n > len - i)
            return false;
        if (n > 1 && (text[i + 1] < low || text[i + 1] > high))
            return false;
        for (size_t k = 2; k < n; k++) {
            if ((text[i + k] & 0xc0) != 0x80)
                return false;
        }
        i += n;
    }
    return true;
}
