/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines of the shell: what is parsed holds together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apps/shell/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    size_t bytes = 0;
    if (parse_line((const char *)data, size, &script) != NULL)
        return 0;
    for (size_t i = 0; i < script.count; i++) {
        const struct command *command = &script.commands[i];
        if (command->count == 0 || command->words[command->count] != NULL)
            abort();
        for (size_t j = 0; j < command->count; j++)
            bytes += strlen(command->words[j]) + 1;
        if (command->piped && i + 1 == script.count)
            abort();
    }
    if (bytes > script.text_len)
        abort();
    return 0;
}
