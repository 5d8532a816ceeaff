/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image of an ext2 file system that may be anything: it is mounted, walked, read and changed.  Whatever it holds,
 * nothing may crash, hang or read memory that is not ours.
 *
 * The input begins with two bytes: what to do with it. Then come the KiBs that are not empty: a number, 1,024 bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "services/ext2/fs.h"

#define IMAGE_SIZE (600u * 1024)
#define PIECE      1024u
#define DEPTH_MAX  5u
#define VISITS_MAX 60u

struct memory {
    struct device device; /* first */
    uint8_t *bytes;
};

static cloudabi_errno_t memory_read(struct device *device, uint64_t offset, void *to, size_t len)
{
    if (offset > device->size || len > device->size - offset)
        return CLOUDABI_EIO;
    memcpy(to, ((struct memory *)device)->bytes + offset, len);
    return 0;
}

static cloudabi_errno_t memory_write(struct device *device, uint64_t offset, const void *from,
                                     size_t len)
{
    if (offset > device->size || len > device->size - offset)
        return CLOUDABI_EIO;
    memcpy(((struct memory *)device)->bytes + offset, from, len);
    return 0;
}

static cloudabi_errno_t memory_flush(struct device *device)
{
    (void)device;
    return 0;
}

static unsigned visits;

/* --- reading ------------------------------------------------------------------------------ */

static void read_inode(struct inode *inode)
{
    char target[FS_TARGET_MAX];
    struct fs_places places;
    struct fs_attr attr;
    size_t len = sizeof(target);
    inode_attributes(inode, &attr);
    (void)fs_readlink(inode, target, &len);
    for (unsigned i = 0; i < 20; i++) {
        if (fs_page_in(inode, (uint64_t)i * i * i * 64 * FS_PAGE, 32 * FS_PAGE, &places) != 0)
            break;
    }
}

static void walk(struct inode *dir, unsigned depth)
{
    struct fs_dirent entry;
    char name[FS_NAME_MAX];
    uint64_t cookie = 0;
    for (unsigned i = 0; i < 50 && fs_readdir(dir, cookie, &entry) == 0; i++) {
        struct inode *inode;
        memcpy(name, entry.name.text, entry.name.len);
        cookie = entry.next;
        if (visits >= VISITS_MAX ||
            fs_lookup(dir, (struct fs_name){name, entry.name.len}, &inode) != 0)
            continue;
        visits++;
        read_inode(inode);
        if (inode_type(inode) == CLOUDABI_FILETYPE_DIRECTORY && depth < DEPTH_MAX)
            walk(inode, depth + 1);
        inode_put(inode);
    }
}

/* --- changing ----------------------------------------------------------------------------- */

static void write_inode(struct inode *inode, unsigned how)
{
    struct fs_page_out request = {.size = 40000, .mtim = 5, .atim = 5};
    struct fs_places places;
    request.offset = how % 3 * 300 * FS_PAGE;
    request.size += request.offset;
    uint64_t granted;
    inode_referenced(inode);
    if (fs_reserve(inode, request.offset, 10 * FS_PAGE, &granted) == 0) {
        request.len = granted;
        if (fs_page_out(inode, &request, &places) == 0 && places.wants_wrote)
            (void)fs_wrote(inode, request.offset, places.len, how % 5 == 0 ? CLOUDABI_EIO : 0);
    }
    (void)fs_truncate(inode, how * 1000u, 6);
    inode_hold(inode);
    (void)inode_forget(inode, 1, 6);
    inode_put(inode);
}

static void change_entry(struct inode *dir, struct fs_name name, unsigned how)
{
    struct inode *inode;
    struct fs_name fresh = {"fresh-name-of-some-length", 4 + how % 20};
    const struct fs_rename rename = {dir, dir, name, fresh, false, 9};
    if (fs_lookup(dir, name, &inode) != 0)
        return;
    if (how % 4 == 0)
        write_inode(inode, how);
    if (how % 4 == 1)
        (void)fs_rename(&rename);
    if (how % 4 == 2)
        (void)fs_link(dir, fresh, inode, 7);
    if (how % 3 == 0)
        (void)fs_unlink(dir, name, inode_type(inode) == CLOUDABI_FILETYPE_DIRECTORY, false, 8);
    inode_put(inode);
}

static void make(struct inode *dir, unsigned how)
{
    struct inode *inode = NULL;
    char target[300];
    memset(target, 'x', sizeof(target));
    if (how % 2 == 0 &&
        fs_create(dir, (struct fs_name){"new", 3}, CLOUDABI_FILETYPE_REGULAR_FILE, 3, &inode) == 0)
        write_inode(inode, how);
    inode_put(inode);
    inode = NULL;
    (void)fs_create(dir, (struct fs_name){"dir", 3}, CLOUDABI_FILETYPE_DIRECTORY, 3, &inode);
    inode_put(inode);
    inode = NULL;
    (void)fs_symlink(dir, (struct fs_name){"link", 4}, (struct fs_name){target, 1 + how}, 3,
                     &inode);
    inode_put(inode);
}

static void change(struct inode *dir, unsigned how, unsigned depth)
{
    struct fs_dirent entry;
    char name[FS_NAME_MAX];
    uint64_t cookie = 0;
    make(dir, how);
    for (unsigned i = 0; i < 20 && fs_readdir(dir, cookie, &entry) == 0; i++) {
        struct inode *inode;
        struct fs_name copy = {name, entry.name.len};
        memcpy(name, entry.name.text, entry.name.len);
        cookie = entry.next;
        if (visits++ < 2 * VISITS_MAX && depth < DEPTH_MAX && fs_lookup(dir, copy, &inode) == 0) {
            if (inode_type(inode) == CLOUDABI_FILETYPE_DIRECTORY && inode != dir)
                change(inode, how / 2 + i, depth + 1);
            inode_put(inode);
        }
        change_entry(dir, copy, how + i);
    }
}

static void exercise(struct fs *fs, unsigned how)
{
    struct inode *root;
    visits = 0;
    if (fs_inode(fs, FS_ROOT, 0, &root) != 0)
        return;
    walk(root, 0);
    change(root, how & 0xFF, 0);
    if ((how & 0x100) != 0)
        (void)fs_settle(fs);
    walk(root, 0);
    inode_put(root);
}

/* --- mutating ----------------------------------------------------------------------------- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* The place of a word that is not zero: most of an image is, and changes nothing. */
static size_t find_word(const uint8_t *data, size_t size, uint32_t *state)
{
    size_t at = 2;
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t word;
        at = 2 + (next_random(state) % ((size - 6) / 2)) * 2;
        memcpy(&word, data + at, sizeof(word));
        if (word != 0)
            break;
    }
    return at;
}

/* Words are what an image is made of: numbers of blocks and inodes, sizes, links to others. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const uint32_t values[] = {0, 1, 2, 3, 4, 8, 11, 12, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF};
    uint32_t state = seed;
    if (size < 4096)
        return LLVMFuzzerMutate(data, size, max_size);
    for (unsigned i = 0; i <= seed % 6; i++) {
        size_t at = find_word(data, size, &state);
        uint32_t word, kind = next_random(&state) % 6;
        memcpy(&word, data + at, sizeof(word));
        if (kind == 0)
            word = values[next_random(&state) % (sizeof(values) / sizeof(values[0]))];
        else if (kind == 1)
            memcpy(&word, data + find_word(data, size, &state), sizeof(word));
        else if (kind == 2)
            word += next_random(&state) % 9 - 4;
        else if (kind == 3)
            word ^= 1u << next_random(&state) % 32;
        else
            word = next_random(&state) % (kind == 4 ? 256 : 65536);
        memcpy(data + at, &word, kind % 2 == 0 ? 2 : 4);
    }
    data[seed / 8 % 2] ^= (uint8_t)(seed >> 8 & seed >> 16);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct memory memory = {.device = {IMAGE_SIZE, false, memory_read, memory_write, memory_flush}};
    const struct fs_config config = {.now = 1700000000000000000ull, .cache_bytes = 64 * 1024};
    struct fs_report report;
    struct fs *fs;
    if (size < 2)
        return 0;
    unsigned how = input[0] | (unsigned)input[1] << 8;
    memory.bytes = calloc(1, IMAGE_SIZE);
    if (memory.bytes == NULL)
        return 0;
    for (size_t at = 2; at + 2 + PIECE <= size; at += 2 + PIECE) {
        size_t number = input[at] | (size_t)input[at + 1] << 8;
        if (number < IMAGE_SIZE / PIECE)
            memcpy(memory.bytes + number * PIECE, input + at + 2, PIECE);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (fs_mount(&memory.device, &config, &fs, &report) != 0)
            break;
        exercise(fs, how + i);
        if ((how & 0x200) != 0)
            fs_abandon(fs);
        else
            (void)fs_unmount(fs);
    }
    free(memory.bytes);
    return 0;
}
