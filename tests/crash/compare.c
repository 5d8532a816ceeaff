/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether what an image holds is what should be there, or may be. */
#include <stdio.h>
#include <string.h>

#include "tests/crash/tree.h"

static bool is_lost_and_found(const char *path)
{
    return strncmp(path, "lost+found", 10) == 0 && (path[10] == '/' || path[10] == '\0');
}

static struct tree_kib kib_of(const struct tree_node *node, uint32_t index, uint64_t size)
{
    for (uint32_t i = 0; i < node->kib_count; i++) {
        if (node->kib[i].index != index)
            continue;
        struct tree_kib kib = node->kib[i];
        uint64_t at = (uint64_t)index * 1024;
        uint64_t limit = size <= at ? 0 : size - at;
        if (kib.len > limit)
            kib.len = (uint32_t)limit;
        return kib;
    }
    return (struct tree_kib){index, 0, 0};
}

static bool same_kib(struct tree_kib a, struct tree_kib b)
{
    return a.len == b.len && (a.len == 0 || a.stamp == b.stamp);
}

static const struct tree_node *node_by_id(const struct tree *tree, uint32_t id)
{
    for (uint32_t i = 0; i < tree->node_count; i++) {
        if (tree->node[i].id == id)
            return &tree->node[i];
    }
    return NULL;
}

/* One KiB of the image, against snapshot 0 or, overwritten in place, one of the later ones. */
static bool kib_is_right(const struct tree_node *image, uint32_t index,
                         const struct tree_node *want, struct tree *const *snapshot, unsigned count)
{
    struct tree_kib found = kib_of(image, index, image->size);
    if (same_kib(found, kib_of(want, index, image->size)))
        return true;
    for (unsigned i = 1; i < count; i++) {
        const struct tree_node *later = node_by_id(snapshot[i], want->id);
        if (later != NULL && same_kib(found, kib_of(later, index, image->size)))
            return true;
    }
    return false;
}

static bool content_is_right(const struct tree_node *image, const struct tree_node *want,
                             struct tree *const *snapshot, unsigned count)
{
    if (image->type != want->type)
        return false;
    if (image->type == 'l')
        return strcmp(image->target, want->target) == 0;
    if (image->type == 'd')
        return true;
    if (image->size != want->size)
        return false;
    for (uint32_t i = 0; i < image->kib_count; i++) {
        if (!kib_is_right(image, image->kib[i].index, want, snapshot, count))
            return false;
    }
    for (uint32_t i = 0; i < want->kib_count; i++) {
        if (!kib_is_right(image, want->kib[i].index, want, snapshot, count))
            return false;
    }
    return true;
}

/* Names of the same node in one must be names of the same node in the other. Entries lie side by side. */
static bool links_are_right(const struct tree *image, const struct tree *want)
{
    for (uint32_t i = 0; i < want->entry_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            bool same_image = image->entry[i].node == image->entry[j].node;
            bool same_want = want->entry[i].node == want->entry[j].node;
            if (same_image != same_want)
                return false;
        }
    }
    return true;
}

static bool is_snapshot(struct tree *image, struct tree *const *snapshot, unsigned count)
{
    struct tree *want = snapshot[0];
    if (image->entry_count != want->entry_count)
        return false;
    tree_sort(want);
    for (uint32_t i = 0; i < want->entry_count; i++) {
        if (strcmp(image->entry[i].path, want->entry[i].path) != 0 ||
            !content_is_right(&image->node[image->entry[i].node], &want->node[want->entry[i].node],
                              snapshot, count))
            return false;
    }
    return links_are_right(image, want);
}

static void drop_lost_and_found(struct tree *image)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < image->entry_count; i++) {
        if (!is_lost_and_found(image->entry[i].path))
            image->entry[kept++] = image->entry[i];
    }
    image->entry_count = kept;
}

int tree_is_one_of(struct tree *image, struct tree *const *snapshot, unsigned count)
{
    drop_lost_and_found(image);
    tree_sort(image);
    for (unsigned i = count; i-- != 0;) {
        if (is_snapshot(image, snapshot + i, count - i))
            return (int)i;
    }
    return -1;
}

/* --- without a journal -------------------------------------------------------------------- */

static bool kib_was(const struct tree_node *image, uint32_t index, uint32_t id,
                    struct tree *const *snapshot, unsigned count)
{
    struct tree_kib found = kib_of(image, index, image->size);
    for (unsigned i = 0; i < count; i++) {
        const struct tree_node *node = node_by_id(snapshot[i], id);
        if (node != NULL && same_kib(found, kib_of(node, index, image->size)))
            return true;
    }
    return false;
}

static bool size_was(const struct tree_node *image, uint32_t id, struct tree *const *snapshot,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct tree_node *node = node_by_id(snapshot[i], id);
        if (node != NULL && node->size == image->size)
            return true;
    }
    return false;
}

/* Size and each KiB of the node are those of some snapshot, not all of the same. */
static bool content_was(const struct tree_node *image, const struct tree_node *want,
                        struct tree *const *snapshot, unsigned count)
{
    if (image->type != 'f' || want->type != 'f')
        return content_is_right(image, want, snapshot, count);
    if (!size_was(image, want->id, snapshot, count))
        return false;
    for (uint32_t i = 0; i < image->kib_count; i++) {
        if (!kib_was(image, image->kib[i].index, want->id, snapshot, count))
            return false;
    }
    for (uint32_t i = 0; i < want->kib_count; i++) {
        if (!kib_was(image, want->kib[i].index, want->id, snapshot, count))
            return false;
    }
    return true;
}

/* The names that the directory of this ID has in SNAPSHOT: does NAME exist below one? */
static bool has_below(struct tree *snapshot, uint32_t id, const char *name)
{
    char path[2 * TREE_PATH];
    for (uint32_t i = 0; i < snapshot->entry_count; i++) {
        if (snapshot->node[snapshot->entry[i].node].id != id)
            continue;
        snprintf(path, sizeof(path), "%s/%s", snapshot->entry[i].path, name);
        if (tree_find(snapshot, path) != NULL)
            return true;
    }
    return false;
}

/* A name in a directory that was renamed: no snapshot has the two together, but each is right by itself. */
static bool is_in_renamed(struct tree *image, const char *path, struct tree *const *snapshot,
                          unsigned count)
{
    char dir[TREE_PATH];
    strcpy(dir, path);
    char *name = strrchr(dir, '/');
    if (name == NULL || tree_find(image, path) == NULL)
        return false;
    *name++ = '\0';
    for (unsigned i = 0; i < count; i++) {
        const struct tree_entry *named = tree_find(snapshot[i], dir);
        for (unsigned j = 0; j < count && named != NULL; j++) {
            if (has_below(snapshot[j], snapshot[i]->node[named->node].id, name))
                return true;
        }
    }
    return false;
}

/* Whether what PATH is in the image is what it was in some snapshot. */
static bool name_is_right(struct tree *image, const char *path, struct tree *const *snapshot,
                          unsigned count)
{
    const struct tree_entry *found = tree_find(image, path);
    for (unsigned i = 0; i < count; i++) {
        const struct tree_entry *want = tree_find(snapshot[i], path);
        if ((found == NULL) != (want == NULL))
            continue;
        if (found == NULL ||
            content_was(&image->node[found->node], &snapshot[i]->node[want->node], snapshot, count))
            return true;
    }
    return is_in_renamed(image, path, snapshot, count);
}

/* A node that has a name in each snapshot has one in the image: it did not get lost between two names. */
static bool is_reachable(struct tree *image, uint32_t id, struct tree *const *snapshot,
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool named = false;
        for (uint32_t j = 0; j < snapshot[i]->entry_count; j++) {
            const struct tree_entry *entry = &snapshot[i]->entry[j];
            if (snapshot[i]->node[entry->node].id != id)
                continue;
            named = true;
            if (tree_find(image, entry->path) != NULL)
                return true;
        }
        if (!named)
            return true;
    }
    return false;
}

bool tree_is_between(struct tree *image, struct tree *const *snapshot, unsigned count,
                     const char **why)
{
    drop_lost_and_found(image);
    for (uint32_t i = 0; i < image->entry_count; i++) {
        *why = image->entry[i].path;
        if (!name_is_right(image, *why, snapshot, count))
            return false;
    }
    for (uint32_t i = 0; i < snapshot[0]->entry_count; i++) {
        *why = snapshot[0]->entry[i].path;
        if (!name_is_right(image, *why, snapshot, count))
            return false;
        uint32_t id = snapshot[0]->node[snapshot[0]->entry[i].node].id;
        if (!is_reachable(image, id, snapshot, count))
            return false;
    }
    return true;
}

void tree_print(const struct tree *tree, const char *title)
{
    printf("  %s:\n", title);
    for (uint32_t i = 0; i < tree->entry_count; i++) {
        const struct tree_node *node = &tree->node[tree->entry[i].node];
        printf("    %c %s (%u) size %llu %s", node->type, tree->entry[i].path, node->id,
               (unsigned long long)node->size, node->target);
        for (uint32_t j = 0; j < node->kib_count; j++)
            printf(" %u:%x/%u", node->kib[j].index, node->kib[j].stamp, node->kib[j].len);
        printf("\n");
    }
}
