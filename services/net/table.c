/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/table.h"

#include <stdlib.h>

#define PLACE_SHIFT      8
#define PLACE_MASK       0xffffffu
#define GENERATION_SHIFT 32

static uint32_t place_grow(struct table *table)
{
    if (table->count == table->capacity) {
        uint32_t capacity = table->capacity == 0 ? 16 : 2 * table->capacity;
        if (capacity > PLACE_MASK)
            return 0;
        void *places = realloc(table->places, capacity * sizeof(*table->places));
        if (places == NULL)
            return 0;
        table->places = places;
        table->capacity = capacity;
    }
    table->places[table->count] = (struct table_place){0};
    return ++table->count;
}

uint64_t table_add(struct table *table, void *object)
{
    uint32_t place = table->free;
    if (place != 0)
        table->free = table->places[place - 1].next_free;
    else
        place = place_grow(table);
    if (place == 0)
        return 0;
    table->places[place - 1].object = object;
    return (uint64_t)table->places[place - 1].generation << GENERATION_SHIFT | (uint64_t)place
                                                                                   << PLACE_SHIFT;
}

static struct table_place *place_of(const struct table *table, uint64_t number)
{
    uint32_t place = (uint32_t)(number >> PLACE_SHIFT) & PLACE_MASK;
    if (place == 0 || place > table->count)
        return NULL;
    struct table_place *found = &table->places[place - 1];
    return found->generation == number >> GENERATION_SHIFT ? found : NULL;
}

void *table_find(const struct table *table, uint64_t number)
{
    struct table_place *place = place_of(table, number);
    return place != NULL ? place->object : NULL;
}

void table_remove(struct table *table, uint64_t number)
{
    struct table_place *place = place_of(table, number);
    if (place == NULL || place->object == NULL)
        return;
    place->object = NULL;
    place->generation++;
    place->next_free = table->free;
    table->free = (uint32_t)(number >> PLACE_SHIFT) & PLACE_MASK;
}
