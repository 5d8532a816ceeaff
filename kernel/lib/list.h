/* SPDX-License-Identifier: BSD-2-Clause */
/* Intrusive doubly linked circular list. A link that is on no list points to itself. */
#ifndef KERNEL_LIB_LIST_H
#define KERNEL_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define list_for_each(pos, head) \
    for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
/* The body may remove POS. */
#define list_for_each_safe(pos, tmp, head)                                 \
    for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head); \
         pos = tmp, tmp = pos->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert(struct list *prev, struct list *next, struct list *item)
{
    item->next = next;
    item->prev = prev;
    prev->next = next->prev = item;
}

static inline void list_push(struct list *head, struct list *item) /* at the front */
{
    list_insert(head, head->next, item);
}

static inline void list_append(struct list *head, struct list *item) /* at the end */
{
    list_insert(head->prev, head, item);
}

static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline struct list *list_pop(struct list *head) /* NULL when empty */
{
    if (list_empty(head))
        return NULL;
    struct list *item = head->next;
    list_remove(item);
    return item;
}

#endif
