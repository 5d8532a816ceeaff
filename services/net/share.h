/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that connections share. What nobody reads stays where it is, so no connection may get what others are going to
 * need: each has at most a part of what is left.  Those that use up what they have may take of all of it, a sixteenth
 * each; those that do not, of the first half only; and those of whom nothing is known yet a 128th, so that many of
 * them at once leave enough to the others.  Pure.
 */
#ifndef SERVICES_NET_SHARE_H
#define SERVICES_NET_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_LEAST 4096u /* what each may have in any case */
#define SHARE_NEW   16384u /* and one of which nothing is known at most, once others are there, too */

#define SHARE_KNOWN 2u /* after so many looks something is known */

struct share_pool {
    size_t size, used;
};

struct share {
    size_t used;    /* counted in the pool */
    uint32_t taken; /* bytes that had been taken out when it was last looked at, modulo 2^32 */
    uint8_t looks;  /* how often it was, up to SHARE_KNOWN */
    bool prompt;    /* what was there at one of the last two looks was taken until the next */
    bool proven;    /* it was prompt before */
    uint8_t slow;   /* looks since then */
};

/* The share now uses that much. */
void share_use(struct share_pool *pool, struct share *share, size_t used);

/* How much it may use, SHARE_LEAST to MOST. */
size_t share_limit(const struct share_pool *pool, const struct share *share, size_t most);

/* Everything that was there has been taken. */
void share_praise(struct share *share);

/* From time to time: TAKEN bytes have been taken out so far, HELD are there. True if any were since the last time. */
bool share_look(struct share *share, uint32_t taken, size_t held);

#endif
