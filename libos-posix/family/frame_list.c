/* The frames of a family's pool. */
#include "libos-posix/family/frame_list.h"

#define INDEX(head)  ((uint32_t)(head)) /* 1 + index; 0: none */
#define CHANGES(h)   ((uint32_t)((h) >> 32))
#define HEAD(c, one) ((uint64_t)(c) << 32 | (one))
#define MARK_BITS    (FRAME_LIST_ARENA - 1)
#define GIVEN        (FRAME_LIST_ARENA - 1) /* of a record: it is on its way into the list */

void frame_list_init(struct frame_list *list, pfn_t first, uint32_t count)
{
    list->first = first;
    list->count = count;
}

/* The list's first frame. What is read of its successor may be old; then `head` has changed. */
static bool pop(struct frame_list *list, uint32_t *index)
{
    uint64_t head = __atomic_load_n(&list->head, __ATOMIC_ACQUIRE);

    while (INDEX(head)) {
        uint32_t *record = &list->record[INDEX(head) - 1];
        uint32_t next = __atomic_load_n(record, __ATOMIC_ACQUIRE);
        uint64_t changed = HEAD(CHANGES(head) + 1, next & MARK_BITS);
        if (!__atomic_compare_exchange_n(&list->head, &head, changed, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            continue;
        *index = INDEX(head) - 1;
        __atomic_store_n(record, FRAME_LIST_USED | (CHANGES(changed) & MARK_BITS),
                         __ATOMIC_RELEASE);
        return true;
    }
    return false;
}

static uint32_t take_fresh(struct frame_list *list, uint32_t want, uint32_t *index)
{
    uint32_t fresh = __atomic_load_n(&list->fresh, __ATOMIC_ACQUIRE), count;

    do {
        count = list->count - fresh < want ? list->count - fresh : want;
        if (!count)
            return 0;
    } while (!__atomic_compare_exchange_n(&list->fresh, &fresh, fresh + count, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    *index = fresh;
    for (uint32_t i = 0; i < count; i++)
        __atomic_store_n(&list->record[fresh + i], FRAME_LIST_USED, __ATOMIC_RELEASE);
    return count;
}

uint32_t frame_list_take(struct frame_list *list, uint32_t want, pfn_t *first, bool *zero)
{
    uint32_t index = 0, count = 1;

    if (!want)
        return 0;
    *zero = !pop(list, &index);
    if (*zero)
        count = take_fresh(list, want, &index);
    *first = list->first + index;
    __atomic_fetch_add(&list->used, count, __ATOMIC_RELAXED);
    return count;
}

void frame_list_share(struct frame_list *list, pfn_t frame)
{
    __atomic_fetch_or(&list->record[frame - list->first], FRAME_LIST_ARENA, __ATOMIC_RELEASE);
}

bool frame_list_give(struct frame_list *list, pfn_t frame, uint32_t mark)
{
    const uint32_t index = frame - list->first;
    uint32_t *record = &list->record[index];

    if (!(mark & FRAME_LIST_USED) ||
        !__atomic_compare_exchange_n(record, &mark, GIVEN, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    uint64_t head = __atomic_load_n(&list->head, __ATOMIC_ACQUIRE);
    do {
        __atomic_store_n(record, INDEX(head), __ATOMIC_RELEASE);
    } while (!__atomic_compare_exchange_n(&list->head, &head, HEAD(CHANGES(head) + 1, index + 1),
                                          false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    __atomic_fetch_sub(&list->used, 1, __ATOMIC_RELAXED);
    return true;
}

const char *frame_list_check(const struct frame_list *list, uint32_t *lost)
{
    uint32_t free = 0, used = 0;

    if (list->fresh > list->count)
        return "L1: more frames were taken than there are";
    for (uint32_t i = list->fresh; i < list->count; i++)
        if (list->record[i])
            return "L1: a fresh frame has a record";
    for (uint32_t at = INDEX(list->head); at; at = list->record[at - 1], free++) {
        if (at > list->fresh)
            return "L2: a frame in the list is fresh, or none of the pool";
        if (list->record[at - 1] & FRAME_LIST_USED)
            return "L2: a frame in the list is used";
        if (free > list->fresh)
            return "L2: the list has no end";
    }
    for (uint32_t i = 0; i < list->fresh; i++)
        used += list->record[i] >> 31;
    if (used + free > list->fresh)
        return "L2: a frame is in the list twice";
    *lost = list->fresh - used - free;
    return NULL;
}
