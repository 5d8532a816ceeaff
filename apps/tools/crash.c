/* SPDX-License-Identifier: BSD-2-Clause */
/* Dies: of a bad address, or with an argument: abort, exit CODE, stack. Needs: nothing. */
#include <stdlib.h>
#include <string.h>

static int deeper(volatile char *above)
{
    volatile char page[4096];
    page[0] = above[0];
    return page[0] == 0 ? deeper(page) + page[0] : 0;
}

int main(int argc, char **argv)
{
    char top = 0;
    if (argc > 1 && strcmp(argv[1], "abort") == 0)
        abort();
    if (argc > 2 && strcmp(argv[1], "exit") == 0)
        exit(atoi(argv[2]));
    if (argc > 1 && strcmp(argv[1], "stack") == 0)
        return deeper(&top);
    *(volatile int *)16 = 1;
    return 0;
}
