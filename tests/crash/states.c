/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the record of a workload to all the disks that a cut may leave. Between two flushes each written block
 * may be there or not, whatever the others are: all subsets where they are few, else all prefixes, all but
 * one, one alone, and a sample.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/crash/crash.h"

#define ALL_SUBSETS_OF 5
#define SAMPLES        12
#define LIFE_SAMPLE    200 /* one of so many distinct states is used further */
#define DISTINCT_SLOTS (1u << 23)
#define SEEN_SLOTS     (1u << 13)

struct states {
    struct bench *bench;
    uint64_t *content;  /* a hash for each block that differs from the base, else 0 */
    uint64_t hash;      /* of all, without what is chosen */
    uint32_t from, end; /* the events between two flushes */
    bool *chosen;
    uint64_t *before; /* the content of each event's block, while it is changed */
    uint64_t *seen;   /* hashes that this workload had */
    uint64_t random;
};

uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9E3779B97F4A7C15u;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    return x ^ x >> 32;
}

static uint64_t next_random(struct states *states)
{
    return mix(states->random += 0x9E3779B97F4A7C15u);
}

static uint64_t event_hash(const struct disk_event *event)
{
    uint64_t hash = event->offset, word;
    for (uint32_t i = 0; i < event->len; i += 8) {
        memcpy(&word, event->data + i, 8);
        hash = (hash ^ word) * 0x100000001B3u;
        hash ^= hash >> 29;
    }
    return mix(hash);
}

/*
 * Remembers HASH in a table that is emptied by its owner; false: it was there. A full neighbourhood forgets
 * the oldest.
 */
static bool remember(uint64_t *table, uint32_t slots, uint64_t hash)
{
    hash |= hash == 0;
    uint32_t at = (uint32_t)(hash >> 20) & (slots - 1);
    for (uint32_t i = 0; i < 16; i++) {
        uint64_t *slot = &table[(at + i) & (slots - 1)];
        if (*slot == hash)
            return false;
        if (*slot == 0) {
            *slot = hash;
            return true;
        }
    }
    table[at] = hash;
    return true;
}

static bool is_new_in_process(uint64_t hash)
{
    static uint64_t *table;
    if (table == NULL)
        table = calloc(DISTINCT_SLOTS, sizeof(*table));
    return table != NULL && remember(table, DISTINCT_SLOTS, hash);
}

/* --- one state --------------------------------------------------------------------------- */

static uint64_t apply_event(struct states *states, const struct disk_event *event, uint64_t hash)
{
    uint64_t *content = &states->content[event->offset / states->bench->disk.unit];
    bool whole = event->len == states->bench->disk.unit;
    hash ^= *content;
    *content = mix((whole ? 0 : *content) ^ event_hash(event));
    disk_patch(&states->bench->probe, event->offset, event->data, event->len);
    return hash ^ *content;
}

/* The state with the events that are chosen. */
static void try_state(struct states *states)
{
    struct bench *bench = states->bench;
    uint32_t count = states->end - states->from, last = 0;
    uint64_t hash = states->hash;
    for (uint32_t i = 0; i < count; i++) {
        const struct disk_event *event = &bench->disk.events[states->from + i];
        states->before[i] = states->content[event->offset / bench->disk.unit];
        if (states->chosen[i]) {
            hash = apply_event(states, event, hash);
            last = states->from + i + 1;
        }
    }
    if (last == 0)
        last = states->from;
    uint32_t begun = last == 0 ? 0 : bench->begun[last - 1];
    bool at_end = states->end == bench->disk.event_count;
    uint32_t acked = at_end ? bench->workload->count : bench->acked[states->end];
    begun = begun > acked ? begun : acked;
    bench->totals.states++;
    if (remember(states->seen, SEEN_SLOTS, mix(hash + acked * 64 + begun))) {
        bool is_new = is_new_in_process(hash ^ mix((uintptr_t)bench->config->name));
        bench->totals.distinct += is_new;
        unsigned long violations = bench->totals.violations;
        judge(bench, acked, begun, hash);
        if (is_new && bench->config->journal && bench->totals.violations == violations &&
            bench->lives == 0 && mix(hash + 3) % LIFE_SAMPLE == 0) {
            disk_reset(&bench->probe);
            for (uint32_t i = 0; i < count; i++) {
                const struct disk_event *event = &bench->disk.events[states->from + i];
                if (states->chosen[i])
                    disk_patch(&bench->probe, event->offset, event->data, event->len);
            }
            live_on(bench, hash);
        }
    }
    disk_reset(&bench->probe);
    for (uint32_t i = count; i-- != 0;)
        states->content[bench->disk.events[states->from + i].offset / bench->disk.unit] =
            states->before[i];
}

/* --- the states between two flushes -------------------------------------------------------- */

static void choose(struct states *states, bool value)
{
    memset(states->chosen, value, states->end - states->from);
}

static void try_all_subsets(struct states *states)
{
    uint32_t count = states->end - states->from;
    for (uint32_t mask = 0; mask < 1u << count; mask++) {
        for (uint32_t i = 0; i < count; i++)
            states->chosen[i] = (mask >> i & 1) != 0;
        try_state(states);
    }
}

static void try_many(struct states *states)
{
    uint32_t count = states->end - states->from;
    for (uint32_t i = 0; i < count; i++) {
        choose(states, false);
        memset(states->chosen, true, i);
        try_state(states); /* a prefix */
        choose(states, true);
        states->chosen[i] = false;
        try_state(states); /* all but one */
        choose(states, false);
        states->chosen[i] = true;
        try_state(states);
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint64_t keep = next_random(states) % 100; /* few, half, most of them */
        for (uint32_t j = 0; j < count; j++)
            states->chosen[j] = next_random(states) % 100 < keep;
        try_state(states);
    }
}

static void make_solid(struct states *states)
{
    for (uint32_t i = states->from; i < states->end; i++)
        states->hash = apply_event(states, &states->bench->disk.events[i], states->hash);
    disk_keep(&states->bench->probe);
}

static void restore_base(struct states *states)
{
    struct bench *bench = states->bench;
    for (uint32_t i = 0; i < bench->disk.event_count; i++) {
        const struct disk_event *event = &bench->disk.events[i];
        if (event->data != NULL)
            disk_patch(&bench->probe, event->offset, bench->disk.base + event->offset, event->len);
    }
    disk_keep(&bench->probe);
}

void states_run(struct bench *bench)
{
    struct states states = {.bench = bench, .random = bench->workload->seed};
    states.content = calloc(bench->disk.size / bench->disk.unit, sizeof(uint64_t));
    states.chosen = calloc(bench->disk.event_count + 1, sizeof(bool));
    states.before = calloc(bench->disk.event_count + 1, sizeof(uint64_t));
    states.seen = calloc(SEEN_SLOTS, sizeof(uint64_t));
    if (states.content == NULL || states.chosen == NULL || states.before == NULL ||
        states.seen == NULL)
        abort();
    while (states.from < bench->disk.event_count) {
        states.end = states.from;
        while (states.end < bench->disk.event_count && bench->disk.events[states.end].data != NULL)
            states.end++;
        if (states.end - states.from <= ALL_SUBSETS_OF)
            try_all_subsets(&states);
        else
            try_many(&states);
        make_solid(&states);
        states.from = states.end + 1;
    }
    restore_base(&states);
    free(states.content);
    free(states.chosen);
    free(states.before);
    free(states.seen);
}
