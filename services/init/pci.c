/* SPDX-License-Identifier: BSD-2-Clause */
/* Which PCI function a grant means: the first of its class that no other grant of the manifest
 * has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "services/init/init.h"

#define LIST_MAX   16384u
#define CONFIG_REV 8u /* revision, interface, sub-class, base class */

static bool is_taken(const struct init *init, const char *name)
{
    for (size_t i = 0; i < init->count; i++) {
        for (size_t j = 0; j < MANIFEST_GRANTS; j++) {
            if (init->nodes[i].pci[j] != NULL && strcmp(init->nodes[i].pci[j], name) == 0)
                return true;
        }
    }
    return false;
}

/* The class code of a function, or all ones. */
static uint32_t class_of(int directory, const char *name)
{
    char path[80];
    cloudabi_errno_t error;
    uint8_t bytes[4];
    snprintf(path, sizeof(path), "%s/config", name);
    int fd =
        open_below(directory, path, 0, CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_SEEK, 0, &error);
    if (fd < 0)
        return UINT32_MAX;
    ssize_t got = pread(fd, bytes, sizeof(bytes), CONFIG_REV);
    close(fd);
    if (got != sizeof(bytes))
        return UINT32_MAX;
    return (uint32_t)bytes[3] << 16 | (uint32_t)bytes[2] << 8 | bytes[1];
}

/* Name of the function in LIST (directory records) that GRANT may have, or NULL. */
static char *find_function(const struct init *init, int directory, const struct grant *grant,
                           const char *list, size_t len)
{
    for (size_t at = 0; at + sizeof(cloudabi_dirent_t) <= len;) {
        cloudabi_dirent_t entry;
        char name[64];
        memcpy(&entry, list + at, sizeof(entry));
        at += sizeof(entry);
        if (entry.d_namlen > len - at)
            break;
        snprintf(name, sizeof(name), "%.*s", (int)entry.d_namlen, list + at);
        at += entry.d_namlen;
        if (name[0] == '.' || is_taken(init, name))
            continue;
        uint32_t class = class_of(directory, name);
        if (class != UINT32_MAX && (class & grant->mask) == grant->class)
            return strdup(name);
    }
    return NULL;
}

static cloudabi_errno_t choose_one(struct init *init, struct node *node, size_t index)
{
    cloudabi_errno_t error;
    const cloudabi_rights_t below = CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_SEEK;
    int directory =
        open_below(init->kernel, "pci", CLOUDABI_O_DIRECTORY,
                   CLOUDABI_RIGHT_FILE_READDIR | CLOUDABI_RIGHT_FILE_OPEN, below, &error);
    if (directory < 0)
        return error;
    char *list = malloc(LIST_MAX);
    size_t used = 0;
    error = list == NULL
                ? CLOUDABI_ENOMEM
                : cloudabi_sys_file_readdir((cloudabi_fd_t)directory, list, LIST_MAX, 0, &used);
    if (error == 0) {
        node->pci[index] =
            find_function(init, directory, &node->manifest->grants[index], list, used);
        error = node->pci[index] != NULL ? 0 : CLOUDABI_ENODEV;
    }
    free(list);
    close(directory);
    return error;
}

cloudabi_errno_t pci_choose(struct init *init, struct node *node, const struct grant **failed)
{
    for (size_t i = 0; i < node->manifest->grants_count; i++) {
        if (node->manifest->grants[i].op != GRANT_PCI || node->pci[i] != NULL)
            continue;
        cloudabi_errno_t error = choose_one(init, node, i);
        *failed = &node->manifest->grants[i];
        if (error != 0 && !(*failed)->optional)
            return error;
    }
    return 0;
}
