/* SPDX-License-Identifier: BSD-2-Clause */
/* Says hello, with its arguments. Needs: stdout. */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("Hello from Tessera\n");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    return 0;
}
