/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory management without a machine: the buddy allocator, the page tree and the tree of areas, each
 * driven at random beside a model that is too simple to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mm/area_tree.h"
#include "kernel/mm/buddy.h"
#include "kernel/mm/radix.h"

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int set_seed(void **state)
{
    (void)state;
    seed = 0x9e3779b97f4a7c15;
    return 0;
}

/* --- buddy ------------------------------------------------------------------------------------ */

#define FRAMES 3001 /* not a multiple of anything */
#define BLOCKS 400

struct block {
    uint64_t first;
    unsigned order;
};

static struct frame *frames_create(struct buddy *buddy)
{
    struct frame *frames = calloc(FRAMES, sizeof(*frames));
    buddy_init(buddy, frames, FRAMES);
    return frames;
}

static void test_buddy_begins_reserved(void **state)
{
    (void)state;
    struct buddy buddy;
    struct frame *frames = frames_create(&buddy);
    assert_null(buddy_alloc(&buddy, 0));
    buddy_add(&buddy, 5, 6);
    assert_null(buddy_alloc(&buddy, 1));
    assert_ptr_equal(buddy_alloc(&buddy, 0), &frames[5]);
    assert_null(buddy_alloc(&buddy, 0));
    free(frames);
}

/* After everything has come back, blocks as large as before can be had. */
static void test_buddy_merges(void **state)
{
    (void)state;
    struct buddy buddy;
    struct frame *frames = frames_create(&buddy), *all[2048];
    buddy_add(&buddy, 0, 2048);
    for (unsigned i = 0; i < 2048; i++)
        assert_non_null(all[i] = buddy_alloc(&buddy, 0));
    assert_null(buddy_alloc(&buddy, 0));
    for (unsigned i = 0; i < 2048; i++)
        buddy_free(&buddy, all[(i * 1021) % 2048], 0);
    assert_int_equal(buddy.free, 2048);
    assert_non_null(buddy_alloc(&buddy, 10));
    assert_non_null(buddy_alloc(&buddy, 10));
    assert_null(buddy_alloc(&buddy, 0));
    free(frames);
}

static void mark(uint8_t *used, const struct block *block, uint8_t value)
{
    for (uint64_t i = block->first; i < block->first + (1ul << block->order); i++) {
        assert_int_equal(used[i], !value);
        used[i] = value;
    }
}

static void test_buddy_random(void **state)
{
    (void)state;
    struct buddy buddy;
    struct frame *frames = frames_create(&buddy);
    static uint8_t used[FRAMES];
    struct block blocks[BLOCKS];
    unsigned count = 0;
    uint64_t free_frames = FRAMES - 7 - 93;
    memset(used, 1, sizeof(used));
    memset(used + 7, 0, 993);
    memset(used + 1093, 0, FRAMES - 1093);
    buddy_add(&buddy, 7, 1000);
    buddy_add(&buddy, 1093, FRAMES);
    for (unsigned turn = 0; turn < 200000; turn++) {
        if (count < BLOCKS && next_random() % 2 == 0) {
            unsigned order =
                next_random() % 100 < 80 ? next_random() % 3 : next_random() % FRAME_ORDERS;
            struct frame *frame = buddy_alloc(&buddy, order);
            if (frame == NULL)
                continue;
            blocks[count] = (struct block){frame - frames, order};
            assert_int_equal(blocks[count].first % (1ul << order), 0);
            mark(used, &blocks[count++], 1);
            free_frames -= 1ul << order;
        } else if (count > 0) {
            unsigned i = next_random() % count;
            mark(used, &blocks[i], 0);
            buddy_free(&buddy, &frames[blocks[i].first], blocks[i].order);
            free_frames += 1ul << blocks[i].order;
            blocks[i] = blocks[--count];
        }
        assert_int_equal(buddy.free, free_frames);
    }
    free(frames);
}

/* --- page tree ---------------------------------------------------------------------------------- */

static unsigned nodes, nodes_left;

static struct radix_node *node_alloc(void *ctx)
{
    (void)ctx;
    if (nodes_left == 0)
        return NULL;
    nodes_left--;
    nodes++;
    return calloc(1, sizeof(struct radix_node));
}

static void node_free(struct radix_node *node)
{
    assert_int_equal(node->count, 0);
    nodes--;
    free(node);
}

static const struct radix_ops radix_ops = {node_alloc, node_free};

static void test_radix_single_page_needs_no_node(void **state)
{
    (void)state;
    struct radix tree = {0};
    int item;
    uint64_t index = 0;
    nodes_left = 0;
    assert_true(radix_insert(&tree, 0, &item, &radix_ops, NULL));
    assert_ptr_equal(radix_find(&tree, 0), &item);
    assert_null(radix_find(&tree, 1));
    assert_ptr_equal(radix_next(&tree, &index), &item);
    assert_ptr_equal(radix_remove(&tree, 0, &radix_ops), &item);
    assert_null(radix_find(&tree, 0));
}

/* Without memory an insertion fails and leaves no node behind. */
static void test_radix_no_memory(void **state)
{
    (void)state;
    for (unsigned have = 0; have < 9; have++) {
        struct radix tree = {0};
        int low, high;
        uint64_t far = 1ul << 50; /* nine levels */
        nodes = 0;
        nodes_left = 100;
        assert_true(radix_insert(&tree, 3, &low, &radix_ops, NULL));
        nodes_left = have;
        assert_false(radix_insert(&tree, far, &high, &radix_ops, NULL));
        assert_ptr_equal(radix_find(&tree, 3), &low);
        assert_null(radix_find(&tree, far));
        nodes_left = 100;
        assert_true(radix_insert(&tree, far, &high, &radix_ops, NULL));
        assert_ptr_equal(radix_find(&tree, far), &high);
        assert_ptr_equal(radix_remove(&tree, far, &radix_ops), &high);
        assert_ptr_equal(radix_remove(&tree, 3, &radix_ops), &low);
        assert_int_equal(nodes, 0);
    }
}

/* The slots of a node hold what a search for each of their indexes finds. */
static void check_slots(const struct radix *tree, uint64_t index)
{
    size_t count;
    void *const *slots = radix_slots(tree, index, &count);
    if (slots == NULL) {
        assert_null(radix_find(tree, index));
        return;
    }
    assert_in_range(count, 1, RADIX_FANOUT);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(slots[i], radix_find(tree, index + i));
}

#define INDEXES 3000

/* Clustered, as files are, with a few far away ones; sorted, each once. */
static void make_indexes(uint64_t *indexes)
{
    uint64_t at = 0;
    for (unsigned i = 0; i < INDEXES; i++) {
        indexes[i] = at;
        at += 1 + (next_random() % 10 == 0 ? next_random() % 100000 : 0) +
              (next_random() % 500 == 0 ? next_random() % (1ul << 48) : 0);
    }
}

static void test_radix_random(void **state)
{
    (void)state;
    static uint64_t indexes[INDEXES];
    static bool there[INDEXES];
    struct radix tree = {0};
    make_indexes(indexes);
    nodes = 0;
    for (unsigned turn = 0; turn < 100000; turn++) {
        unsigned i = next_random() % INDEXES;
        nodes_left = next_random() % 50;
        if (next_random() % (turn < 50000 ? 3 : 2) != 0 && !there[i]) {
            there[i] = radix_insert(&tree, indexes[i], &indexes[i], &radix_ops, NULL);
        } else {
            assert_ptr_equal(radix_remove(&tree, indexes[i], &radix_ops),
                             there[i] ? &indexes[i] : NULL);
            there[i] = false;
        }
        unsigned from = next_random() % INDEXES, expected = from;
        uint64_t index = indexes[from];
        while (expected < INDEXES && !there[expected])
            expected++;
        assert_ptr_equal(radix_next(&tree, &index), expected < INDEXES ? &indexes[expected] : NULL);
        assert_true(expected == INDEXES || index == indexes[expected]);
        assert_ptr_equal(radix_find(&tree, indexes[from]), there[from] ? &indexes[from] : NULL);
        check_slots(&tree, indexes[from]);
    }
    for (unsigned i = 0; i < INDEXES; i++)
        radix_remove(&tree, indexes[i], &radix_ops);
    assert_int_equal(nodes, 0);
}

/* --- areas -------------------------------------------------------------------------------------- */

#define PAGES 2000
#define BASE  100 /* page numbers of the model begin here */

static struct vm_area *model[PAGES]; /* whose is each page */
static unsigned depth_max;

static unsigned check_node(const struct vm_area *area, const struct vm_area *parent, unsigned depth)
{
    if (area == NULL)
        return 0;
    assert_ptr_equal(area->parent, parent);
    assert_true(parent == NULL || parent->priority >= area->priority);
    if (depth > depth_max)
        depth_max = depth;
    return 1 + check_node(area->left, area, depth + 1) + check_node(area->right, area, depth + 1);
}

static void check_tree(struct vm_area *root, unsigned count)
{
    assert_int_equal(check_node(root, NULL, 1), count);
    uint64_t at = 0;
    unsigned seen = 0;
    struct vm_area *last = NULL;
    for (struct vm_area *area = area_find(root, 0); area != NULL; area = area_next(area)) {
        assert_true(area->start >= at && area->start < area->end);
        assert_ptr_equal(area_prev(area), last);
        at = area->end;
        last = area;
        seen++;
    }
    assert_int_equal(seen, count);
}

static bool range_free(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (i >= PAGES || model[i] != NULL)
            return false;
    return true;
}

static uint64_t va_of(unsigned page)
{
    return (BASE + page) * PAGE_SIZE;
}

static void check_find(struct vm_area *root, unsigned page)
{
    unsigned at = page;
    while (at < PAGES && model[at] == NULL)
        at++;
    assert_ptr_equal(area_find(root, va_of(page) + next_random() % PAGE_SIZE),
                     at < PAGES ? model[at] : NULL);
}

/* The first fit, found the slow way. */
static void check_gap(struct vm_area *root)
{
    unsigned low = next_random() % PAGES, count = 1 + next_random() % 20, first = PAGES, page;
    unsigned align = 1u << next_random() % 4;
    uint64_t free_va;
    uint64_t got =
        area_gap(root, va_of(low), va_of(PAGES), count * PAGE_SIZE, align * PAGE_SIZE, &free_va);
    for (page = low; page < PAGES; page++) {
        if (first == PAGES && model[page] == NULL)
            first = page;
        if ((BASE + page) % align == 0 && range_free(page, count))
            break;
    }
    assert_int_equal(got, page < PAGES ? va_of(page) : 0);
    assert_int_equal(free_va, va_of(first));
}

static void set_model(struct vm_area *area, struct vm_area *value)
{
    for (uint64_t va = area->start; va < area->end; va += PAGE_SIZE)
        model[va / PAGE_SIZE - BASE] = value;
}

static void test_areas_random(void **state)
{
    (void)state;
    struct vm_area *root = NULL;
    unsigned count = 0;
    for (unsigned turn = 0; turn < 30000; turn++) {
        unsigned page = next_random() % PAGES, length = 1 + next_random() % 6;
        if (range_free(page, length)) {
            struct vm_area *area = calloc(1, sizeof(*area));
            area->start = va_of(page);
            area->end = va_of(page + length);
            set_model(area, area);
            area_insert(&root, area, next_random());
            count++;
        } else if (model[page] != NULL) {
            struct vm_area *area = model[page];
            set_model(area, NULL);
            area_remove(&root, area);
            free(area);
            count--;
        }
        check_find(root, next_random() % PAGES);
        check_gap(root);
        if (turn % 100 == 0)
            check_tree(root, count);
    }
    assert_true(depth_max < 40); /* 300 areas: about 2 x log2 is usual */
    while (root != NULL) {
        struct vm_area *area = root;
        area_remove(&root, area);
        free(area);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_buddy_begins_reserved, set_seed),
        cmocka_unit_test_setup(test_buddy_merges, set_seed),
        cmocka_unit_test_setup(test_buddy_random, set_seed),
        cmocka_unit_test_setup(test_radix_single_page_needs_no_node, set_seed),
        cmocka_unit_test_setup(test_radix_no_memory, set_seed),
        cmocka_unit_test_setup(test_radix_random, set_seed),
        cmocka_unit_test_setup(test_areas_random, set_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
