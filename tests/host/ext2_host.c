/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/ext2_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

/* --- tools -------------------------------------------------------------------------------- */

static char folder[32];
static char output[4096];

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void read_output(void)
{
    FILE *file = fopen(path_of("output"), "r");
    size_t len = file != NULL ? fread(output, 1, sizeof(output) - 1, file) : 0;
    output[len] = 0;
    if (file != NULL)
        fclose(file);
}

int host_shell(const char *format, ...)
{
    char command[2048];
    va_list args;
    if (folder[0] == 0) {
        strcpy(folder, "/tmp/ext2-host-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    va_start(args, format);
    int len =
        snprintf(command, sizeof(command), "cd %s && PATH=$PATH:/usr/sbin:/sbin && { ", folder);
    len += vsnprintf(command + len, sizeof(command) - (size_t)len, format, args);
    va_end(args);
    snprintf(command + len, sizeof(command) - (size_t)len, "; } >output 2>&1");
    int status = system(command);
    read_output();
    return WEXITSTATUS(status);
}

const char *host_output(void)
{
    return output;
}

bool host_check(void)
{
    bool clean = host_shell("e2fsck -fn image") == 0;
    if (!clean)
        print_error("%s", output);
    return clean;
}

void host_make(const char *options, const char *size)
{
    if (host_shell("rm -f image; mke2fs -q -F %s image %s", options, size) != 0)
        fail_msg("mke2fs %s: %s", options, output);
}

void host_clean(void)
{
    if (folder[0] != 0)
        assert_int_equal(host_shell("rm -rf %s", folder), 0);
    folder[0] = 0;
}

/* --- mounting ----------------------------------------------------------------------------- */

unsigned host_cache_bytes;
void (*host_mounting)(bool begin);

cloudabi_errno_t host_try_mount(struct host *host)
{
    const struct fs_config config = {
        .now = 1700000000000000000ull, .seed = 1, .cache_bytes = host_cache_bytes};
    *host = (struct host){.now = config.now};
    assert_true(disk_load(&host->disk, path_of("image"), 1024));
    if (host_mounting != NULL)
        host_mounting(true);
    cloudabi_errno_t error = fs_mount(&host->disk.device, &config, &host->fs, &host->report);
    if (host_mounting != NULL)
        host_mounting(false);
    if (error != 0)
        disk_destroy(&host->disk);
    else
        assert_int_equal(fs_inode(host->fs, FS_ROOT, 0, &host->root), 0);
    return error;
}

void host_mount(struct host *host)
{
    cloudabi_errno_t error = host_try_mount(host);
    if (error != 0)
        fail_msg("mount: %d %s", error, host->report.why);
}

static void leave(struct host *host)
{
    assert_true(disk_save(&host->disk, path_of("image")));
    disk_destroy(&host->disk);
}

void host_unmount(struct host *host)
{
    inode_put(host->root);
    assert_int_equal(fs_unmount(host->fs), 0);
    leave(host);
    assert_true(host_check());
}

void host_crash(struct host *host)
{
    inode_put(host->root);
    fs_abandon(host->fs);
    leave(host);
}

/* --- by path ------------------------------------------------------------------------------ */

cloudabi_errno_t host_parent(struct host *host, const char *path, struct inode **out,
                             struct fs_name *last)
{
    struct inode *dir = host->root;
    inode_hold(dir);
    for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        struct inode *next;
        cloudabi_errno_t error =
            fs_lookup(dir, (struct fs_name){path, (size_t)(slash - path)}, &next);
        inode_put(dir);
        if (error != 0)
            return error;
        dir = next;
    }
    *out = dir;
    *last = NAME(path);
    return 0;
}

cloudabi_errno_t host_find(struct host *host, const char *path, struct inode **out)
{
    struct inode *dir;
    struct fs_name name;
    cloudabi_errno_t error = host_parent(host, path, &dir, &name);
    if (error != 0)
        return error;
    struct fs_attr attr;
    inode_attributes(dir, &attr);
    const struct inode *seen = fs_glance(host->fs, attr.ino, attr.generation, name);
    error = fs_lookup(dir, name, out);
    assert_true(seen == NULL || (error == 0 && seen == *out));
    inode_put(dir);
    return error;
}

enum making { MAKE_FILE, MAKE_DIR, MAKE_LINK };

static cloudabi_errno_t make(struct host *host, const char *path, enum making what,
                             const char *target)
{
    struct inode *dir, *inode = NULL;
    struct fs_name name;
    cloudabi_errno_t error = host_parent(host, path, &dir, &name);
    if (error != 0)
        return error;
    host->now += 1001;
    if (what == MAKE_LINK)
        error = fs_symlink(dir, name, NAME(target), host->now, &inode);
    else
        error = fs_create(dir, name,
                          what == MAKE_DIR ? CLOUDABI_FILETYPE_DIRECTORY
                                           : CLOUDABI_FILETYPE_REGULAR_FILE,
                          host->now, &inode);
    inode_put(inode);
    inode_put(dir);
    return error;
}

cloudabi_errno_t host_create(struct host *host, const char *path)
{
    return make(host, path, MAKE_FILE, NULL);
}

cloudabi_errno_t host_mkdir(struct host *host, const char *path)
{
    return make(host, path, MAKE_DIR, NULL);
}

cloudabi_errno_t host_symlink(struct host *host, const char *target, const char *path)
{
    return make(host, path, MAKE_LINK, target);
}

cloudabi_errno_t host_link(struct host *host, const char *old, const char *path)
{
    struct inode *dir, *inode;
    struct fs_name name;
    cloudabi_errno_t error = host_find(host, old, &inode);
    if (error != 0)
        return error;
    error = host_parent(host, path, &dir, &name);
    if (error == 0) {
        error = fs_link(dir, name, inode, ++host->now);
        inode_put(dir);
    }
    inode_put(inode);
    return error;
}

cloudabi_errno_t host_unlink(struct host *host, const char *path, bool directory)
{
    struct inode *dir;
    struct fs_name name;
    cloudabi_errno_t error = host_parent(host, path, &dir, &name);
    if (error != 0)
        return error;
    error = fs_unlink(dir, name, directory, false, ++host->now);
    inode_put(dir);
    return error;
}

cloudabi_errno_t host_rename(struct host *host, const char *from, const char *to)
{
    struct fs_rename rename = {.now = ++host->now};
    cloudabi_errno_t error = host_parent(host, from, &rename.from, &rename.from_name);
    if (error != 0)
        return error;
    error = host_parent(host, to, &rename.to, &rename.to_name);
    if (error == 0) {
        error = fs_rename(&rename);
        inode_put(rename.to);
    }
    inode_put(rename.from);
    return error;
}

/* --- data --------------------------------------------------------------------------------- */

/* Moves LEN bytes from the start of PLACES; holes read as zeros. */
static void transfer(struct host *host, const struct fs_places *places, uint8_t *data, bool write)
{
    struct device *device = &host->disk.device;
    for (uint32_t i = 0; i < places->count; i++) {
        const struct fs_extent *extent = &places->extent[i];
        if (extent->offset == FS_HOLE) {
            assert_false(write);
            memset(data, 0, extent->len);
        } else if (write) {
            assert_int_equal(device->write(device, extent->offset, data, extent->len), 0);
        } else {
            assert_int_equal(device->read(device, extent->offset, data, extent->len), 0);
        }
        data += extent->len;
    }
}

static void read_pages(struct host *host, struct inode *inode, uint64_t offset, uint8_t *data,
                       uint64_t len)
{
    while (len != 0) {
        struct fs_places places;
        assert_int_equal(fs_page_in(inode, offset, len, &places), 0);
        assert_true(places.len <= len && places.len % FS_PAGE == 0 && places.len != 0);
        transfer(host, &places, data, false);
        offset += places.len;
        data += places.len;
        len -= places.len;
    }
}

static uint64_t size_of(const struct inode *inode)
{
    struct fs_attr attr;
    inode_attributes(inode, &attr);
    return attr.size;
}

/* The pages that [OFFSET, OFFSET + LEN) touches, as they are; what is behind the size is zero. */
static uint8_t *load_pages(struct host *host, struct inode *inode, uint64_t offset, size_t len,
                           uint64_t *start, uint64_t *total)
{
    *start = offset / FS_PAGE * FS_PAGE;
    *total = (offset + len + FS_PAGE - 1) / FS_PAGE * FS_PAGE - *start;
    uint8_t *pages = malloc(*total);
    assert_non_null(pages);
    read_pages(host, inode, *start, pages, *total);
    uint64_t size = size_of(inode);
    if (size < *start + *total)
        memset(pages + (size > *start ? size - *start : 0), 0,
               *total - (size > *start ? size - *start : 0));
    return pages;
}

void host_read(struct host *host, struct inode *inode, uint64_t offset, void *data, size_t len)
{
    uint64_t start, total;
    if (len == 0)
        return;
    uint8_t *pages = load_pages(host, inode, offset, len, &start, &total);
    memcpy(data, pages + (offset - start), len);
    free(pages);
}

static cloudabi_errno_t write_pages(struct host *host, struct inode *inode, uint8_t *pages,
                                    struct fs_page_out request)
{
    while (request.len != 0) {
        struct fs_places places;
        uint64_t granted;
        cloudabi_errno_t error = fs_reserve(inode, request.offset, request.len, &granted);
        if (error != 0)
            return error;
        struct fs_page_out part = request;
        part.len = granted;
        assert_int_equal(fs_page_out(inode, &part, &places), 0);
        transfer(host, &places, pages, true);
        if (places.wants_wrote)
            assert_int_equal(fs_wrote(inode, request.offset, places.len, 0), 0);
        request.offset += places.len;
        request.len -= places.len;
        pages += places.len;
    }
    return 0;
}

cloudabi_errno_t host_write(struct host *host, struct inode *inode, uint64_t offset,
                            const void *data, size_t len)
{
    uint64_t start, total, size = size_of(inode);
    if (len == 0)
        return 0;
    uint8_t *pages = load_pages(host, inode, offset, len, &start, &total);
    memcpy(pages + (offset - start), data, len);
    if (offset + len > size)
        size = offset + len;
    host->now += 1000;
    cloudabi_errno_t error = write_pages(
        host, inode, pages, (struct fs_page_out){start, total, size, host->now, host->now});
    if (error == 0)
        error = fs_sync(inode, size, host->now, host->now);
    free(pages);
    return error;
}

cloudabi_errno_t host_put(struct host *host, const char *path, const void *data, size_t len)
{
    struct inode *inode;
    cloudabi_errno_t error = host_create(host, path);
    if (error == 0)
        error = host_find(host, path, &inode);
    if (error != 0)
        return error;
    error = host_write(host, inode, 0, data, len);
    inode_put(inode);
    return error;
}
