/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netshell: a shell for everybody who connects.
 *
 * The listener gives one message per connection: two addresses, the stream, and a directory with
 * which the connection could be tuned. The new shell gets the stream as `terminal` and every
 * other grant of this program but the listener and the log. It never sees the listener, and this
 * program keeps nothing of the connection.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <argdata.h>
#include <tessera/grants.h>
#include <tessera/program.h>

#include "abi/cloudabi_syscalls.h"

#define SHELLS_MAX   128u /* at once; more wait in the listener */
#define GRANTS_MAX   32u
#define MESSAGE_SIZE 48u /* peer and local address, 24 bytes each */
#define MESSAGE_FDS  2u  /* stream, connection directory */

static struct {
    int listener, log, programs;
    int processes[SHELLS_MAX];
    size_t count;
} netshell;

static void log_line(const char *format, ...)
{
    char line[160] = "netshell: ";
    va_list args;
    size_t len = strlen(line);
    va_start(args, format);
    int added = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
    va_end(args);
    len += added > 0 ? (size_t)added : 0;
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len++] = '\n';
    if (netshell.log >= 0)
        (void)!write(netshell.log, line, len);
}

/* --- starting a shell --------------------------------------------------------------------- */

/* What a shell is given: the terminal first, then the grants that are passed on. */
static size_t list_grants(int terminal, const char **names, int *fds)
{
    size_t count = 0;
    const char *name;
    int fd;
    names[count] = "terminal";
    fds[count++] = terminal;
    for (size_t i = 0; (name = grant_name(i, &fd)) != NULL && count < GRANTS_MAX; i++) {
        if (fd == netshell.listener || fd == netshell.log)
            continue;
        names[count] = name;
        fds[count++] = fd;
    }
    return count;
}

static cloudabi_errno_t start_shell(int program, int terminal, int *process)
{
    const char *names[GRANTS_MAX];
    int fds[GRANTS_MAX];
    struct argdata_writer writer;
    struct argdata data;
    size_t count = list_grants(terminal, names, fds);
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    for (size_t i = 0; i < count; i++) {
        argdata_write_str(&writer, names[i]);
        argdata_write_fd(&writer, (cloudabi_fd_t)i);
    }
    argdata_write_map_end(&writer);
    cloudabi_errno_t error = argdata_write_end(&writer, &data);
    if (error == 0)
        error =
            (cloudabi_errno_t)program_spawn_fds(program, data.data, data.len, fds, count, process);
    argdata_write_free(&writer);
    return error;
}

static int open_program(void)
{
    const cloudabi_fdstat_t wanted = {.fs_rights_base =
                                          CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_PROC_EXEC};
    const cloudabi_lookup_t lookup = {.fd = (cloudabi_fd_t)netshell.programs};
    cloudabi_fd_t fd;
    cloudabi_errno_t error =
        cloudabi_sys_file_open(lookup, "shell", strlen("shell"), 0, &wanted, &fd);
    if (error == 0)
        return (int)fd;
    log_line("cannot open the shell: errno %u", error);
    return -1;
}

/* --- connections -------------------------------------------------------------------------- */

/* The stream of the next connection; -1: none could be taken, *ERROR says whether the listener
 * is gone. */
static int accept_stream(cloudabi_errno_t *error)
{
    uint8_t addresses[MESSAGE_SIZE];
    cloudabi_fd_t fds[MESSAGE_FDS];
    const cloudabi_iovec_t piece = {addresses, sizeof(addresses)};
    const cloudabi_recv_in_t in = {
        .ri_data = &piece, .ri_data_len = 1, .ri_fds = fds, .ri_fds_len = MESSAGE_FDS};
    cloudabi_recv_out_t out = {0};
    *error = cloudabi_sys_sock_recv((cloudabi_fd_t)netshell.listener, &in, &out);
    if (*error != 0)
        return -1;
    if (out.ro_datalen == 0 && out.ro_fdslen == 0) {
        *error = CLOUDABI_EPIPE; /* the other end is closed */
        return -1;
    }
    for (size_t i = 1; i < out.ro_fdslen; i++)
        close((int)fds[i]);
    return out.ro_fdslen > 0 ? (int)fds[0] : -1;
}

static cloudabi_errno_t take_connection(int program)
{
    cloudabi_errno_t lost;
    int process = -1;
    int stream = accept_stream(&lost);
    if (lost != 0 && lost != CLOUDABI_EAGAIN)
        return lost;
    if (stream < 0)
        return 0;
    cloudabi_errno_t error = start_shell(program, stream, &process);
    close(stream);
    if (error == 0)
        netshell.processes[netshell.count++] = process;
    else
        log_line("cannot start a shell: errno %u", error);
    return 0;
}

static void reap(size_t index)
{
    close(netshell.processes[index]);
    netshell.processes[index] = netshell.processes[--netshell.count];
}

static size_t subscribe(cloudabi_subscription_t *in)
{
    for (size_t i = 0; i < netshell.count; i++) {
        in[i] = (cloudabi_subscription_t){.userdata = i, .type = CLOUDABI_EVENTTYPE_PROC_TERMINATE};
        in[i].proc_terminate.fd = (cloudabi_fd_t)netshell.processes[i];
    }
    size_t count = netshell.count;
    if (count < SHELLS_MAX) {
        in[count] = (cloudabi_subscription_t){.type = CLOUDABI_EVENTTYPE_FD_READ};
        in[count++].fd_readwrite.fd = (cloudabi_fd_t)netshell.listener;
    }
    return count;
}

/* Waits and does what there is to do; an error means that nobody can connect any more. */
static cloudabi_errno_t step(int program)
{
    static cloudabi_subscription_t in[SHELLS_MAX + 1];
    static cloudabi_event_t out[SHELLS_MAX + 1];
    size_t events = 0;
    bool connection = false;
    cloudabi_errno_t error = cloudabi_sys_poll(in, out, subscribe(in), &events);
    /* Ends come in the order of the table; from the last on, what reap() moves has been looked
     * at. */
    for (size_t i = events; error == 0 && i-- > 0;) {
        if (out[i].type == CLOUDABI_EVENTTYPE_PROC_TERMINATE)
            reap(out[i].userdata);
        else
            connection = true;
    }
    return error == 0 && connection ? take_connection(program) : error;
}

int main(void)
{
    cloudabi_errno_t error = 0;
    netshell.listener = grant_fd("listener");
    netshell.log = grant_fd("log");
    netshell.programs = grant_fd("programs");
    int program = open_program();
    if (program < 0)
        return 1;
    while (error == 0)
        error = step(program);
    log_line("the listener is gone: errno %u", error);
    return 0; /* no failure of ours: init starts us again with the next one */
}
