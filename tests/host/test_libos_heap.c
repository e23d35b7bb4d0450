/* libos/heap.c: blocks do not overlap, keep their contents, and join when they are freed. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos/exit.h"
#include "libos/heap.h"
#include "libos/log.h"
#include "libos/vm.h"

#define BLOCKS 300u

static size_t mapped; /* bytes that the fake below has out    */
static bool refuse;   /* it has no more memory                */
static jmp_buf ended; /* where libos_exit() goes              */

enum err vm_map(vaddr_t *va, uint64_t bytes, rights_t rights)
{
    assert_int_equal(rights, RIGHT_READ | RIGHT_WRITE);
    if (refuse)
        return ERR_NO_MEM;
    void *p = aligned_alloc(PAGE_SIZE, bytes);
    assert_non_null(p);
    memset(p, 0, bytes);
    *va = (vaddr_t)p;
    mapped += bytes;
    return ERR_OK;
}

enum err vm_unmap(vaddr_t va, uint64_t bytes)
{
    mapped -= bytes;
    free((void *)va);
    return ERR_OK;
}

void log_kernel_line(const char *format, ...)
{
    (void)format;
}

_Noreturn void libos_exit(int status)
{
    (void)status;
    longjmp(ended, 1);
}

static void check(void)
{
    const char *broken = heap_check();

    if (broken)
        fail_msg("%s", broken);
}

static void blocks_keep_what_was_written_through_many_changes(void **state)
{
    static uint8_t *blocks[BLOCKS];
    static size_t sizes[BLOCKS];

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 30000; round++) {
        unsigned i = (unsigned)rand() % BLOCKS;
        size_t size = (size_t)rand() % (rand() % 50 ? 600 : 400000);
        for (size_t k = 0; blocks[i] && k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], (uint8_t)i);
        if (blocks[i] && rand() % 2) {
            heap_free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        uint8_t *p = heap_resize(blocks[i], size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; blocks[i] && k < sizes[i] && k < size; k++)
            assert_int_equal(p[k], (uint8_t)i);
        memset(p, (int)i, size);
        blocks[i] = p;
        sizes[i] = size;
        if (round % 100 == 0)
            check();
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
    check();
}

static void freed_neighbours_join_and_are_used_again(void **state)
{
    void *p[64];

    (void)state;
    size_t before = mapped;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 64; i++)
            assert_non_null(p[i] = heap_alloc(10000));
        for (unsigned i = 0; i < 64; i += 2)
            heap_free(p[i]);
        for (unsigned i = 1; i < 64; i += 2)
            heap_free(p[i]);
    }
    check();
    assert_true(mapped <= before + (1u << 20)); /* else 64 MB went by */
}

static void a_large_block_goes_back_when_freed(void **state)
{
    (void)state;
    size_t before = mapped;
    uint8_t *p = heap_alloc_zero(1, 1 << 20);
    assert_non_null(p);
    assert_true(mapped > before);
    assert_int_equal(p[(1 << 20) - 1], 0);
    heap_free(p);
    assert_int_equal(mapped, before);
}

static void zeroed_memory_is_zero_after_use(void **state)
{
    (void)state;
    memset(heap_alloc(100), 0xff, 100);
    uint8_t *p = heap_alloc(100);
    memset(p, 0xff, 100);
    heap_free(p);
    p = heap_alloc_zero(10, 10);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
}

static void without_memory_the_answer_is_null_and_nothing_is_lost(void **state)
{
    (void)state;
    char *p = heap_alloc(16);
    strcpy(p, "kept");
    refuse = true;
    assert_null(heap_alloc(1u << 19));
    assert_null(heap_resize(p, 1u << 19));
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc(SIZE_MAX - 4096));
    assert_null(heap_alloc_zero(SIZE_MAX / 2, 3));
    refuse = false;
    assert_string_equal(p, "kept");
    heap_free(p);
}

static void a_block_freed_twice_ends_the_program(void **state)
{
    (void)state;
    void *p = heap_alloc(48);
    void *fence = heap_alloc(48);
    heap_free(p);
    if (!setjmp(ended)) {
        heap_free(p);
        fail_msg("the second free went through");
    }
    heap_free(fence);
    check();
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    size_t *p = heap_alloc(64);
    size_t kept = p[-1];
    p[-1] += 16; /* a size that the neighbour does not know */
    assert_memory_equal(heap_check(), "H1", 2);
    p[-1] = kept & ~(size_t)1; /* free, but in no list, or beside a free one */
    assert_memory_equal(heap_check(), "H", 1);
    p[-1] = kept;
    check();
    heap_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_what_was_written_through_many_changes),
        cmocka_unit_test(freed_neighbours_join_and_are_used_again),
        cmocka_unit_test(a_large_block_goes_back_when_freed),
        cmocka_unit_test(zeroed_memory_is_zero_after_use),
        cmocka_unit_test(without_memory_the_answer_is_null_and_nothing_is_lost),
        cmocka_unit_test(a_block_freed_twice_ends_the_program),
        cmocka_unit_test(check_names_the_broken_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
