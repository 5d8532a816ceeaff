/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What init keeps of each node of the manifest, and the steps of a start.
 *
 * States of a node: WAITING (to be started at `due`), RUNNING (there is a process descriptor),
 * DONE (ended and not to be started again) and GIVEN_UP (it failed too often, or something it
 * needs is not there: its port is closed, so whoever asks it for something gets EIO instead of
 * waiting).
 */
#ifndef SERVICES_INIT_INIT_H
#define SERVICES_INIT_INIT_H

#include "services/init/manifest.h"

enum node_state { NODE_WAITING, NODE_RUNNING, NODE_DONE, NODE_GIVEN_UP };

struct node {
    const struct manifest_node *manifest;
    enum node_state state;
    int port, root;             /* services: kept for ever, or -1 */
    int process;                /* RUNNING */
    uint64_t started;           /* monotonic ns */
    uint64_t due;               /* WAITING */
    unsigned failures;          /* short lives in a row */
    char *pci[MANIFEST_GRANTS]; /* by grant: name of the function that was chosen for it */
};

struct init {
    int kernel; /* the kernel's directory */
    struct node nodes[MANIFEST_NODES];
    size_t count;
};

/* The exit code of a child of init that could not become its program. */
#define EXIT_NOT_STARTED 127u
/* The exit code of a node that has nothing to work on: no such device, or one that it refuses. Given up at once. */
#define EXIT_NO_DEVICE 126u
/* The exit code of a service with `exit: power-off` that asks for a new start of the machine. */
#define EXIT_REBOOT 1000u

/* files.c: small helpers over the calls of the ABI; -1 sets *ERROR. */
int open_below(int dir, const char *path, cloudabi_oflags_t oflags, cloudabi_rights_t base,
               cloudabi_rights_t inheriting, cloudabi_errno_t *error);
cloudabi_errno_t narrow(int fd, cloudabi_rights_t base, cloudabi_rights_t inheriting);
cloudabi_errno_t write_text(int dir, const char *path, const char *text);
/* The whole file, from malloc. */
cloudabi_errno_t read_file(int dir, const char *path, void **data, size_t *len);
void log_rights_error(const char *node, const char *grant, cloudabi_errno_t error);

/* pci.c: chooses functions for the node's PCI grants, once. ENODEV: there is none that it must have. */
cloudabi_errno_t pci_choose(struct init *init, struct node *node, const struct grant **failed);

/* spawn.c: starts the node's process. The child makes the grants, so nothing here waits. */
cloudabi_errno_t node_spawn(struct init *init, struct node *node);

/* job.c: each node has a job of its own, `jobs/NAME`. */
void job_make(const struct init *init, const struct node *node);
void job_enter(const struct init *init, const struct node *node); /* the calling process */
/* Makes the node's port and root, paid for by its job. */
cloudabi_errno_t job_make_port(const struct init *init, struct node *node);

/* supervise.c */
cloudabi_errno_t supervise_begin(struct init *init, const struct manifest *manifest);
void supervise(struct init *init) __attribute__((noreturn));

#endif
