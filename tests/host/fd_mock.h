/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernel/fd needs of the rest of the kernel, on the host, in one thread. */
#ifndef TESTS_HOST_FD_MOCK_H
#define TESTS_HOST_FD_MOCK_H

#include "kernel/fd/table.h"
#include "kernel/job/job.h"

struct mock {
    uint64_t used[JOB_RESOURCES]; /* charged to the one job */
    uint64_t limit[JOB_RESOURCES];
    int64_t objects, frames; /* alive */
    uint64_t fail_in;        /* this allocation or charge from now fails, once; 0: none */
    size_t fault_after; /* the next copy without faults stops after so many bytes; SIZE_MAX: none */
    unsigned touches;
    bool touch_fails;
    cloudabi_errno_t (*park)(
        void); /* what another thread would do while this one sleeps; NULL: killed */
    unsigned parks;
    uint64_t now, tick; /* the clock, and how much it goes on at each look */
};

extern struct mock mock;

void mock_reset(void); /* a process with an empty table, and nothing alive */
void mock_end(void);   /* destroys the table and checks that nothing is left */

#endif
