/* SPDX-License-Identifier: BSD-2-Clause */
/* Uses the processor until it is killed. Needs: nothing. */
int main(void)
{
    for (volatile unsigned long count = 0;; count++)
        ;
}
