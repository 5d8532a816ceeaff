/* SPDX-License-Identifier: BSD-2-Clause */
/* A sorted set of ranges of logical blocks, each with a place that advances with it (0: no place). */
#ifndef SERVICES_EXT2_RANGE_H
#define SERVICES_EXT2_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint32_t logical, count;
    uint32_t physical;
};

struct ranges {
    struct range *list;
    uint32_t count, room;
    uint64_t blocks; /* in all */
};

/* The first range that ends behind LOGICAL, or NULL. */
const struct range *ranges_from(const struct ranges *ranges, uint32_t logical);
/* The last range that begins before LOGICAL, or NULL. */
const struct range *ranges_before(const struct ranges *ranges, uint32_t logical);
/* Memory for CHANGES calls of the two below, which then can not fail. */
bool ranges_ready(struct ranges *ranges, uint32_t changes);
void ranges_add(struct ranges *ranges, struct range range); /* what it covers is not in the set */
void ranges_remove(struct ranges *ranges, uint32_t logical,
                   uint32_t count); /* what is there of it */
void ranges_free(struct ranges *ranges);

#endif
