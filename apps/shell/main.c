/* SPDX-License-Identifier: BSD-2-Clause */
/* The capability shell: reads lines from its terminal and does what they say with what it was
 * granted. */
#include <stdio.h>
#include <string.h>

#include <tessera/grants.h>

#include "apps/shell/shell.h"

static void prompt(void)
{
    char directory[NAME_MAX_LEN + 80];
    current_directory(directory, sizeof(directory));
    jobs_report();
    out("tessera%s%s> ", directory[0] != '\0' ? " " : "", directory);
    (void)out_flush();
}

int main(void)
{
    const char *line;
    size_t len;
    int fd = grant_fd("terminal");
    if (fd < 0) {
        fputs("shell: no terminal was granted\n", stderr);
        return 1;
    }
    input_begin(fd);
    out("Tessera. `help` lists the commands, `fds` what this shell holds.\n");
    for (prompt(); !exit_wanted && input_line(&line, &len); prompt()) {
        run_line(line, len);
        if (exit_wanted)
            break;
    }
    (void)out_flush();
    return exit_code;
}
