/* SPDX-License-Identifier: BSD-2-Clause */
#include "abi/kernel_calls.h"
#include "kernel/lib/random.h"
#include "kernel/sched/sched.h"

cloudabi_errno_t sys_random_get(user_addr_t buf, size_t buf_len)
{
    char piece[256];
    cloudabi_errno_t error = 0;
    for (size_t done = 0, n; done < buf_len && error == 0; done += n) {
        n = buf_len - done < sizeof(piece) ? buf_len - done : sizeof(piece);
        random_bytes(piece, n);
        error = copy_to_user(user_add(buf, done), piece, n);
        if (done % 65536 == 0 && done != 0) {
            sched_point();
            if (thread_killed(thread_self()))
                return CLOUDABI_EINTR;
        }
    }
    return error;
}
