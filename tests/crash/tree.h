/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree of files as a test sees it: what should be there after some operations (the model), or what an image
 * holds.
 *
 * The contents of a file are stamps: all words of its I-th KiB are `stamp << 12 | I`, so that a block that is
 * old, or another's, or torn, shows. A KiB that was cut has its stamp in the first LEN bytes and zeros behind
 * them.
 */
#ifndef TESTS_CRASH_TREE_H
#define TESTS_CRASH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define TREE_ENTRIES 160
#define TREE_KIBS    40
#define TREE_PATH    80
#define TREE_GARBAGE UINT32_MAX

struct tree_kib {
    uint32_t index, stamp, len;
};

struct tree_node {
    uint32_t id; /* the same in all snapshots of a model; an inode number in an image */
    char type;   /* f, d, l */
    uint64_t size;
    uint32_t kib_count;
    struct tree_kib kib[TREE_KIBS]; /* ascending; what is not here reads as zeros */
    char target[TREE_PATH + 48];
};

struct tree_entry {
    char path[TREE_PATH]; /* without a slash at the beginning */
    uint32_t node;
};

struct tree {
    uint32_t entry_count, node_count, next_id, next_stamp;
    struct tree_entry entry[TREE_ENTRIES]; /* by path, once tree_sort() was called */
    struct tree_node node[TREE_ENTRIES];
};

enum op_kind {
    OP_CREATE,
    OP_MKDIR,
    OP_SYMLINK, /* path2: the target */
    OP_LINK,    /* path: what is there; path2: the new name */
    OP_UNLINK,
    OP_RMDIR,
    OP_RENAME,
    OP_TRUNCATE,    /* size */
    OP_WRITE,       /* at, size: in KiB */
    OP_UNLINK_OPEN, /* somebody has it open until OP_CLOSE */
    OP_CLOSE,
    OP_COMMIT,
};

struct op {
    enum op_kind kind;
    const char *path, *path2;
    uint32_t at, size;
};

/* Does it to the model. False: it is an error, and nothing happened. */
bool tree_apply(struct tree *tree, const struct op *op);
struct tree_entry *tree_find(struct tree *tree, const char *path);
/* NULL: too many. */
struct tree_node *tree_add(struct tree *tree, const char *path, char type, uint32_t id);
bool tree_add_entry(struct tree *tree, const char *path, uint32_t node);
void tree_add_kib(struct tree_node *node, uint32_t index, uint32_t stamp, uint32_t len);
void tree_sort(struct tree *tree);
/* The bytes [at, at + len) of a file of the model; whole KiBs. */
void tree_content(const struct tree_node *node, uint64_t at, uint32_t len, uint8_t *bytes);
/* What 1,024 bytes of a file at the KiB INDEX hold, of which LIMIT are within its size. LEN 0: zeros. */
struct tree_kib tree_read_kib(const uint8_t *bytes, uint32_t index, uint32_t limit);
const char *op_text(const struct op *op);

/*
 * Which one IMAGE is of the states SNAPSHOT[0..COUNT), or -1: the first is what was acknowledged, the last one what
 * was asked for. Where data is overwritten in place, a KiB may be from a later one.
 */
int tree_is_one_of(struct tree *image, struct tree *const *snapshot, unsigned count);
/* The same for each name by itself, without a journal: lost+found may have more. WHY: the name that is wrong. */
bool tree_is_between(struct tree *image, struct tree *const *snapshot, unsigned count,
                     const char **why);
void tree_print(const struct tree *tree, const char *title);

#endif
