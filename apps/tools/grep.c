/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the lines of standard input that contain a text; -v: those that do not. Needs: stdin,
 * stdout. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static char line[4096];
    bool invert = argc > 2 && strcmp(argv[1], "-v") == 0;
    bool found = false;
    if (argc != 2 + invert) {
        fprintf(stderr, "grep: a text is needed\n");
        return 2;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if ((strstr(line, argv[1 + invert]) != NULL) == invert)
            continue;
        fputs(line, stdout);
        found = true;
    }
    return !found;
}
