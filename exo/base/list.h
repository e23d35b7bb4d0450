/* Doubly linked circular lists threaded through the things listed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev; /* itself when empty or not listed */
};

#define LIST_ITEM(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

/* Puts `item` in front of `place`; with a list's head as `place`, at its end. */
static inline void list_insert(struct list *place, struct list *item)
{
    item->next = place;
    item->prev = place->prev;
    place->prev->next = item;
    place->prev = item;
}

/* Takes `item` out of its list; no effect when it is in none. */
static inline void list_remove(struct list *item)
{
    item->next->prev = item->prev;
    item->prev->next = item->next;
    list_init(item);
}
