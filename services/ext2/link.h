/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings of links; the head is a link too. */
#ifndef SERVICES_EXT2_LINK_H
#define SERVICES_EXT2_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

#define LINK_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void link_init(struct link *head)
{
    head->next = head->prev = head;
}

static inline bool link_empty(const struct link *head)
{
    return head->next == head;
}

static inline void link_add_last(struct link *head, struct link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void link_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = NULL;
}

#endif
