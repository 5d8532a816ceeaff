/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts the lines, words and bytes of standard input. Needs: stdin, stdout. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

int main(void)
{
    unsigned long lines = 0, words = 0, bytes = 0;
    bool inside = false;
    for (int c; (c = getchar()) != EOF; bytes++) {
        lines += c == '\n';
        words += !isspace(c) && !inside;
        inside = !isspace(c);
    }
    printf("%lu %lu %lu\n", lines, words, bytes);
    return ferror(stdin) != 0;
}
