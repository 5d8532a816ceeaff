/* SPDX-License-Identifier: BSD-2-Clause */
/* What reader and writer of argument data share. */
#ifndef ABI_ARGDATA_CODEC_PRIV_H
#define ABI_ARGDATA_CODEC_PRIV_H

#include "abi/argdata/argdata.h"

/* Well-formed UTF-8: no overlong forms, no surrogates, at most U+10FFFF. */
bool argdata_utf8_valid(const uint8_t *text, size_t len);

#endif
