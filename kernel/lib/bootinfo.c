/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsers for Multiboot2 (specification 2.0, section 3.6) and the PVH start information (Xen's
 * start_info.h, version 1; version 0 has no memory map).
 */
#include "kernel/lib/bootinfo.h"

#include "kernel/lib/string.h"

#define PAGE           4096ul
#define PHYSICAL_LIMIT (1ul << 52)

static void add_range(struct boot_info *info, uint64_t start, uint64_t len)
{
    uint64_t end =
        len > PHYSICAL_LIMIT || start > PHYSICAL_LIMIT - len ? PHYSICAL_LIMIT : start + len;
    start = (start + PAGE - 1) & ~(PAGE - 1);
    end &= ~(PAGE - 1);
    if (start >= end || info->usable_count == BOOT_RANGES)
        return;
    size_t at = info->usable_count++;
    for (; at > 0 && info->usable[at - 1].start > start; at--)
        info->usable[at] = info->usable[at - 1];
    info->usable[at] = (struct boot_range){start, end};
}

/* Joins ranges that overlap or touch. */
static void merge_ranges(struct boot_info *info)
{
    size_t kept = 0;
    for (size_t i = 0; i < info->usable_count; i++) {
        struct boot_range r = info->usable[i];
        if (kept > 0 && r.start <= info->usable[kept - 1].end) {
            if (r.end > info->usable[kept - 1].end)
                info->usable[kept - 1].end = r.end;
        } else
            info->usable[kept++] = r;
    }
    info->usable_count = kept;
}

void bootinfo_reserve(struct boot_info *info, uint64_t start, uint64_t end)
{
    struct boot_info old = *info;
    start &= ~(PAGE - 1);
    end = (end + PAGE - 1) & ~(PAGE - 1);
    info->usable_count = 0;
    for (size_t i = 0; i < old.usable_count; i++) {
        struct boot_range r = old.usable[i];
        if (end <= r.start || start >= r.end) {
            add_range(info, r.start, r.end - r.start);
            continue;
        }
        if (start > r.start)
            add_range(info, r.start, start - r.start);
        if (end < r.end)
            add_range(info, end, r.end - end);
    }
}

static void copy_text(char *to, size_t size, const char *from, size_t max)
{
    size_t len = strnlen(from, max);
    len = len < size ? len : size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

static void set_module(struct boot_info *info, uint64_t start, uint64_t end)
{
    if (info->module.end == 0 && start != 0 && start < end && end <= PHYSICAL_LIMIT)
        info->module = (struct boot_range){start, end};
}

static bool finish(struct boot_info *info)
{
    merge_ranges(info);
    return info->usable_count > 0;
}

/* --- Multiboot2 ------------------------------------------------------------------------------------ */

enum {
    MB_END = 0,
    MB_COMMAND_LINE = 1,
    MB_MODULE = 3,
    MB_MEMORY_MAP = 6,
    MB_RSDP_OLD = 14,
    MB_RSDP_NEW = 15
};

struct mb_tag {
    uint32_t type, size;
};

struct mb_range {
    uint64_t base, length;
    uint32_t type, zero;
};

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return value;
}

static void mb_memory_map(struct boot_info *info, const uint8_t *body, size_t len)
{
    uint32_t entry_size = len >= 8 ? u32_at(body) : 0;
    if (entry_size < sizeof(struct mb_range))
        return;
    for (size_t at = 8; at <= len && len - at >= entry_size; at += entry_size) {
        struct mb_range range;
        memcpy(&range, body + at, sizeof(range));
        if (range.type == 1)
            add_range(info, range.base, range.length);
    }
}

static void mb_tag(struct boot_info *info, uint32_t type, const uint8_t *body, size_t len,
                   uint64_t body_pa)
{
    if (type == MB_COMMAND_LINE)
        copy_text(info->command_line, sizeof(info->command_line), (const char *)body, len);
    else if (type == MB_MODULE && len >= 8)
        set_module(info, u32_at(body), u32_at(body + 4));
    else if (type == MB_MEMORY_MAP)
        mb_memory_map(info, body, len);
    else if ((type == MB_RSDP_NEW && len >= 36) ||
             (type == MB_RSDP_OLD && len >= 20 && info->rsdp == 0))
        info->rsdp = body_pa;
}

bool bootinfo_multiboot2(struct boot_info *info, uint64_t pa, boot_memory memory, void *ctx)
{
    memset(info, 0, sizeof(*info));
    const uint8_t *head = memory(ctx, pa, 8);
    if (head == NULL || pa % 8 != 0)
        return false;
    uint32_t total = u32_at(head);
    const uint8_t *all = total >= 16 && total <= 1u << 20 ? memory(ctx, pa, total) : NULL;
    if (all == NULL)
        return false;
    for (size_t at = 8; at <= total && total - at >= sizeof(struct mb_tag);) {
        struct mb_tag tag;
        memcpy(&tag, all + at, sizeof(tag));
        if (tag.type == MB_END)
            return finish(info);
        if (tag.size < sizeof(tag) || tag.size > total - at)
            return false;
        mb_tag(info, tag.type, all + at + sizeof(tag), tag.size - sizeof(tag),
               pa + at + sizeof(tag));
        at += (tag.size + 7ul) & ~7ul;
    }
    return false; /* no end */
}

/* --- PVH --------------------------------------------------------------------------------------------- */

#define PVH_MAGIC 0x336ec578u
#define PVH_RAM   1

struct pvh_start {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, rsdp;
    uint64_t memory_map; /* from version 1 on */
    uint32_t memory_map_count, reserved;
};

struct pvh_module {
    uint64_t address, size, command_line, reserved;
};

struct pvh_range {
    uint64_t address, size;
    uint32_t type, reserved;
};

static void pvh_command_line(struct boot_info *info, uint64_t pa, boot_memory memory, void *ctx)
{
    for (size_t i = 0; pa != 0 && i + 1 < sizeof(info->command_line); i++) {
        const char *c = memory(ctx, pa + i, 1);
        if (c == NULL || *c == '\0')
            break;
        info->command_line[i] = *c;
    }
}

bool bootinfo_pvh(struct boot_info *info, uint64_t pa, boot_memory memory, void *ctx)
{
    struct pvh_start start;
    memset(info, 0, sizeof(*info));
    const void *at = memory(ctx, pa, sizeof(start));
    if (at == NULL)
        return false;
    memcpy(&start, at, sizeof(start));
    if (start.magic != PVH_MAGIC || start.version < 1 || start.memory_map_count > 1024)
        return false;
    for (uint32_t i = 0; i < start.memory_map_count; i++) {
        struct pvh_range range;
        at = memory(ctx, start.memory_map + i * sizeof(range), sizeof(range));
        if (at == NULL)
            return false;
        memcpy(&range, at, sizeof(range));
        if (range.type == PVH_RAM)
            add_range(info, range.address, range.size);
    }
    struct pvh_module module;
    at = start.module_count > 0 ? memory(ctx, start.modules, sizeof(module)) : NULL;
    if (at != NULL) {
        memcpy(&module, at, sizeof(module));
        if (module.size <= PHYSICAL_LIMIT && module.address <= PHYSICAL_LIMIT - module.size)
            set_module(info, module.address, module.address + module.size);
    }
    pvh_command_line(info, start.command_line, memory, ctx);
    info->rsdp = start.rsdp;
    return finish(info);
}
