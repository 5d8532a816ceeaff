/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs: what a node and all that it starts use is counted in `jobs/NAME` and limited there, so a node that takes too
 * much harms itself. A process can only enter a job, never leave it, so init stays outside: its children enter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "pseudofd/proto/port.h"
#include "services/init/init.h"

#define TEXT_MAX 512
#define FILES \
    "/files" /* the job below a service's that pays for what its files hold, if they have a limit */

/* The limit of all memory, from the lines `NAME NUMBER` of jobs/limits; 0: unknown. */
static uint64_t machine_memory(const struct init *init)
{
    char text[TEXT_MAX + 1];
    cloudabi_errno_t error;
    int fd = open_below(init->kernel, "jobs/limits", 0, CLOUDABI_RIGHT_FD_READ, 0, &error);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, TEXT_MAX);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    const char *line = strstr(text, "memory ");
    return line != NULL ? strtoull(line + strlen("memory "), NULL, 10) : 0;
}

static void limit_memory(const struct init *init, const struct node *node, const char *below,
                         uint64_t bytes)
{
    char path[128], text[64];
    snprintf(path, sizeof(path), "jobs/%s%s/limits", node->manifest->name, below);
    snprintf(text, sizeof(text), "memory %llu\n", (unsigned long long)bytes);
    cloudabi_errno_t error = write_text(init->kernel, path, text);
    if (error != 0)
        log_rights_error(node->manifest->name, "limits", error);
}

/* Makes the job `jobs/NAMEBELOW`. */
static bool make_one(const struct init *init, const struct node *node, const char *below)
{
    char path[128];
    int len = snprintf(path, sizeof(path), "jobs/%s%s", node->manifest->name, below);
    cloudabi_errno_t error = cloudabi_sys_file_create((cloudabi_fd_t)init->kernel, path,
                                                      (size_t)len, CLOUDABI_FILETYPE_DIRECTORY);
    if (error != 0)
        log_rights_error(node->manifest->name, "job", error);
    return error == 0;
}

void job_make(const struct init *init, const struct node *node)
{
    uint64_t memory = machine_memory(init);
    if (!make_one(init, node, ""))
        return;
    if (node->manifest->memory != 0 && memory != 0)
        limit_memory(init, node, "", memory / 100 * node->manifest->memory);
    if (node->manifest->size != 0 && make_one(init, node, FILES))
        limit_memory(init, node, FILES, node->manifest->size);
}

static void enter(const struct init *init, const struct node *node, const char *below)
{
    char path[128];
    snprintf(path, sizeof(path), "jobs/%s%s/enter", node->manifest->name, below);
    cloudabi_errno_t error = write_text(init->kernel, path, "enter\n");
    if (error != 0)
        log_rights_error(node->manifest->name, "job", error);
}

void job_enter(const struct init *init, const struct node *node)
{
    enter(init, node, "");
}

/* --- ports ------------------------------------------------------------------------------------- */

/* In a child that has entered the job: makes the port and sends both descriptors over SOCKET. */
static void send_port(int socket) __attribute__((noreturn));

static void send_port(int socket)
{
    cloudabi_fd_t fds[2] = {0};
    cloudabi_send_out_t out;
    const cloudabi_ciovec_t piece = {"", 1};
    const cloudabi_send_in_t in = {
        .si_data = &piece, .si_data_len = 1, .si_fds = fds, .si_fds_len = 2};
    cloudabi_errno_t error = cloudabi_sys_fd_create2(PORT_FILETYPE, &fds[0], &fds[1]);
    if (error == 0)
        error = cloudabi_sys_sock_send((cloudabi_fd_t)socket, &in, &out);
    cloudabi_sys_proc_exit(error);
}

static cloudabi_errno_t receive_port(int socket, struct node *node)
{
    char byte;
    cloudabi_fd_t fds[2] = {0};
    cloudabi_recv_out_t out = {0};
    const cloudabi_iovec_t piece = {&byte, 1};
    const cloudabi_recv_in_t in = {
        .ri_data = &piece, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = 2};
    cloudabi_errno_t error = cloudabi_sys_sock_recv((cloudabi_fd_t)socket, &in, &out);
    if (error != 0 || out.ro_fdslen != 2)
        return error != 0 ? error : CLOUDABI_ENOMEM;
    node->port = (int)fds[0];
    node->root = (int)fds[1];
    return 0;
}

/* The memory objects of a port's files are charged to the job of the process that made the port. */
cloudabi_errno_t job_make_port(const struct init *init, struct node *node)
{
    cloudabi_fd_t ours = 0, theirs = 0, process = 0;
    cloudabi_tid_t tid = 0;
    cloudabi_errno_t error =
        cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &ours, &theirs);
    if (error != 0)
        return error;
    error = cloudabi_sys_proc_fork(&process, &tid);
    if (error == 0 && process == CLOUDABI_PROCESS_CHILD) {
        enter(init, node, node->manifest->size != 0 ? FILES : "");
        send_port((int)theirs);
    }
    close((int)theirs);
    if (error == 0) {
        error = receive_port((int)ours, node);
        close((int)process);
    }
    close((int)ours);
    return error;
}
