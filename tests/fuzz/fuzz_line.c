/* SPDX-License-Identifier: BSD-2-Clause */
/* The line discipline with whatever may come over a serial line. */
#include <stdlib.h>

#include "services/common/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void terminal(void *context, const char *bytes, size_t len)
{
    (void)context;
    (void)bytes;
    (void)len;
}

static void deliver(void *context, const char *bytes, size_t len)
{
    (void)context;
    if (len == 0 || len > LINE_SIZE || (bytes[len - 1] != '\n' && len != 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct line_ops ops = {terminal, deliver};
    static struct line line;
    line_init(&line, &ops, NULL);
    line_input(&line, (const char *)data, size);
    line_output(&line, (const char *)data, size);
    line_free(&line);
    return 0;
}
