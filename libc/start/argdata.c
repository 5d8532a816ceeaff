/* SPDX-License-Identifier: BSD-2-Clause */
/* The argument data as program_main gets it: a view of the bytes that the kernel delivered. */
#include "abi/argdata/argdata.h"
#include "libc/start/program.h"
#include "libc/start/start.h"

static struct argdata program_argdata;

const void *__libc_program_argdata(void)
{
    program_argdata = argdata_from(__libc_info.argdata, __libc_info.argdata_len);
    return &program_argdata;
}
