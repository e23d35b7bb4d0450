/* The frames of a family's pool. */
#include "libos-posix/family/frame_list.h"

#define MARK_BITS (FRAME_LIST_ARENA - 1)
#define GIVING    FRAME_LIST_ARENA /* of a record without a mark: its bit is about to be set */
#define EVEN(n)   ((n) + (n) % 2)

void frame_list_init(struct frame_list *list, pfn_t first, uint32_t count)
{
    list->first = first;
    list->count = count;
}

/* The frames that are free; behind them the words of this set that may have some. */
static uint64_t *free_set(const struct frame_list *list)
{
    return (uint64_t *)(list->record + EVEN(list->count));
}

static uint64_t *word_set(const struct frame_list *list)
{
    return free_set(list) + frame_list_words(list->count);
}

/* The bits at which `length` others begin that are all set: 1 to 64. */
static uint64_t runs(uint64_t bits, uint32_t length)
{
    while (length > 1 && bits) {
        bits &= bits >> length / 2;
        length -= length / 2;
    }
    return bits;
}

/* Takes up to `want` frames side by side out of a word, as many as there are of a half, a quarter,
 * and so on. Returns how many; 0: it has none. */
static uint32_t take_of(uint64_t *word, uint32_t want, uint32_t *bit)
{
    uint64_t free = __atomic_load_n(word, __ATOMIC_ACQUIRE);

    while (free) {
        uint32_t count = want;
        uint64_t places;
        while (!(places = runs(free, count)))
            count /= 2;
        *bit = (uint32_t)__builtin_ctzll(places);
        const uint64_t taken = ~(uint64_t)0 >> (64 - count) << *bit;
        if (__atomic_compare_exchange_n(word, &free, free & ~taken, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return count;
    }
    return 0;
}

/* Who finds a word empty says so, and looks once more: a giver sets the other bit first. */
static void forget_word(uint64_t *set, uint64_t bit, const uint64_t *word)
{
    __atomic_fetch_and(set, ~bit, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST))
        __atomic_fetch_or(set, bit, __ATOMIC_SEQ_CST);
}

static uint32_t take_given(struct frame_list *list, uint32_t want, uint32_t *index)
{
    uint64_t *const free = free_set(list), *const some = word_set(list);
    const uint32_t sets = (uint32_t)frame_list_words(frame_list_words(list->count));
    const uint32_t most = want < FRAME_LIST_RUN ? want : FRAME_LIST_RUN;
    uint32_t at = list->last < sets ? list->last : 0;

    for (uint32_t looked = 0; looked < sets; looked++, at = at + 1 < sets ? at + 1 : 0) {
        uint64_t words;
        while ((words = __atomic_load_n(&some[at], __ATOMIC_ACQUIRE)) != 0) {
            const uint32_t word = at * 64 + (uint32_t)__builtin_ctzll(words);
            uint32_t bit;
            const uint32_t count = take_of(&free[word], most, &bit);
            if (count) {
                list->last = at;
                *index = word * 64 + bit;
                return count;
            }
            forget_word(&some[at], words & -words, &free[word]);
        }
    }
    return 0;
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
    return count;
}

uint32_t frame_list_take(struct frame_list *list, uint32_t want, pfn_t *first, bool *zero)
{
    uint32_t index = 0, count = 0;

    if (!want)
        return 0;
    if (list->fresh != list->used || list->fresh == list->count) /* else none was given back */
        count = take_given(list, want, &index);
    *zero = !count;
    if (!count)
        count = take_fresh(list, want, &index);
    __atomic_fetch_add(&list->used, count, __ATOMIC_RELAXED);
    *first = list->first + index;
    for (uint32_t *record = &list->record[index], *end = record + count; record < end; record++)
        __atomic_store_n(record, FRAME_LIST_USED | ((*record + 1) & MARK_BITS), __ATOMIC_RELEASE);
    return count;
}

void frame_list_share(struct frame_list *list, pfn_t frame)
{
    __atomic_fetch_or(&list->record[frame - list->first], FRAME_LIST_ARENA, __ATOMIC_RELEASE);
}

/* Sets the bit of a word of the first set, unless it is set. */
static void show_word(struct frame_list *list, uint32_t word)
{
    uint64_t *set = &word_set(list)[word / 64];
    const uint64_t bit = (uint64_t)1 << word % 64;

    if (!(__atomic_load_n(set, __ATOMIC_SEQ_CST) & bit))
        __atomic_fetch_or(set, bit, __ATOMIC_SEQ_CST);
}

static void put(struct frame_list *list, uint32_t index)
{
    __atomic_fetch_or(&free_set(list)[index / 64], (uint64_t)1 << index % 64, __ATOMIC_SEQ_CST);
    show_word(list, index / 64);
    __atomic_fetch_sub(&list->used, 1, __ATOMIC_RELAXED);
}

bool frame_list_give(struct frame_list *list, pfn_t frame, uint32_t mark)
{
    const uint32_t index = frame - list->first;
    uint32_t *record = &list->record[index], giving = (mark & MARK_BITS) | GIVING;

    if (!(mark & FRAME_LIST_USED) ||
        !__atomic_compare_exchange_n(record, &mark, giving, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    put(list, index);
    __atomic_compare_exchange_n(record, &giving, giving & MARK_BITS, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE); /* unless it is taken already */
    return true;
}

static bool has_bit(const uint64_t *set, uint32_t bit)
{
    return __atomic_load_n(&set[bit / 64], __ATOMIC_SEQ_CST) >> bit % 64 & 1;
}

bool frame_list_is_astray(const struct frame_list *list, pfn_t frame, uint32_t mark)
{
    return !(mark & (FRAME_LIST_USED | GIVING)) && !has_bit(free_set(list), frame - list->first);
}

void frame_list_find(struct frame_list *list, pfn_t frame, uint32_t mark)
{
    if (frame_list_mark(list, frame) == mark)
        put(list, frame - list->first);
}

void frame_list_show(struct frame_list *list)
{
    for (uint32_t word = 0; word < frame_list_words(list->count); word++)
        if (__atomic_load_n(&free_set(list)[word], __ATOMIC_SEQ_CST))
            show_word(list, word);
}

const char *frame_list_check(const struct frame_list *list, uint32_t *lost)
{
    uint32_t free = 0, used = 0;

    if (list->fresh > list->count)
        return "L1: more frames were taken than there are";
    for (uint32_t i = list->fresh; i < list->count; i++)
        if (list->record[i] || has_bit(free_set(list), i))
            return "L1: a fresh frame has a record, or was given";
    for (uint32_t i = 0; i < list->fresh; i++) {
        const bool is_used = list->record[i] & FRAME_LIST_USED,
                   is_free = has_bit(free_set(list), i);
        if (is_used && is_free)
            return "L2: a frame in the set is used";
        if (is_free && !has_bit(word_set(list), i / 64))
            return "L4: nobody would find a free frame";
        used += is_used;
        free += is_free;
    }
    *lost = list->fresh - used - free;
    return NULL;
}
