/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/lib/bootfs.h"

#include "kernel/lib/string.h"

#define PAGE      4096ul
#define MAX_FILES 65536u

struct header {
    char magic[8];
    uint32_t version, count;
};

_Static_assert(sizeof(struct bootfs_entry) == 128, "layout of the archive");

static bool component_ok(const char *name, size_t len)
{
    return len > 0 && !(len == 1 && name[0] == '.') &&
           !(len == 2 && name[0] == '.' && name[1] == '.');
}

static bool name_ok(const char *name)
{
    size_t len = strnlen(name, BOOTFS_NAME), start = 0;
    if (len == BOOTFS_NAME)
        return false;
    for (size_t i = 0; i <= len; i++)
        if (i == len || name[i] == '/') {
            if (!component_ok(name + start, i - start))
                return false;
            start = i + 1;
        }
    return true;
}

const char *bootfs_open(struct bootfs *fs, const void *start, size_t len)
{
    const struct header *header = start;
    if (start == NULL || len < sizeof(*header))
        return "too short";
    if (memcmp(header->magic, "TESSBOOT", 8) != 0 || header->version != 1)
        return "not a boot archive of version 1";
    if (header->count > MAX_FILES ||
        header->count > (len - sizeof(*header)) / sizeof(struct bootfs_entry))
        return "the table is cut off";
    const struct bootfs_entry *entries = (const struct bootfs_entry *)(header + 1);
    for (uint32_t i = 0; i < header->count; i++) {
        const struct bootfs_entry *e = &entries[i];
        if (!name_ok(e->name))
            return "a bad name";
        if (e->offset % PAGE != 0 || e->offset > len || e->size > len - e->offset)
            return "a file outside the archive";
    }
    fs->entries = entries;
    fs->count = header->count;
    return NULL;
}

const struct bootfs_entry *bootfs_find(const struct bootfs *fs, const char *name, size_t len)
{
    for (uint32_t i = 0; len < BOOTFS_NAME && i < fs->count; i++)
        if (memcmp(fs->entries[i].name, name, len) == 0 && fs->entries[i].name[len] == '\0')
            return &fs->entries[i];
    return NULL;
}

/* The component of entry I that follows PREFIX. False: not below it. */
static bool below(const struct bootfs *fs, uint32_t i, const char *prefix, size_t prefix_len,
                  struct bootfs_name *out)
{
    const struct bootfs_entry *e = &fs->entries[i];
    if (prefix_len >= BOOTFS_NAME || memcmp(e->name, prefix, prefix_len) != 0)
        return false;
    out->name = e->name + prefix_len;
    size_t rest = strlen(out->name);
    const char *slash = memchr(out->name, '/', rest);
    out->len = slash == NULL ? rest : (size_t)(slash - out->name);
    out->file = slash == NULL ? e : NULL;
    return rest > 0;
}

bool bootfs_list(const struct bootfs *fs, const char *prefix, size_t prefix_len, uint64_t index,
                 struct bootfs_name *out)
{
    for (uint32_t i = 0; i < fs->count; i++) {
        if (!below(fs, i, prefix, prefix_len, out))
            continue;
        bool seen = false;
        for (uint32_t j = 0; j < i && !seen; j++) {
            struct bootfs_name other;
            seen = below(fs, j, prefix, prefix_len, &other) && other.len == out->len &&
                   memcmp(other.name, out->name, out->len) == 0;
        }
        if (!seen && index-- == 0)
            return true;
    }
    return false;
}
