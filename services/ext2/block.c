/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocating and freeing blocks. A free block can be taken if it is neither busy nor frozen (fs_priv.h, struct
 * group). */
#include "services/ext2/fs_priv.h"

/* --- counting ----------------------------------------------------------------------------- */

static uint64_t blocks_free_now(const struct fs *fs)
{
    return fs->free_blocks > fs->frozen_blocks ? fs->free_blocks - fs->frozen_blocks : 0;
}

uint64_t blocks_available(const struct fs *fs)
{
    uint64_t kept = fs->promised + fs->super->r_blocks_count;
    uint64_t free = blocks_free_now(fs);
    return free > kept ? free - kept : 0;
}

cloudabi_errno_t blocks_want(struct fs *fs, uint64_t count)
{
    if (blocks_available(fs) >= count)
        return 0;
    if (fs->frozen_blocks != 0)
        TRY(fs_commit(fs));
    return blocks_available(fs) >= count ? 0 : CLOUDABI_ENOSPC;
}

/* --- searching ---------------------------------------------------------------------------- */

#define GOOD_RUN 8u /* rather a run of this length somewhere else than single blocks nearby */

static bool is_free(const struct group_edit *edit, uint32_t bit)
{
    return !bit_get(edit->bitmap->data, bit) && !overlay_get(&edit->group->busy, bit) &&
           !overlay_get(&edit->group->frozen, bit);
}

static uint32_t run_at(const struct group_edit *edit, uint32_t bit, uint32_t end, uint32_t want)
{
    uint32_t count = 0;
    while (count < want && bit + count < end && is_free(edit, bit + count))
        count++;
    return count;
}

/* The first run of at least LEAST in [FROM, END), of which at most WANT are counted. 0: none. */
static uint32_t find_run(const struct group_edit *edit, uint32_t from, uint32_t end, uint32_t least,
                         uint32_t want, uint32_t *at)
{
    for (uint32_t bit = from; bit < end;) {
        if (bit % 8 == 0 && edit->bitmap->data[bit / 8] == 0xFF) {
            bit += 8;
            continue;
        }
        uint32_t count = run_at(edit, bit, end, want);
        if (count >= least) {
            *at = bit;
            return count;
        }
        bit += count + 1;
    }
    return 0;
}

struct search {
    struct fs *fs;
    uint32_t goal, want, least;
    struct group_edit edit; /* open if found */
    uint32_t bit, count;
};

/* In one group: at the goal itself, behind it, before it. */
static cloudabi_errno_t search_group(struct search *search, uint32_t number)
{
    struct fs *fs = search->fs;
    const struct group *group = &fs->groups[number];
    uint32_t end = group_blocks(fs, number), from = 0;
    if (group->free_blocks <= group->busy.count + group->frozen.count)
        return CLOUDABI_ENOSPC;
    TRY(group_edit(fs, number, false, &search->edit));
    if (number == group_of(fs, search->goal)) {
        from = search->goal - group_first(fs, number);
        search->bit = from;
        search->count = run_at(&search->edit, from, end, search->want);
        if (search->count != 0)
            return 0;
    }
    search->count = find_run(&search->edit, from, end, search->least, search->want, &search->bit);
    if (search->count == 0 && from != 0)
        search->count = find_run(&search->edit, 0, from, search->least, search->want, &search->bit);
    if (search->count != 0)
        return 0;
    group_edit_done(&search->edit, false);
    return CLOUDABI_ENOSPC;
}

static cloudabi_errno_t search_all(struct search *search)
{
    struct fs *fs = search->fs;
    uint32_t start = group_of(fs, search->goal);
    for (uint32_t i = 0; i < fs->group_count; i++) {
        uint64_t number = ((uint64_t)start + i) % fs->group_count;
        cloudabi_errno_t error = search_group(search, (uint32_t)number);
        if (error != CLOUDABI_ENOSPC)
            return error;
    }
    return CLOUDABI_ENOSPC;
}

/* What files keep for appends is given back when others need it. */
static void drop_ahead(struct fs *fs)
{
    for (uint32_t i = 0; i < INODE_TABLE; i++) {
        for (struct inode *inode = fs->table[i]; inode != NULL; inode = inode->table_next) {
            if (inode->ahead.count != 0)
                blocks_unchoose(fs, inode->ahead.physical, inode->ahead.count);
            inode->ahead.count = 0;
        }
    }
}

static cloudabi_errno_t search_hard(struct search *search)
{
    struct fs *fs = search->fs;
    if (search->goal <= fs->first_block || search->goal >= fs->blocks)
        search->goal = fs->first_block + 1;
    search->least = search->want < GOOD_RUN ? search->want : GOOD_RUN;
    cloudabi_errno_t error = search_all(search);
    if (error == CLOUDABI_ENOSPC && search->least > 1) {
        search->least = 1;
        error = search_all(search);
    }
    if (error != CLOUDABI_ENOSPC)
        return error;
    drop_ahead(fs);
    return search_all(search);
}

/* --- allocating --------------------------------------------------------------------------- */

static void take_bits(struct group_edit *edit, uint32_t bit, uint32_t count)
{
    for (uint32_t i = bit; i < bit + count; i++)
        edit->bitmap->data[i / 8] |= (uint8_t)(1u << (i % 8));
    edit->group->free_blocks -= count;
    edit->fs->free_blocks -= count;
    group_edit_done(edit, true);
}

cloudabi_errno_t block_alloc(struct fs *fs, uint32_t goal, uint32_t *out)
{
    struct search search = {.fs = fs, .goal = goal, .want = 1};
    cloudabi_errno_t error = search_hard(&search);
    if (error == CLOUDABI_ENOSPC)
        return fs_damaged(fs); /* the counts lied */
    if (error != 0)
        return error;
    if (!overlay_ready(&search.edit.group->frozen, fs->blocks_per_group)) {
        group_edit_done(&search.edit, false); /* now, so that it can be taken back */
        return CLOUDABI_ENOMEM;
    }
    *out = group_first(fs, (uint32_t)(search.edit.group - fs->groups)) + search.bit;
    take_bits(&search.edit, search.bit, 1);
    return 0;
}

cloudabi_errno_t blocks_choose(struct fs *fs, uint32_t goal, uint32_t want, uint32_t *first,
                               uint32_t *count)
{
    struct search search = {.fs = fs, .goal = goal, .want = want};
    cloudabi_errno_t error = search_hard(&search);
    if (error == CLOUDABI_ENOSPC && fs->frozen_blocks != 0) {
        TRY(fs_commit(fs));
        error = search_all(&search);
    }
    if (error != 0)
        return error;
    struct group *group = search.edit.group;
    bool ready = overlay_ready(&group->busy, fs->blocks_per_group);
    group_edit_done(&search.edit, false);
    if (!ready)
        return CLOUDABI_ENOMEM;
    for (uint32_t i = 0; i < search.count; i++)
        overlay_set(&group->busy, search.bit + i);
    *first = group_first(fs, (uint32_t)(group - fs->groups)) + search.bit;
    *count = search.count;
    return 0;
}

void blocks_unchoose(struct fs *fs, uint32_t first, uint32_t count)
{
    uint32_t number = group_of(fs, first);
    for (uint32_t i = 0; i < count; i++)
        overlay_clear(&fs->groups[number].busy, first - group_first(fs, number) + i);
}

cloudabi_errno_t blocks_take(struct fs *fs, uint32_t first, uint32_t count)
{
    struct group_edit edit;
    uint32_t number = group_of(fs, first);
    TRY(group_edit(fs, number, false, &edit));
    if (edit.group->free_blocks < count) {
        group_edit_done(&edit, false);
        return fs_damaged(fs);
    }
    blocks_unchoose(fs, first, count);
    take_bits(&edit, first - group_first(fs, number), count);
    return 0;
}

/* --- freeing ------------------------------------------------------------------------------ */

static bool all_taken(const struct group_edit *edit, uint32_t bit, uint32_t count)
{
    for (uint32_t i = bit; i < bit + count; i++) {
        if (!bit_get(edit->bitmap->data, i) || overlay_get(&edit->group->frozen, i) ||
            overlay_get(&edit->group->busy, i))
            return false;
    }
    return true;
}

static cloudabi_errno_t free_in_group(struct fs *fs, uint32_t number, uint32_t bit, uint32_t count)
{
    struct group_edit edit;
    TRY(group_edit(fs, number, false, &edit));
    bool ready = overlay_ready(&edit.group->frozen, fs->blocks_per_group);
    if (!ready || !all_taken(&edit, bit, count) ||
        edit.group->free_blocks + count > group_blocks(fs, number)) {
        group_edit_done(&edit, false);
        return ready ? fs_damaged(fs) : CLOUDABI_ENOMEM;
    }
    for (uint32_t i = bit; i < bit + count; i++) {
        edit.bitmap->data[i / 8] &= (uint8_t) ~(1u << (i % 8));
        buffer_late(edit.bitmap, i / 8, 0xFF, (uint8_t)(1u << (i % 8)));
        overlay_set(&edit.group->frozen, i);
    }
    edit.group->free_blocks += count;
    fs->free_blocks += count;
    fs->frozen_blocks += count;
    group_edit_done(&edit, true);
    return 0;
}

/* Frees what of it is not free yet. More than there are blocks were not freed before: the map runs in circles. */
static cloudabi_errno_t free_forgiving(struct fs *fs, uint32_t number, uint32_t bit, uint32_t count)
{
    for (uint32_t i = bit; i < bit + count; i++) {
        cloudabi_errno_t error = free_in_group(fs, number, i, 1);
        if (error != 0 && (error != CLOUDABI_EIO || fs->forgiven++ >= fs->blocks))
            return error;
    }
    return 0;
}

cloudabi_errno_t blocks_free(struct fs *fs, uint32_t first, uint32_t count, bool metadata)
{
    while (count != 0) {
        uint32_t number = group_of(fs, first);
        uint32_t bit = first - group_first(fs, number);
        uint32_t here = group_blocks(fs, number) - bit;
        if (here > count)
            here = count;
        TRY(fs->forgiving ? free_forgiving(fs, number, bit, here)
                          : free_in_group(fs, number, bit, here));
        for (uint32_t i = 0; metadata && i < here; i++)
            buffer_forget(fs->cache, first + i);
        first += here;
        count -= here;
    }
    return 0;
}
