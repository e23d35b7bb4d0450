/* The pool's frames: taking runs, giving by mark, its invariants, and four threads at once. */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libos-posix/family/frame_list.h"

#define FIRST   1000u
#define FRAMES  64u
#define THREADS 4
#define ROUNDS  200000

static struct frame_list *list_new(uint32_t count)
{
    struct frame_list *list = calloc(1, frame_list_bytes(count));

    assert_non_null(list);
    frame_list_init(list, FIRST, count);
    return list;
}

static void assert_sound(const struct frame_list *list, uint32_t lost)
{
    uint32_t found = 99;

    assert_null(frame_list_check(list, &found));
    assert_int_equal(found, lost);
}

static pfn_t take_one(struct frame_list *list, bool *zero)
{
    pfn_t first = 0;

    assert_int_equal(frame_list_take(list, 1, &first, zero), 1);
    return first;
}

static void fresh_frames_come_side_by_side(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    pfn_t first = 0;
    bool zero = false;

    (void)state;
    assert_int_equal(frame_list_take(list, 16, &first, &zero), 16);
    assert_int_equal(first, FIRST);
    assert_true(zero);
    assert_int_equal(frame_list_take(list, 100, &first, &zero), FRAMES - 16);
    assert_int_equal(first, FIRST + 16);
    assert_int_equal(frame_list_take(list, 1, &first, &zero), 0);
    assert_int_equal(frame_list_take(list, 0, &first, &zero), 0);
    assert_int_equal(list->used, FRAMES);
    assert_sound(list, 0);
    free(list);
}

static void given_frames_come_again_and_are_not_zero(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    bool zero;
    pfn_t a = take_one(list, &zero), b = take_one(list, &zero);

    (void)state;
    assert_true(frame_list_give(list, a, frame_list_mark(list, a)));
    assert_true(frame_list_give(list, b, frame_list_mark(list, b)));
    assert_sound(list, 0);
    assert_int_equal(take_one(list, &zero), a);
    assert_false(zero);
    assert_int_equal(take_one(list, &zero), b);
    assert_false(zero);
    assert_int_equal(take_one(list, &zero), FIRST + 2);
    assert_true(zero);
    assert_sound(list, 0);
    free(list);
}

static void give(struct frame_list *list, pfn_t frame)
{
    assert_true(frame_list_give(list, frame, frame_list_mark(list, frame)));
}

/* Takes up to `want` that are not zero: `count` at `first`. */
static void assert_taken(struct frame_list *list, uint32_t want, pfn_t first, uint32_t count)
{
    pfn_t found = 0;
    bool zero = true;

    assert_int_equal(frame_list_take(list, want, &found, &zero), count);
    assert_int_equal(found, first);
    assert_false(zero);
    for (uint32_t i = 0; i < count; i++)
        assert_true(frame_list_mark(list, found + i) & FRAME_LIST_USED);
    assert_sound(list, 0);
}

static void frames_given_in_any_order_come_side_by_side(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    pfn_t first;
    bool zero;

    (void)state;
    assert_int_equal(frame_list_take(list, FRAMES, &first, &zero), FRAMES);
    for (uint32_t i = 0; i < FRAMES; i++) /* odd: each one once */
        give(list, first + i * 21 % FRAMES);
    assert_int_equal(list->used, 0);
    assert_taken(list, 100, FIRST, FRAMES);
    for (uint32_t i = 0; i < FRAMES; i++)
        give(list, first + i);
    assert_taken(list, 5, FIRST, 5);
    assert_taken(list, 32, FIRST + 5, 32);
    assert_taken(list, 64, FIRST + 37, 16); /* of 27 the quarter that is there */
    assert_taken(list, 1, FIRST + 53, 1);
    assert_int_equal(list->used, 54);
    free(list);
}

static void a_run_is_found_between_others(void **state)
{
    static const uint32_t given[] = {3, 7, 8, 20, 21, 22, 23, 40};
    struct frame_list *list = list_new(FRAMES);
    pfn_t first;
    bool zero;

    (void)state;
    assert_int_equal(frame_list_take(list, FRAMES, &first, &zero), FRAMES);
    for (uint32_t i = 0; i < sizeof given / sizeof *given; i++)
        give(list, FIRST + given[i]);
    assert_taken(list, 4, FIRST + 20, 4);
    assert_taken(list, 4, FIRST + 7, 2);
    assert_taken(list, 4, FIRST + 3, 1);
    assert_taken(list, 4, FIRST + 40, 1);
    assert_int_equal(frame_list_take(list, 4, &first, &zero), 0);
    free(list);
}

/* More than 4,096 frames have more than one word of the second set. */
static void a_frame_is_found_in_a_large_pool(void **state)
{
    const uint32_t count = 3 * 4096 + 5;
    struct frame_list *list = list_new(count);
    pfn_t first;
    bool zero;

    (void)state;
    for (uint32_t had = 0; had < count; had += 64)
        assert_true(frame_list_take(list, 64, &first, &zero) > 0);
    assert_int_equal(list->used, count);
    for (uint32_t frame = FIRST; frame < FIRST + count; frame += 4099) {
        give(list, frame);
        give(list, FIRST + count - 1);
        pfn_t last = FIRST + count - 1;
        assert_int_equal(frame_list_take(list, 1, &first, &zero), 1);
        assert_true(first == frame || first == last);
        last = first == frame ? last : frame;
        assert_taken(list, 64, last, 1);
    }
    assert_int_equal(frame_list_take(list, 1, &first, &zero), 0);
    free(list);
}

/* Whoever takes a frame clears its bit and then writes its mark. */
static void what_a_taker_leaves_is_found(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    bool zero;
    const pfn_t a = take_one(list, &zero), b = take_one(list, &zero);

    (void)state;
    assert_false(frame_list_is_astray(list, a, frame_list_mark(list, a)));
    give(list, a);
    assert_false(frame_list_is_astray(list, a, frame_list_mark(list, a)));
    uint32_t found = 0;
    uint64_t *const sets = (uint64_t *)&list->record[FRAMES];
    const uint32_t mark = frame_list_mark(list, a);
    sets[0] = 0; /* stopped behind that */
    list->used = 2;
    assert_null(frame_list_check(list, &found));
    assert_int_equal(found, 1);
    assert_true(frame_list_is_astray(list, a, mark));
    frame_list_find(list, a, mark + 1); /* it was another's since */
    assert_int_equal(sets[0], 0);
    frame_list_find(list, a, mark);
    assert_sound(list, 0);
    assert_int_equal(list->used, 1);
    assert_taken(list, 1, a, 1);

    list->record[b - FIRST] = FRAME_LIST_ARENA | 1; /* who gives it was stopped */
    assert_false(frame_list_is_astray(list, b, frame_list_mark(list, b)));
    free(list);
}

static void of_two_who_give_one_succeeds(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    bool zero;
    pfn_t a = take_one(list, &zero);
    uint32_t mark = frame_list_mark(list, a);

    (void)state;
    assert_true(frame_list_give(list, a, mark));
    assert_false(frame_list_give(list, a, mark));
    assert_int_equal(take_one(list, &zero), a);
    assert_int_not_equal(frame_list_mark(list, a), mark);
    assert_false(frame_list_give(list, a, mark)); /* it is another's by now */
    assert_int_equal(list->used, 1);
    assert_sound(list, 0);
    free(list);
}

static void the_arena_s_frames_say_so(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    bool zero;
    pfn_t a = take_one(list, &zero);

    (void)state;
    assert_false(frame_list_mark(list, a) & FRAME_LIST_ARENA);
    frame_list_share(list, a);
    assert_true(frame_list_mark(list, a) & FRAME_LIST_ARENA);
    assert_true(frame_list_give(list, a, frame_list_mark(list, a)));
    assert_int_equal(take_one(list, &zero), a);
    assert_false(frame_list_mark(list, a) & FRAME_LIST_ARENA);
    assert_false(frame_list_has(list, FIRST - 1));
    assert_false(frame_list_has(list, FIRST + FRAMES));
    assert_true(frame_list_has(list, FIRST + FRAMES - 1));
    free(list);
}

static void broken(struct frame_list *list, const char *name)
{
    uint32_t lost;
    const char *said = frame_list_check(list, &lost);

    assert_non_null(said);
    assert_memory_equal(said, name, strlen(name));
}

static void the_check_finds_what_is_broken(void **state)
{
    struct frame_list *list = list_new(FRAMES);
    bool zero;
    pfn_t a = take_one(list, &zero), b = take_one(list, &zero);

    (void)state;
    list->record[5] = FRAME_LIST_USED;
    broken(list, "L1");
    list->record[5] = 0;
    list->fresh = FRAMES + 1;
    broken(list, "L1");
    list->fresh = 2;
    frame_list_give(list, a, frame_list_mark(list, a));
    frame_list_give(list, b, frame_list_mark(list, b));
    assert_sound(list, 0);
    uint64_t *const sets = (uint64_t *)&list->record[FRAMES];
    sets[0] = 7;
    broken(list, "L1");
    sets[0] = 3;
    list->record[0] = FRAME_LIST_USED | 3;
    broken(list, "L2");
    list->record[0] = 3;
    sets[1] = 0;
    broken(list, "L4");
    frame_list_show(list);
    assert_sound(list, 0);
    sets[0] = 2; /* frame 0 is not in the set, and has no mark */
    assert_sound(list, 1);
    free(list);
}

static uint8_t owner[FRAMES]; /* who has the frame: 1 + thread */
static struct frame_list *common;

static void *take_and_give(void *argument)
{
    const uint8_t self = (uint8_t)(1 + *(int *)argument);
    unsigned chance = self;
    bool zero;

    for (int i = 0; i < ROUNDS; i++) {
        pfn_t had[8], first;
        unsigned count = 0, got, want = 1 + (chance = chance * 1103515245 + 12345) / 65536 % 8;
        for (; count < want && (got = frame_list_take(common, want - count, &first, &zero)) != 0;)
            for (; got; got--, had[count++] = first++)
                if (__atomic_exchange_n(&owner[first - FIRST], self, __ATOMIC_SEQ_CST))
                    return "a frame was given to two";
        while (count--) {
            uint32_t mark = frame_list_mark(common, had[count]);
            if (__atomic_exchange_n(&owner[had[count] - FIRST], 0, __ATOMIC_SEQ_CST) != self)
                return "a frame was given to another meanwhile";
            if (!frame_list_give(common, had[count], mark))
                return "a frame could not be given";
        }
    }
    return NULL;
}

static void four_threads_never_have_the_same_frame(void **state)
{
    static int number[THREADS] = {0, 1, 2, 3};
    pthread_t thread[THREADS];

    (void)state;
    common = list_new(24); /* fewer than they want together */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, &number[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        pthread_join(thread[i], &wrong);
        if (wrong)
            fail_msg("%s", (const char *)wrong);
    }
    assert_int_equal(common->used, 0);
    assert_sound(common, 0);
    free(common);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_frames_come_side_by_side),
        cmocka_unit_test(given_frames_come_again_and_are_not_zero),
        cmocka_unit_test(frames_given_in_any_order_come_side_by_side),
        cmocka_unit_test(a_run_is_found_between_others),
        cmocka_unit_test(a_frame_is_found_in_a_large_pool),
        cmocka_unit_test(what_a_taker_leaves_is_found),
        cmocka_unit_test(of_two_who_give_one_succeeds),
        cmocka_unit_test(the_arena_s_frames_say_so),
        cmocka_unit_test(the_check_finds_what_is_broken),
        cmocka_unit_test(four_threads_never_have_the_same_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
