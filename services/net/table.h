/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by node number. A number is used once: it holds the place in the table and how often that was
 * used before, so a late message about a past object finds nothing.
 *
 *   bits 0..7 role (of the caller's choice), 8..31 place + 1, 32..63 generation
 *
 * Numbers below 256 are no objects of the table.
 */
#ifndef SERVICES_NET_TABLE_H
#define SERVICES_NET_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_place {
    void *object;
    uint32_t generation;
    uint32_t next_free; /* place + 1; 0: none */
};

struct table {
    struct table_place *places;
    uint32_t count;
    uint32_t capacity;
    uint32_t free; /* place + 1 */
};

/* The number of the new object with role 0; 0: no memory. */
uint64_t table_add(struct table *table, void *object);
/* NULL: there is no such object. The role is ignored. */
void *table_find(const struct table *table, uint64_t number);
void table_remove(struct table *table, uint64_t number);

static inline uint8_t table_role(uint64_t number)
{
    return (uint8_t)number;
}

#endif
