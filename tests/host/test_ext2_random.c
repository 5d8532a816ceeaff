/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations on the ext2 core and on a model in memory. Both must agree on every error, and from time to time
 * the whole tree is compared, before and after unmounting (e2fsck judges) and after crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ext2_host.h"

#define NODES    400
#define ENTRIES  600
#define FILE_MAX 400000u

/* --- the model ---------------------------------------------------------------------------- */

struct node {
    char type; /* f, d, l; 0: free */
    unsigned links;
    unsigned parent; /* of a directory */
    uint64_t size;
    uint8_t *data; /* of a file: FILE_MAX bytes; of a link: its target */
};

struct entry {
    unsigned dir, node; /* dir 0: free */
    char name[64];
};

static struct node nodes[NODES]; /* 1 is the root */
static struct entry entries[ENTRIES];
static struct host host;
static uint32_t random_state;

static uint32_t rnd(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static struct entry *find(unsigned dir, const char *name)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (entries[i].dir == dir && strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    return NULL;
}

static unsigned count_in(unsigned dir)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ENTRIES; i++)
        count += entries[i].dir == dir ? 1 : 0;
    return count;
}

static unsigned new_node(char type, unsigned parent)
{
    for (unsigned i = 2; i < NODES; i++) {
        if (nodes[i].type == 0) {
            nodes[i] = (struct node){.type = type, .parent = parent};
            nodes[i].data = type == 'd' ? NULL : calloc(1, FILE_MAX);
            return i;
        }
    }
    return 0;
}

static void add_entry(unsigned dir, const char *name, unsigned node)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (entries[i].dir == 0) {
            entries[i].dir = dir;
            entries[i].node = node;
            snprintf(entries[i].name, sizeof(entries[i].name), "%s", name);
            nodes[node].links++;
            return;
        }
    }
    fail();
}

static void drop_node(unsigned node)
{
    if (--nodes[node].links == 0) {
        free(nodes[node].data);
        nodes[node] = (struct node){0};
    }
}

static void drop_entry(struct entry *entry)
{
    unsigned node = entry->node;
    entry->dir = 0;
    drop_node(node);
}

static void reset_model(void)
{
    for (unsigned i = 0; i < NODES; i++)
        free(nodes[i].data);
    memset(nodes, 0, sizeof(nodes));
    memset(entries, 0, sizeof(entries));
    nodes[1] = (struct node){.type = 'd', .links = 1, .parent = 1};
}

static bool is_below(unsigned dir, unsigned ancestor)
{
    while (dir != ancestor && dir != 1)
        dir = nodes[dir].parent;
    return dir == ancestor;
}

/* --- both together ------------------------------------------------------------------------ */

static void path_of(unsigned dir, char *out, size_t size)
{
    out[0] = 0;
    while (dir != 1) {
        char rest[2048];
        for (unsigned i = 0; i < ENTRIES; i++) {
            if (entries[i].dir != 0 && entries[i].node == dir) {
                snprintf(rest, sizeof(rest), "%s/%s", entries[i].name, out);
                snprintf(out, size, "%s", rest);
            }
        }
        dir = nodes[dir].parent;
    }
}

static unsigned random_dir(void)
{
    for (unsigned i = 0; i < 50; i++) {
        unsigned dir = 1 + rnd(NODES - 1);
        if (nodes[dir].type == 'd')
            return dir;
    }
    return 1;
}

struct place {
    unsigned dir;
    char name[64];
    char path[2048];
};

static void choose(struct place *place, bool existing)
{
    struct entry *entry = &entries[rnd(ENTRIES)];
    place->dir = random_dir();
    if (existing && entry->dir != 0) {
        place->dir = entry->dir;
        snprintf(place->name, sizeof(place->name), "%s", entry->name);
    } else {
        int len = (int)rnd(3) == 0 ? (int)rnd(40) : 1;
        snprintf(place->name, sizeof(place->name), "n%u%.*s", rnd(60), len,
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    }
    path_of(place->dir, place->path, sizeof(place->path) - 64);
    strcat(place->path, place->name);
}

static void do_make(char type)
{
    struct place place;
    char target[200];
    choose(&place, rnd(8) == 0);
    memset(target, 't', sizeof(target));
    target[1 + rnd(120)] = 0;
    cloudabi_errno_t error = type == 'd'   ? host_mkdir(&host, place.path)
                             : type == 'f' ? host_create(&host, place.path)
                                           : host_symlink(&host, target, place.path);
    if (find(place.dir, place.name) != NULL) {
        assert_int_equal(error, CLOUDABI_EEXIST);
        return;
    }
    if (error == CLOUDABI_ENOSPC)
        return;
    assert_int_equal(error, 0);
    unsigned node = new_node(type, place.dir);
    assert_int_not_equal(node, 0);
    add_entry(place.dir, place.name, node);
    if (type == 'l') {
        nodes[node].size = strlen(target);
        memcpy(nodes[node].data, target, nodes[node].size);
    }
}

static void do_unlink(void)
{
    struct place place;
    bool directory = rnd(2) == 0;
    choose(&place, true);
    struct entry *entry = find(place.dir, place.name);
    cloudabi_errno_t error = host_unlink(&host, place.path, directory), expected = 0;
    if (entry == NULL)
        expected = CLOUDABI_ENOENT;
    else if (nodes[entry->node].type != 'd')
        expected = directory ? CLOUDABI_ENOTDIR : 0;
    else if (!directory)
        expected = CLOUDABI_EPERM;
    else if (count_in(entry->node) != 0)
        expected = CLOUDABI_ENOTEMPTY;
    assert_int_equal(error, expected);
    if (error == 0)
        drop_entry(entry);
}

static void do_link(void)
{
    struct place old, new;
    choose(&old, true);
    choose(&new, rnd(8) == 0);
    struct entry *entry = find(old.dir, old.name);
    cloudabi_errno_t error = host_link(&host, old.path, new.path), expected = 0;
    if (entry == NULL)
        expected = CLOUDABI_ENOENT;
    else if (nodes[entry->node].type == 'd')
        expected = CLOUDABI_EPERM;
    else if (find(new.dir, new.name) != NULL)
        expected = CLOUDABI_EEXIST;
    if (error == CLOUDABI_ENOSPC)
        return;
    assert_int_equal(error, expected);
    if (error == 0)
        add_entry(new.dir, new.name, entry->node);
}

static cloudabi_errno_t expect_rename(const struct place *to, const struct entry *source,
                                      const struct entry *target)
{
    if (source == NULL)
        return CLOUDABI_ENOENT;
    bool moves_dir = nodes[source->node].type == 'd';
    if (moves_dir && !(target != NULL && target->node == source->node) &&
        is_below(to->dir, source->node))
        return CLOUDABI_EINVAL;
    if (target == NULL || target->node == source->node)
        return 0;
    bool onto_dir = nodes[target->node].type == 'd';
    if (moves_dir != onto_dir)
        return moves_dir ? CLOUDABI_ENOTDIR : CLOUDABI_EISDIR;
    return onto_dir && count_in(target->node) != 0 ? CLOUDABI_ENOTEMPTY : 0;
}

static void do_rename(void)
{
    struct place from, to;
    choose(&from, true);
    choose(&to, rnd(3) == 0);
    struct entry *source = find(from.dir, from.name), *target = find(to.dir, to.name);
    cloudabi_errno_t expected = expect_rename(&to, source, target);
    cloudabi_errno_t error = host_rename(&host, from.path, to.path);
    if (error == CLOUDABI_ENOSPC)
        return;
    assert_int_equal(error, expected);
    if (error != 0 || (target != NULL && target->node == source->node))
        return;
    unsigned node = source->node;
    nodes[node].links++; /* not to go in between */
    if (target != NULL)
        drop_entry(target);
    drop_entry(source);
    add_entry(to.dir, to.name, node);
    nodes[node].links--;
    if (nodes[node].type == 'd')
        nodes[node].parent = to.dir;
}

/* --- contents ----------------------------------------------------------------------------- */

static void do_write(void)
{
    struct place place;
    struct inode *inode;
    choose(&place, true);
    struct entry *entry = find(place.dir, place.name);
    if (entry == NULL || nodes[entry->node].type != 'f')
        return;
    struct node *node = &nodes[entry->node];
    uint32_t len = 1 + rnd(rnd(4) == 0 ? 60000 : 3000);
    uint64_t offset = rnd(3) == 0 ? rnd(FILE_MAX - len) : node->size;
    if (offset + len > FILE_MAX)
        return;
    uint8_t *data = malloc(len);
    memset(data, (int)(1 + rnd(255)), len);
    assert_int_equal(host_find(&host, place.path, &inode), 0);
    cloudabi_errno_t error = host_write(&host, inode, offset, data, len);
    if (error == 0) {
        memcpy(node->data + offset, data, len);
        if (offset + len > node->size)
            node->size = offset + len;
    } else { /* a part may have been written */
        assert_int_equal(error, CLOUDABI_ENOSPC);
        assert_int_equal(fs_truncate(inode, 0, ++host.now), 0);
        memset(node->data, 0, FILE_MAX);
        node->size = 0;
    }
    inode_put(inode);
    free(data);
}

static void do_truncate(void)
{
    struct place place;
    struct inode *inode;
    choose(&place, true);
    struct entry *entry = find(place.dir, place.name);
    if (entry == NULL || nodes[entry->node].type != 'f')
        return;
    struct node *node = &nodes[entry->node];
    uint64_t size = rnd(3) == 0 ? 0 : rnd(FILE_MAX);
    assert_int_equal(host_find(&host, place.path, &inode), 0);
    assert_int_equal(fs_truncate(inode, size, ++host.now), 0);
    inode_put(inode);
    if (size < node->size)
        memset(node->data + size, 0, FILE_MAX - size);
    node->size = size;
}

/* --- comparing ---------------------------------------------------------------------------- */

static void compare_node(const char *path, unsigned number)
{
    static uint8_t data[FILE_MAX];
    const struct node *node = &nodes[number];
    struct inode *inode;
    struct fs_attr attr;
    size_t len = sizeof(data);
    assert_int_equal(host_find(&host, path, &inode), 0);
    inode_attributes(inode, &attr);
    if (node->type == 'd') {
        unsigned count = 0, below = 0;
        struct fs_dirent dirent;
        for (uint64_t at = 0; fs_readdir(inode, at, &dirent) == 0; at = dirent.next)
            count++;
        for (unsigned i = 0; i < ENTRIES; i++)
            below += entries[i].dir == number && nodes[entries[i].node].type == 'd' ? 1 : 0;
        assert_int_equal(count, count_in(number) + 2);
        assert_int_equal(attr.nlink, 2 + below);
    } else {
        assert_int_equal(attr.nlink, node->links);
        assert_int_equal(attr.size, node->size);
        if (node->type == 'l')
            assert_int_equal(fs_readlink(inode, (char *)data, &len), 0);
        else
            host_read(&host, inode, 0, data, node->size);
        assert_memory_equal(data, node->data, node->size);
    }
    inode_put(inode);
}

static void compare_all(void)
{
    char path[2048];
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (entries[i].dir == 0)
            continue;
        path_of(entries[i].dir, path, sizeof(path) - 64);
        strcat(path, entries[i].name);
        compare_node(path, entries[i].node);
    }
}

/* Everything durable, then a crash: the same tree must be there. */
static void crash(bool journaled)
{
    assert_int_equal(fs_commit(host.fs), 0);
    host_crash(&host);
    if (!journaled) {
        int status = host_shell("e2fsck -fp image");
        if (status > 1)
            print_error("%s", host_output());
        assert_in_range(status, 0, 1);
    }
    host_mount(&host);
    assert_false(host.report.had_errors);
}

static void step(void)
{
    switch (rnd(16)) {
    case 0:
    case 1:
    case 2:
        do_make('f');
        break;
    case 3:
        do_make('d');
        break;
    case 4:
        do_make('l');
        break;
    case 5:
    case 6:
        do_unlink();
        break;
    case 7:
        do_link();
        break;
    case 8:
    case 9:
        do_rename();
        break;
    case 10:
    case 11:
        do_truncate();
        break;
    case 12:
        if (rnd(4) == 0)
            assert_int_equal(fs_commit(host.fs), 0);
        break;
    default:
        do_write();
    }
}

static void run(const char *options, const char *size, uint32_t seed, unsigned steps)
{
    bool journaled = strstr(options, "-j") != NULL;
    random_state = seed;
    reset_model();
    host_make(options, size);
    host_mount(&host);
    for (unsigned i = 1; i <= steps; i++) {
        unsigned used = 0;
        for (unsigned k = 0; k < ENTRIES; k++)
            used += entries[k].dir != 0 ? 1 : 0;
        if (used > NODES - 20)
            do_unlink();
        else
            step();
        if (i % 500 == 0) {
            compare_all();
            if (rnd(2) == 0) {
                crash(journaled);
            } else {
                host_unmount(&host);
                host_mount(&host);
            }
            compare_all();
        }
    }
    host_unmount(&host);
}

static unsigned long steps_asked(void)
{
    const char *asked = getenv("EXT2_STEPS");
    return asked != NULL ? strtoul(asked, NULL, 10) : 3000;
}

static void test_random(void **state)
{
    static const struct {
        const char *options, *size;
    } images[] = {
        {"-t ext2 -b 1024 -m 0", "16M"},
        {"-t ext2 -b 1024 -m 0 -N 300 -O ^dir_index,^resize_inode", "2M"},
        {"-t ext2 -b 4096 -I 256", "24M"},
        {"-t ext2 -b 2048 -g 512 -I 128", "6M"},
        {"-t ext2 -j -b 1024 -J size=1", "12M"},
        {"-t ext2 -j -b 4096 -m 0", "16M"},
    };
    (void)state;
    const char *seed = getenv("EXT2_SEED");
    for (uint32_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        run(images[i].options, images[i].size,
            i + (seed != NULL ? (uint32_t)strtoul(seed, NULL, 10) : 1), (unsigned)steps_asked());
    reset_model();
    free(nodes[1].data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_clean();
    return failed;
}
