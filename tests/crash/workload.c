/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on the file system under test and on the model, side by side, on a disk that records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/crash.h"

#define NOW 1700000000000000000u

struct runner {
    struct bench *bench;
    struct fs *fs;
    struct inode *open[4]; /* of OP_UNLINK_OPEN */
    uint32_t open_count;
    uint64_t now;
};

/* --- paths ------------------------------------------------------------------------------- */

static cloudabi_errno_t walk(struct runner *run, const char *path, size_t len, struct inode **out)
{
    struct inode *at;
    cloudabi_errno_t error = fs_inode(run->fs, FS_ROOT, 0, &at);
    const char *end = path + len;
    while (error == 0 && path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t part = (size_t)((slash == NULL ? end : slash) - path);
        struct inode *next;
        error = fs_lookup(at, (struct fs_name){path, part}, &next);
        inode_put(at);
        at = next;
        path += part + (slash != NULL);
    }
    if (error == 0)
        *out = at;
    return error;
}

static cloudabi_errno_t walk_parent(struct runner *run, const char *path, struct inode **out,
                                    struct fs_name *name)
{
    const char *slash = strrchr(path, '/');
    name->text = slash == NULL ? path : slash + 1;
    name->len = strlen(name->text);
    return walk(run, path, slash == NULL ? 0 : (size_t)(slash - path), out);
}

/* --- data, as the kernel writes it back ---------------------------------------------------- */

static cloudabi_errno_t write_places(struct bench *bench, const struct tree_node *node,
                                     uint64_t offset, const struct fs_places *places)
{
    uint8_t bytes[8 * FS_PAGE];
    struct device *device = &bench->disk.device;
    for (uint32_t i = 0; i < places->count; i++) {
        const struct fs_extent *extent = &places->extent[i];
        for (uint64_t done = 0; done < extent->len && extent->offset != FS_HOLE;) {
            uint64_t part = extent->len - done;
            part = part < sizeof(bytes) ? part : sizeof(bytes);
            tree_content(node, offset + done, (uint32_t)part, bytes);
            cloudabi_errno_t error =
                device->write(device, extent->offset + done, bytes, (size_t)part);
            if (error != 0)
                return error;
            done += part;
        }
        offset += extent->len;
    }
    return 0;
}

/* All or, if there is no place, nothing. */
static cloudabi_errno_t reserve_range(struct inode *inode, uint64_t offset, uint64_t end)
{
    cloudabi_errno_t error = 0;
    while (offset < end && error == 0) {
        uint64_t granted = 0;
        error = fs_reserve(inode, offset, end - offset, &granted);
        offset += granted;
    }
    return error;
}

static cloudabi_errno_t write_range(struct runner *run, struct inode *inode,
                                    const struct tree_node *node, uint64_t offset, uint64_t end)
{
    cloudabi_errno_t error = reserve_range(inode, offset, end);
    while (offset < end && error == 0) {
        const struct fs_page_out request = {.offset = offset,
                                            .len = end - offset,
                                            .size = node->size,
                                            .mtim = run->now,
                                            .atim = run->now};
        struct fs_places places;
        error = fs_page_out(inode, &request, &places);
        if (error != 0)
            return error;
        error = write_places(run->bench, node, offset, &places);
        if (places.wants_wrote) {
            cloudabi_errno_t wrote = fs_wrote(inode, offset, places.len, error);
            error = error != 0 ? error : wrote;
        }
        offset += places.len;
    }
    return error;
}

/* The model has it already: what it holds is what is written. */
static cloudabi_errno_t run_write(struct runner *run, const struct op *op, struct tree *after)
{
    struct inode *inode;
    cloudabi_errno_t error = walk(run, op->path, strlen(op->path), &inode);
    if (error != 0)
        return error;
    struct tree_entry *entry = tree_find(after, op->path);
    if (inode_type(inode) != CLOUDABI_FILETYPE_REGULAR_FILE || entry == NULL) {
        inode_put(inode);
        return CLOUDABI_EISDIR;
    }
    const struct tree_node *node = &after->node[entry->node];
    uint64_t from = (uint64_t)op->at * 1024 / FS_PAGE * FS_PAGE;
    uint64_t to = ((uint64_t)(op->at + op->size) * 1024 + FS_PAGE - 1) / FS_PAGE * FS_PAGE;
    inode_referenced(inode);
    error = write_range(run, inode, node, from, to);
    if (error == 0)
        error = fs_sync(inode, node->size, run->now, run->now);
    inode_forget(inode, 1, run->now);
    inode_put(inode);
    return error;
}

static cloudabi_errno_t run_truncate(struct runner *run, const struct op *op)
{
    struct inode *inode;
    cloudabi_errno_t error = walk(run, op->path, strlen(op->path), &inode);
    if (error != 0)
        return error;
    error = fs_truncate(inode, op->size, run->now);
    inode_put(inode);
    return error;
}

/* --- names ------------------------------------------------------------------------------- */

static cloudabi_errno_t run_new(struct runner *run, const struct op *op)
{
    struct inode *dir, *made = NULL;
    struct fs_name name;
    cloudabi_errno_t error = walk_parent(run, op->path, &dir, &name);
    if (error != 0)
        return error;
    if (op->kind == OP_SYMLINK)
        error =
            fs_symlink(dir, name, (struct fs_name){op->path2, strlen(op->path2)}, run->now, &made);
    else
        error = fs_create(dir, name,
                          op->kind == OP_MKDIR ? CLOUDABI_FILETYPE_DIRECTORY
                                               : CLOUDABI_FILETYPE_REGULAR_FILE,
                          run->now, &made);
    if (error == 0)
        inode_put(made);
    inode_put(dir);
    return error;
}

static cloudabi_errno_t run_link(struct runner *run, const struct op *op)
{
    struct inode *inode, *dir;
    struct fs_name name;
    cloudabi_errno_t error = walk(run, op->path, strlen(op->path), &inode);
    if (error != 0)
        return error;
    error = walk_parent(run, op->path2, &dir, &name);
    if (error == 0) {
        error = fs_link(dir, name, inode, run->now);
        inode_put(dir);
    }
    inode_put(inode);
    return error;
}

static cloudabi_errno_t run_unlink(struct runner *run, const struct op *op)
{
    struct inode *dir, *inode = NULL;
    struct fs_name name;
    cloudabi_errno_t error = walk_parent(run, op->path, &dir, &name);
    if (error != 0)
        return error;
    bool keep = op->kind == OP_UNLINK_OPEN && run->open_count < 4;
    if (keep)
        error = walk(run, op->path, strlen(op->path), &inode);
    if (error == 0)
        error = fs_unlink(dir, name, op->kind == OP_RMDIR, false, run->now);
    if (error == 0 && keep) {
        inode_referenced(inode);
        run->open[run->open_count++] = inode;
    } else if (inode != NULL) {
        inode_put(inode);
    }
    inode_put(dir);
    return error;
}

static cloudabi_errno_t run_rename(struct runner *run, const struct op *op)
{
    struct fs_rename rename = {.now = run->now};
    cloudabi_errno_t error = walk_parent(run, op->path, &rename.from, &rename.from_name);
    if (error != 0)
        return error;
    error = walk_parent(run, op->path2, &rename.to, &rename.to_name);
    if (error == 0) {
        error = fs_rename(&rename);
        inode_put(rename.to);
    }
    inode_put(rename.from);
    return error;
}

static cloudabi_errno_t run_close(struct runner *run)
{
    cloudabi_errno_t first = 0;
    while (run->open_count != 0) {
        struct inode *inode = run->open[--run->open_count];
        cloudabi_errno_t error = inode_forget(inode, 1, run->now);
        first = first != 0 ? first : error;
        inode_put(inode);
    }
    return first;
}

static cloudabi_errno_t run_op(struct runner *run, const struct op *op, struct tree *after)
{
    switch (op->kind) {
    case OP_CREATE:
    case OP_MKDIR:
    case OP_SYMLINK:
        return run_new(run, op);
    case OP_LINK:
        return run_link(run, op);
    case OP_UNLINK:
    case OP_UNLINK_OPEN:
    case OP_RMDIR:
        return run_unlink(run, op);
    case OP_RENAME:
        return run_rename(run, op);
    case OP_TRUNCATE:
        return run_truncate(run, op);
    case OP_WRITE:
        return run_write(run, op, after);
    case OP_CLOSE:
        return run_close(run);
    case OP_COMMIT:
        return fs_commit(run->fs);
    }
    return CLOUDABI_EINVAL;
}

/* --- a workload -------------------------------------------------------------------------- */

/* What was issued since the last call happened while BEGUN operations had begun and ACKED were acknowledged. */
static void mark(struct bench *bench, uint32_t *marked, uint32_t begun, uint32_t acked)
{
    if (bench->disk.event_count >= bench->mark_room) {
        bench->mark_room = bench->disk.event_count * 2 + 64;
        bench->begun = realloc(bench->begun, bench->mark_room * sizeof(uint32_t));
        bench->acked = realloc(bench->acked, bench->mark_room * sizeof(uint32_t));
        if (bench->begun == NULL || bench->acked == NULL)
            abort();
    }
    for (; *marked < bench->disk.event_count; (*marked)++) {
        bench->begun[*marked] = begun;
        bench->acked[*marked] = acked;
    }
}

void workload_print(const struct workload *workload)
{
    for (uint32_t i = 0; i < workload->count; i++)
        printf("%s%s", i == 0 ? "" : "; ", op_text(workload->op[i]));
}

static bool complain(const struct bench *bench, const struct op *op, bool expected,
                     cloudabi_errno_t error)
{
    printf("# %s, %s: %s gave %u, the model says %s. Workload: ", bench->config->name,
           bench->start->name, op_text(op), error, expected ? "success" : "failure");
    workload_print(bench->workload);
    printf("\n");
    return false;
}

static bool run_ops(struct runner *run, const struct workload *workload)
{
    struct bench *bench = run->bench;
    uint32_t marked = 0, acked = 0;
    for (uint32_t i = 0; i < workload->count; i++) {
        const struct op *op = workload->op[i];
        struct tree *after = bench->snapshot[i + 1];
        *after = *bench->snapshot[i];
        bench->snapshots = i + 2;
        bool expected = tree_apply(after, op);
        run->now += 1000000000;
        cloudabi_errno_t error = run_op(run, op, after);
        mark(bench, &marked, i + 1, acked);
        if (error == CLOUDABI_ENOSPC && expected) {
            *after = *bench->snapshot[i];
            after->next_stamp++;
            expected = false;
        }
        if ((error == 0) != expected)
            return complain(bench, op, expected, error);
        bench->totals.failed_ops += !expected;
        if (op->kind == OP_COMMIT)
            acked = i + 1;
    }
    static const struct op close_all = {.kind = OP_CLOSE}, unmount = {.kind = OP_COMMIT};
    cloudabi_errno_t error = run_close(run);
    if (error != 0)
        return complain(bench, &close_all, true, error);
    error = fs_unmount(run->fs);
    run->fs = NULL;
    mark(bench, &marked, workload->count, acked);
    return error == 0 || complain(bench, &unmount, true, error);
}

bool workload_run(struct bench *bench, const struct workload *workload)
{
    struct runner run = {.bench = bench, .now = NOW};
    const struct fs_config config = {.now = NOW, .seed = 1, .cache_bytes = 64 * 1024};
    struct fs_report report;
    bench->workload = workload;
    disk_reset(&bench->disk);
    disk_record(&bench->disk);
    *bench->snapshot[0] = bench->begin;
    bench->snapshots = 1;
    bench->totals.workloads++;
    cloudabi_errno_t error = fs_mount(&bench->disk.device, &config, &run.fs, &report);
    if (error != 0) {
        printf("# %s: mount gave %u: %s\n", bench->config->name, error,
               report.why == NULL ? "" : report.why);
        return false;
    }
    bool good = report.journaled == bench->config->journal && run_ops(&run, workload);
    if (run.fs != NULL) {
        run_close(&run);
        fs_abandon(run.fs);
    }
    disk_record_end(&bench->disk);
    return good;
}

bool bench_snapshots(struct bench *bench)
{
    for (uint32_t i = 0; i < WORKLOAD_OPS + 2; i++) {
        bench->snapshot[i] = malloc(sizeof(struct tree));
        if (bench->snapshot[i] == NULL)
            return false;
    }
    return true;
}

void bench_free(struct bench *bench)
{
    disk_destroy(&bench->disk);
    disk_destroy(&bench->probe);
    disk_destroy(&bench->nested);
    for (uint32_t i = 0; i < WORKLOAD_OPS + 2; i++)
        free(bench->snapshot[i]);
    free(bench->begun);
    free(bench->acked);
}

bool bench_prepare(struct bench *bench)
{
    struct workload workload = {0};
    if (!bench_snapshots(bench))
        return false;
    bench->begin.next_stamp = 1;
    for (uint32_t i = 0; i < bench->start->count; i += workload.count) {
        workload.count = 0;
        while (workload.count < WORKLOAD_OPS && i + workload.count < bench->start->count) {
            workload.op[workload.count] = &bench->start->ops[i + workload.count];
            workload.count++;
        }
        if (!workload_run(bench, &workload))
            return false;
        bench->begin = *bench->snapshot[bench->snapshots - 1];
        disk_keep(&bench->disk);
    }
    disk_init(&bench->probe, bench->disk.bytes, bench->disk.size, bench->config->block_size);
    bench->totals = (struct totals){0};
    return true;
}
