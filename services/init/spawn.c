/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start of a node. init forks at once and the child makes the grants, because opening
 * something of a service that does not serve yet waits: so the child waits and not init. Then
 * the child becomes the program, with just the descriptors that the manifest lists.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "services/common/log.h"
#include "services/init/args.h"
#include "services/init/init.h"

static int root_of(const struct init *init, const char *service)
{
    if (service[0] == '\0')
        return init->kernel;
    for (size_t i = 0; i < init->count; i++) {
        if (strcmp(init->nodes[i].manifest->name, service) == 0)
            return init->nodes[i].root;
    }
    return -1;
}

/* Makes each directory on the way to the last component of PATH, and that one too if ALL. */
static cloudabi_errno_t make_directories(int dir, const char *path, bool all)
{
    size_t len = strlen(path);
    for (size_t end = 1; end <= len; end++) {
        if (path[end] != '/' && !(path[end] == '\0' && all))
            continue;
        cloudabi_errno_t error =
            cloudabi_sys_file_create((cloudabi_fd_t)dir, path, end, CLOUDABI_FILETYPE_DIRECTORY);
        if (error != 0 && error != CLOUDABI_EEXIST)
            return error;
    }
    return 0;
}

static int duplicate(int fd, const struct grant *grant, cloudabi_errno_t *error)
{
    cloudabi_fd_t copy = 0;
    *error = cloudabi_sys_fd_dup((cloudabi_fd_t)fd, &copy);
    if (*error == 0)
        *error = narrow((int)copy, grant->base, grant->inheriting);
    return *error == 0 ? (int)copy : -1;
}

static int make_open(const struct init *init, const struct grant *grant, cloudabi_errno_t *error)
{
    int dir = root_of(init, grant->from);
    cloudabi_oflags_t oflags = grant->directory ? CLOUDABI_O_DIRECTORY : 0;
    if (dir < 0) {
        *error = CLOUDABI_EIO; /* the service has been given up */
        return -1;
    }
    if (strcmp(grant->path, ".") == 0)
        return duplicate(dir, grant, error);
    *error = grant->create ? make_directories(dir, grant->path, grant->directory) : 0;
    if (*error != 0)
        return -1;
    if (grant->create && !grant->directory)
        oflags |= CLOUDABI_O_CREAT;
    return open_below(dir, grant->path, oflags, grant->base, grant->inheriting, error);
}

static int make_grant(const struct init *init, const struct node *node, size_t index,
                      cloudabi_errno_t *error)
{
    const struct grant *grant = &node->manifest->grants[index];
    char path[80];
    switch (grant->op) {
    case GRANT_PORT:
        return duplicate(node->port, grant, error);
    case GRANT_OPEN:
        return make_open(init, grant, error);
    default:
        *error = CLOUDABI_ENODEV;
        if (node->pci[index] == NULL)
            return -1;
        snprintf(path, sizeof(path), "pci/%s", node->pci[index]);
        return open_below(init->kernel, path, CLOUDABI_O_DIRECTORY, grant->base, grant->inheriting,
                          error);
    }
}

static void fail(const struct node *node, const char *what, cloudabi_errno_t error)
    __attribute__((noreturn));

static void fail(const struct node *node, const char *what, cloudabi_errno_t error)
{
    log_rights_error(node->manifest->name, what, error);
    bool absent = error == CLOUDABI_ENOENT || error == CLOUDABI_ENODEV || error == CLOUDABI_ENXIO;
    cloudabi_sys_proc_exit(absent ? EXIT_NO_DEVICE : EXIT_NOT_STARTED);
}

/* Makes all grants that are to be had. NUMBER: by grant, its number in the new process. Returns how many are in FDS. */
static size_t make_grants(const struct init *init, const struct node *node, cloudabi_fd_t *fds,
                          cloudabi_fd_t *number)
{
    const struct manifest_node *manifest = node->manifest;
    size_t count = 0;
    for (size_t i = 0; i < manifest->grants_count; i++) {
        cloudabi_errno_t error;
        int fd = make_grant(init, node, i, &error);
        if (fd < 0 && !manifest->grants[i].optional)
            fail(node, manifest->grants[i].name, error);
        number[i] = fd < 0 ? ARGS_MISSING : (cloudabi_fd_t)count;
        if (fd >= 0)
            fds[count++] = (cloudabi_fd_t)fd;
    }
    return count;
}

/* A port dies with its last descriptor: this child must not keep one alive that init gives up while we wait for it. */
static void close_other_ports(const struct init *init, const struct node *node)
{
    for (size_t i = 0; i < init->count; i++) {
        if (&init->nodes[i] != node && init->nodes[i].port >= 0)
            close(init->nodes[i].port);
    }
}

static void become(const struct init *init, const struct node *node) __attribute__((noreturn));

static void become(const struct init *init, const struct node *node)
{
    const struct manifest_node *manifest = node->manifest;
    cloudabi_fd_t fds[MANIFEST_GRANTS], number[MANIFEST_GRANTS];
    struct argdata args = argdata_from(manifest->argdata, manifest->argdata_len);
    struct argdata_writer writer;
    cloudabi_errno_t error;
    char path[128];
    close_other_ports(init, node);
    job_enter(init, node);
    snprintf(path, sizeof(path), "boot/%s", manifest->program);
    int program = open_below(init->kernel, path, 0,
                             CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_PROC_EXEC, 0, &error);
    if (program < 0)
        fail(node, manifest->program, error);
    size_t count = make_grants(init, node, fds, number);
    if (count < manifest->grants_count) {
        argdata_write_begin(&writer, NULL, 0);
        error = args_renumber(args, number, manifest->grants_count, &writer);
        if (error != 0 || (error = argdata_write_end(&writer, &args)) != 0)
            fail(node, "arguments", error);
    }
    error = cloudabi_sys_proc_exec((cloudabi_fd_t)program, args.data, args.len, fds, count);
    log_line("%s: cannot execute %s: errno %u", manifest->name, manifest->program, error);
    cloudabi_sys_proc_exit(EXIT_NOT_STARTED);
}

cloudabi_errno_t node_spawn(struct init *init, struct node *node)
{
    cloudabi_fd_t process = 0;
    cloudabi_tid_t tid = 0;
    cloudabi_errno_t error = cloudabi_sys_proc_fork(&process, &tid);
    if (error != 0)
        return error;
    if (process == CLOUDABI_PROCESS_CHILD)
        become(init, node);
    node->process = (int)process;
    return 0;
}
