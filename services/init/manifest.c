/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/init/manifest.h"

#include <stdlib.h>
#include <string.h>

static size_t count_elements(struct argdata seq)
{
    struct argdata_iter iter = argdata_seq_iter(seq);
    struct argdata element;
    size_t count = 0;
    while (argdata_seq_next(&iter, &element))
        count++;
    return count;
}

static cloudabi_errno_t get_str(struct argdata map, const char *key, const char **text)
{
    return argdata_map_get_str(map, key, text, NULL);
}

static cloudabi_errno_t get_u32(struct argdata map, const char *key, uint32_t *value)
{
    uint64_t wide;
    cloudabi_errno_t error = argdata_map_get_uint(map, key, &wide);
    if (error == 0 && wide > UINT32_MAX)
        error = CLOUDABI_ERANGE;
    if (error == 0)
        *value = (uint32_t)wide;
    return error;
}

static cloudabi_errno_t read_open(struct argdata map, struct grant *grant)
{
    cloudabi_errno_t error = get_str(map, "from", &grant->from);
    if (error == 0)
        error = get_str(map, "path", &grant->path);
    if (error == 0)
        error = argdata_map_get_bool(map, "directory", &grant->directory);
    if (error == 0)
        error = argdata_map_get_bool(map, "create", &grant->create);
    return error;
}

static cloudabi_errno_t read_op(struct argdata map, const char *op, struct grant *grant)
{
    if (strcmp(op, "port") == 0) {
        grant->op = GRANT_PORT;
        return 0;
    }
    if (strcmp(op, "open") == 0) {
        grant->op = GRANT_OPEN;
        return read_open(map, grant);
    }
    if (strcmp(op, "pci") != 0)
        return CLOUDABI_EINVAL;
    grant->op = GRANT_PCI;
    cloudabi_errno_t error = get_u32(map, "class", &grant->class);
    return error != 0 ? error : get_u32(map, "mask", &grant->mask);
}

static cloudabi_errno_t read_grant(struct argdata map, struct grant *grant)
{
    const char *op = NULL;
    cloudabi_errno_t error = get_str(map, "name", &grant->name);
    if (error == 0)
        error = get_str(map, "op", &op);
    if (error == 0)
        error = argdata_map_get_uint(map, "base", &grant->base);
    if (error == 0)
        error = argdata_map_get_uint(map, "inheriting", &grant->inheriting);
    if (error == 0)
        error = argdata_map_get_bool(map, "optional", &grant->optional);
    return error != 0 ? error : read_op(map, op, grant);
}

static cloudabi_errno_t read_grants(struct argdata seq, struct manifest_node *node)
{
    struct argdata_iter iter = argdata_seq_iter(seq);
    struct argdata element;
    cloudabi_errno_t error = 0;
    size_t count = count_elements(seq);
    if (count > MANIFEST_GRANTS)
        return CLOUDABI_E2BIG;
    node->grants = calloc(count + 1, sizeof(*node->grants));
    if (node->grants == NULL)
        return CLOUDABI_ENOMEM;
    while (error == 0 && argdata_seq_next(&iter, &element))
        error = read_grant(element, &node->grants[node->grants_count++]);
    return error != 0 ? error : iter.error;
}

static cloudabi_errno_t read_node(struct argdata map, struct manifest_node *node)
{
    struct argdata grants = argdata_from(NULL, 0);
    cloudabi_errno_t error = get_str(map, "name", &node->name);
    if (error == 0)
        error = get_str(map, "program", &node->program);
    if (error == 0)
        error = argdata_map_get_bool(map, "service", &node->service);
    if (error == 0)
        error = argdata_map_get_bool(map, "restart", &node->restart);
    if (error == 0)
        error = argdata_map_get_bool(map, "power_off", &node->power_off);
    if (error == 0)
        error = get_u32(map, "memory", &node->memory);
    if (error == 0 && node->memory > 100)
        error = CLOUDABI_ERANGE;
    if (error == 0)
        error = argdata_map_get_uint(map, "size", &node->size);
    if (error == 0)
        error = argdata_map_get_binary(map, "argdata", &node->argdata, &node->argdata_len);
    if (error == 0)
        error = argdata_map_get(map, "grants", &grants);
    return error != 0 ? error : read_grants(grants, node);
}

cloudabi_errno_t manifest_read(struct argdata data, struct manifest *manifest)
{
    struct argdata nodes, element;
    int64_t version;
    *manifest = (struct manifest){0};
    cloudabi_errno_t error = argdata_check(data);
    if (error == 0)
        error = argdata_map_get_int(data, "version", &version);
    if (error == 0 && version != MANIFEST_VERSION)
        error = CLOUDABI_EINVAL;
    if (error == 0)
        error = argdata_map_get(data, "nodes", &nodes);
    if (error != 0)
        return error;
    size_t count = count_elements(nodes);
    if (count > MANIFEST_NODES)
        return CLOUDABI_E2BIG;
    manifest->nodes = calloc(count + 1, sizeof(*manifest->nodes));
    if (manifest->nodes == NULL)
        return CLOUDABI_ENOMEM;
    struct argdata_iter iter = argdata_seq_iter(nodes);
    while (error == 0 && argdata_seq_next(&iter, &element))
        error = read_node(element, &manifest->nodes[manifest->count++]);
    return error != 0 ? error : iter.error;
}
