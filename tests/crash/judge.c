/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One disk that a cut left: recovered by our own code and by the host's, is it consistent, and is everything
 * there that was acknowledged?
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/crash/crash.h"

#define NOW 1800000000000000000u

static struct report report;

/* --- complaints -------------------------------------------------------------------------- */

/* One of the two cases in which a file system without a journal cannot do better. */
static bool is_exception(const struct bench *bench, uint32_t acked, uint32_t begun)
{
    for (uint32_t i = acked; i < begun && !bench->config->journal; i++) {
        const struct op *op = bench->workload->op[i];
        if (op->kind != OP_RENAME)
            continue;
        struct tree *before = bench->snapshot[i];
        const struct tree_entry *from = tree_find(before, op->path);
        const struct tree_entry *to = tree_find(before, op->path2);
        if (from == NULL)
            continue;
        const char *dir = strrchr(op->path, '/'), *other = strrchr(op->path2, '/');
        size_t len = dir == NULL ? 0 : (size_t)(dir - op->path);
        size_t other_len = other == NULL ? 0 : (size_t)(other - op->path2);
        bool moves = len != other_len || memcmp(op->path, op->path2, len) != 0;
        if (to != NULL || (before->node[from->node].type == 'd' && moves))
            return true;
    }
    return false;
}

__attribute__((format(printf, 4, 5))) static void violation(struct bench *bench, uint32_t acked,
                                                            uint32_t begun, const char *format, ...)
{
    if (is_exception(bench, acked, begun)) {
        bench->totals.excepted++;
        return;
    }
    if (bench->totals.violations++ >= 8)
        return;
    printf("# VIOLATION %s:%s:%u: ", bench->config->name, bench->start->name,
           bench->workload->index);
    workload_print(bench->workload);
    printf(" [%u acknowledged, %u begun]\n#   ", acked, begun);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (bench->verbose) {
        tree_print(&report.tree, "the image");
        for (uint32_t i = acked; i <= begun; i++)
            tree_print(bench->snapshot[i], "wanted");
        char path[256];
        snprintf(path, sizeof(path), "%s/violation%lu.img", bench->folder,
                 bench->totals.violations);
        disk_save(&bench->probe, path);
        printf("#   %s\n", path);
    }
    fflush(stdout);
}

/* --- the host's tools -------------------------------------------------------------------- */

static int fsck(const struct bench *bench, const char *options)
{
    char command[512];
    snprintf(command, sizeof(command),
             "PATH=$PATH:/usr/sbin:/sbin e2fsck %s %s/image >%s/output 2>&1", options,
             bench->folder, bench->folder);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *fsck_says(const struct bench *bench)
{
    static char text[1024];
    char path[256];
    snprintf(path, sizeof(path), "%s/output", bench->folder);
    FILE *file = fopen(path, "r");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof(text) - 1, file);
    if (file != NULL)
        fclose(file);
    text[len] = '\0';
    return text;
}

static void save(const struct bench *bench, const struct disk *disk)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/image", bench->folder);
    if (!disk_save(disk, path))
        abort();
}

/* What the host makes of the cut by itself. */
static void judge_by_host(struct bench *bench, uint32_t acked, uint32_t begun)
{
    save(bench, &bench->probe);
    if (bench->config->journal) {
        bench->totals.host_replay++;
        if (fsck(bench, "-fy -E journal_only") > 1)
            violation(bench, acked, begun, "the host cannot replay: %s", fsck_says(bench));
    }
    bench->totals.preen++;
    if (fsck(bench, "-p") > 1)
        violation(bench, acked, begun, "e2fsck -p gives up: %s", fsck_says(bench));
    else if (fsck(bench, "-fn") != 0)
        violation(bench, acked, begun, "not clean after e2fsck -p: %s", fsck_says(bench));
}

/* --- our own recovery -------------------------------------------------------------------- */

static cloudabi_errno_t recover(struct disk *disk, const char **why)
{
    const struct fs_config config = {.now = NOW, .seed = 1, .cache_bytes = 64 * 1024};
    struct fs *fs;
    struct fs_report mounted;
    *why = "mount";
    cloudabi_errno_t error = fs_mount(&disk->device, &config, &fs, &mounted);
    if (error != 0) {
        *why = mounted.why != NULL ? mounted.why : *why;
        return error;
    }
    *why = "unmount";
    return fs_unmount(fs);
}

/* After the recovery of DISK: NULL if all is well. */
static const char *look(struct bench *bench, const struct disk *disk, uint32_t acked,
                        uint32_t begun)
{
    check_image(disk->bytes, disk->size, &report);
    if (!report_is_clean(&report))
        return report.first;
    int index = tree_is_one_of(&report.tree, bench->snapshot + acked, begun - acked + 1);
    bench->matched = acked + (uint32_t)index;
    if (index < 0)
        return "the tree is none of those that it may be";
    return NULL;
}

/* Cuts during the recovery: DISK held what the first cut left, and has the record of its recovery. */
static void judge_nested(struct bench *bench, struct disk *disk, uint32_t acked, uint32_t begun,
                         uint64_t hash)
{
    uint32_t count = disk->event_count, from = 0;
    disk->recording = false;
    disk_reset(disk);
    for (uint32_t end = 0; end <= count; end++) {
        if (end < count && disk->events[end].data != NULL)
            continue;
        for (unsigned round = 0; round < 2 && end > from; round++) {
            for (uint32_t i = 0; i < end; i++) {
                const struct disk_event *event = &disk->events[i];
                hash = mix(hash + i);
                if (event->data != NULL && (i < from || (hash & 1) != 0))
                    disk_patch(disk, event->offset, event->data, event->len);
            }
            const char *why;
            bench->totals.nested++;
            cloudabi_errno_t error = recover(disk, &why);
            why = error != 0 ? why : look(bench, disk, acked, begun);
            if (why != NULL)
                violation(bench, acked, begun, "after a cut in the recovery: %s", why);
            disk_reset(disk);
        }
        from = end + 1;
    }
}

/* The blocks that the workload wrote, in TO as they are in FROM, become the base of TO. */
static void take_blocks(const struct bench *bench, struct disk *to, const uint8_t *from)
{
    const struct disk *record = &bench->disk;
    for (uint32_t i = 0; i < record->event_count; i++) {
        const struct disk_event *event = &record->events[i];
        if (event->data != NULL)
            disk_patch(to, event->offset, from + event->offset, event->len);
    }
    disk_keep(to);
}

static void judge_journal(struct bench *bench, uint32_t acked, uint32_t begun, uint64_t hash)
{
    bool nested = mix(hash) % 16 == 0;
    struct disk *disk = &bench->probe;
    if (nested) {
        if (bench->nested.bytes == NULL)
            disk_init(&bench->nested, bench->disk.base, bench->disk.size, bench->disk.unit);
        take_blocks(bench, &bench->nested, bench->probe.bytes);
        disk = &bench->nested;
        disk_record(disk);
    }
    const char *why;
    cloudabi_errno_t error = recover(disk, &why);
    if (error != 0) {
        violation(bench, acked, begun, "%s gave %u", why, error);
    } else {
        why = look(bench, disk, acked, begun);
        if (why != NULL)
            violation(bench, acked, begun, "%s", why);
        else if (mix(hash + 2) % bench->sample == 0) {
            save(bench, disk);
            bench->totals.fsck++;
            if (fsck(bench, "-fn") != 0)
                violation(bench, acked, begun, "e2fsck after our recovery: %s", fsck_says(bench));
        }
    }
    if (nested) {
        if (error == 0)
            judge_nested(bench, disk, acked, begun, hash);
        disk_reset(disk);
        take_blocks(bench, disk, bench->disk.base);
    }
}

static void judge_plain(struct bench *bench, uint32_t acked, uint32_t begun)
{
    const char *why;
    check_image(bench->probe.bytes, bench->probe.size, &report);
    if (!report_is_mild(&report))
        violation(bench, acked, begun, "%s", report.first);
    else if (!tree_is_between(&report.tree, bench->snapshot + acked, begun - acked + 1, &why))
        violation(bench, acked, begun, "%s is wrong", why);
    /* It can be used at once, though a check is due. */
    cloudabi_errno_t error = recover(&bench->probe, &why);
    if (error != 0)
        violation(bench, acked, begun, "%s gave %u", why, error);
}

void judge(struct bench *bench, uint32_t acked, uint32_t begun, uint64_t hash)
{
    if (mix(hash + 1) % bench->sample == 0)
        judge_by_host(bench, acked, begun);
    if (bench->config->journal)
        judge_journal(bench, acked, begun, hash);
    else
        judge_plain(bench, acked, begun);
}
