/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This program, executed again by a test of proc_exec: its argument data is not a map but a binary value, of
 * which the first byte says what to look at. The exit code is the answer.
 */
#ifndef TESTS_CONFORMANCE_CHILD_H
#define TESTS_CONFORMANCE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum child_mode {
    CHILD_EXITS,       /* 42 */
    CHILD_COUNTS,      /* the number of open descriptors below 64 */
    CHILD_READS,       /* reads one byte from descriptor 0 */
    CHILD_CHECKS_DATA, /* whether byte i of the rest is i * 7: 0 or 1 */
    CHILD_RIGHTS,      /* whether descriptor 0 has just the rights in the next 8 bytes: 0 or 1 */
    CHILD_THREADS,     /* whether it has one thread and a lock can be taken: 0 or 1 */
    CHILD_MODES
};

bool child_is_meant(const uint8_t *argdata, size_t len);
uint32_t child_main(const uint8_t *argdata, size_t len);

#endif
