/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies standard input to standard output. Needs: stdin, stdout. */
#include <unistd.h>

int main(void)
{
    static char buffer[16384];
    for (;;) {
        ssize_t got = read(0, buffer, sizeof(buffer));
        if (got <= 0)
            return got < 0;
        for (ssize_t at = 0, done; at < got; at += done) {
            done = write(1, buffer + at, (size_t)(got - at));
            if (done <= 0)
                return 1;
        }
    }
}
