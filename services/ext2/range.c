/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/ext2/range.h"

#include <stdlib.h>
#include <string.h>

static uint64_t end_of(const struct range *range)
{
    return (uint64_t)range->logical + range->count;
}

/* Index of the first range that ends behind LOGICAL. */
static uint32_t search(const struct ranges *ranges, uint32_t logical)
{
    uint32_t low = 0, high = ranges->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (end_of(&ranges->list[middle]) > logical)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct range *ranges_from(const struct ranges *ranges, uint32_t logical)
{
    uint32_t index = search(ranges, logical);
    return index < ranges->count ? &ranges->list[index] : NULL;
}

const struct range *ranges_before(const struct ranges *ranges, uint32_t logical)
{
    uint32_t index = search(ranges, logical);
    if (index < ranges->count && ranges->list[index].logical < logical)
        return &ranges->list[index];
    return index > 0 ? &ranges->list[index - 1] : NULL;
}

bool ranges_ready(struct ranges *ranges, uint32_t changes)
{
    if (ranges->room - ranges->count >= changes)
        return true;
    uint32_t room = ranges->count + changes + ranges->count / 2;
    struct range *list = realloc(ranges->list, room * sizeof(*list));
    if (list == NULL)
        return false;
    ranges->list = list;
    ranges->room = room;
    return true;
}

static void insert_at(struct ranges *ranges, uint32_t index, struct range range)
{
    memmove(&ranges->list[index + 1], &ranges->list[index],
            (ranges->count - index) * sizeof(range));
    ranges->list[index] = range;
    ranges->count++;
}

static void delete_at(struct ranges *ranges, uint32_t index)
{
    ranges->count--;
    memmove(&ranges->list[index], &ranges->list[index + 1],
            (ranges->count - index) * sizeof(struct range));
}

static bool follows(const struct range *first, const struct range *second)
{
    return end_of(first) == second->logical &&
           (first->physical == 0 ? second->physical == 0
                                 : first->physical + first->count == second->physical);
}

void ranges_add(struct ranges *ranges, struct range range)
{
    uint32_t index = search(ranges, range.logical);
    ranges->blocks += range.count;
    if (index > 0 && follows(&ranges->list[index - 1], &range)) {
        ranges->list[--index].count += range.count;
    } else {
        insert_at(ranges, index, range);
    }
    if (index + 1 < ranges->count && follows(&ranges->list[index], &ranges->list[index + 1])) {
        ranges->list[index].count += ranges->list[index + 1].count;
        delete_at(ranges, index + 1);
    }
}

/* Cuts [FROM, TO) out of the range at INDEX; true: INDEX now holds what comes behind. */
static bool cut(struct ranges *ranges, uint32_t index, uint64_t from, uint64_t to)
{
    struct range *range = &ranges->list[index];
    uint64_t end = end_of(range);
    uint32_t head = from > range->logical ? (uint32_t)(from - range->logical) : 0;
    uint32_t skip = (uint32_t)((to < end ? to : end) - range->logical);
    struct range tail = {range->logical + skip, range->count - skip,
                         range->physical == 0 ? 0 : range->physical + skip};
    ranges->blocks -= skip - head;
    if (head == 0 && tail.count == 0) {
        delete_at(ranges, index);
        return true;
    }
    if (head == 0) {
        *range = tail;
    } else {
        range->count = head;
        if (tail.count != 0)
            insert_at(ranges, index + 1, tail);
    }
    return false;
}

void ranges_remove(struct ranges *ranges, uint32_t logical, uint32_t count)
{
    uint64_t end = (uint64_t)logical + count;
    uint32_t index = search(ranges, logical);
    while (index < ranges->count && ranges->list[index].logical < end) {
        if (!cut(ranges, index, logical, end))
            index++;
    }
}

void ranges_free(struct ranges *ranges)
{
    free(ranges->list);
    *ranges = (struct ranges){0};
}
