/* What a member had in hand when it was ended in the middle. */
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"

/* Frames that somebody holds in his hand, or has hidden. */
static bool is_held(pfn_t frame)
{
    for (uint32_t t = 0; t < TASKS_MAX; t++) {
        uint64_t hand = __atomic_load_n(&FAMILY->tasks[t].hand, __ATOMIC_SEQ_CST);
        if (hand != HAND_EMPTY && frame - (pfn_t)(hand >> 32) < (uint32_t)hand)
            return true;
    }
    for (uint32_t m = 0; m < FAMILY->member_count; m++)
        for (uint32_t k = 0; FAMILY->members[m].state && k < FAMILY->members[m].table_count; k++)
            for (uint32_t i = 0; i < 512; i++) {
                uint64_t entry = family_view(m, k)[i];
                if (SPACE_IS_HIDDEN(entry) && cpu_pte_pfn(entry) == frame)
                    return true;
            }
    return false;
}

static bool somebody_takes(void)
{
    for (uint32_t t = 0; t < TASKS_MAX; t++)
        if (__atomic_load_n(&FAMILY->tasks[t].hand, __ATOMIC_SEQ_CST) == HAND_ANY)
            return true;
    return false;
}

/* A frame's mark is read before it is looked at who has it: if it changes hands meanwhile, it has
 * another one. */
bool keeper_sweep(void)
{
    struct frame_list *pool = POOL;

    frame_list_show(pool);
    for (uint32_t i = 0; i < __atomic_load_n(&pool->fresh, __ATOMIC_ACQUIRE); i++) {
        const pfn_t frame = pool->first + i;
        const uint32_t mark = frame_list_mark(pool, frame);
        if (frame_list_is_astray(pool, frame, mark)) {
            if (somebody_takes())
                return false;
            frame_list_find(pool, frame, mark);
        }
        if (!(mark & FRAME_LIST_USED) || (mark & FRAME_LIST_ARENA) || space_bindings(frame) > 1)
            continue;
        if (somebody_takes())
            return false;
        if (!is_held(frame) && space_bindings(frame) == 1)
            frame_list_give(pool, frame, mark);
    }
    return true;
}
