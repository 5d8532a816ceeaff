/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service that answers as it is told, for errors that a good file system hardly ever gives. It is a process
 * of the test; its names say what happens:
 *   e<N>    any operation on the name gives errno N
 *   f<N>    a file whose operations give errno N; f0 works (it holds 10 digits)
 *   c<N>    a device, the same
 *   d<N>    a directory, the same; d0 holds the same names as the root
 *   p       a file whose pages the kernel keeps
 *   s<N>    a stream that is aborted with errno N; s0 lives
 *   x       the service ends
 * Other names are missing. Where there are no services (fd_create2 refuses to make a port) the test is skipped.
 */
#ifndef TESTS_CONFORMANCE_SERVICE_H
#define TESTS_CONFORMANCE_SERVICE_H

#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

/* The root directory of a new service. */
cloudabi_fd_t start_service(void);
/* The same in steps, so that a service which has ended can be started again on its port. */
void make_port(cloudabi_fd_t *port, cloudabi_fd_t *root);
void start_server(cloudabi_fd_t port);
/* Opens a name of it with all rights. */
cloudabi_fd_t open_served(cloudabi_fd_t root, const char *name);
/* "e13" for EACCES and so on; static. */
const char *served_name(char kind, cloudabi_errno_t error);
/* Ends the service of ROOT. */
void stop_service(cloudabi_fd_t root);
/* A port whose server is this process, and its root; somebody else must open names of it. */
void serve_here(cloudabi_fd_t *port, cloudabi_fd_t *root);
/* Serves one request after the other until COUNT were served. */
void serve_some(cloudabi_fd_t port, unsigned count);

#endif
