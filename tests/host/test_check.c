/* The whole check of a checked kernel: it names each invariant that is broken, and a call that
 * leaves one broken does not return. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/env/hooks.h"

#include <string.h>

#define COPY  100u
#define SLICE 5u

static struct party p;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    OK(BOSS(slice_bind, SLOT_CPU, 0, SLICE, p.thread));
    OK(BOSS(cap_copy, SLOT_ENV, COPY, p.thread, RIGHT_ALL, 0, 0));
    assert_null(hook_check());
    return 0;
}

/* Does the check say so of a word of `bytes` bytes that is `to` for a while? */
static void says(const char *name, void *word, uint64_t to, size_t bytes)
{
    uint64_t saved = 0;

    memcpy(&saved, word, bytes);
    memcpy(word, &to, bytes);
    const char *broken = hook_check();
    memcpy(word, &saved, bytes);
    if (!broken || memcmp(broken, name, 2) != 0)
        fail_msg("wanted %s for %zu bytes that are 0x%lx, got %s", name, bytes, (unsigned long)to,
                 broken ? broken : "nothing");
    assert_null(hook_check());
}

#define SAYS(name, field, to) says((name), &(field), (uint64_t)(to), sizeof(field))

static void links_of_the_forest(void **state)
{
    (void)state;
    struct node *copy = &cap_slot(world.root, COPY)->node;
    struct node *page = entry_node(entry_of(p.e, PARTY_MEMORY));

    SAYS("D1", copy->parent, node_name(page) + 1);
    SAYS("D1", copy->prev, node_name(copy));
    SAYS("D1", page->child, 1); /* nobody's */
    SAYS("D3", p.t->notify_node.parent, node_name(&p.t->utcb_node));
    SAYS("D3", p.t->notify_node.parent, node_name(copy));
    SAYS("D3", p.t->notify_node.child, node_name(copy));
    SAYS("D3", p.e->captable_nodes[9].child, node_name(copy));
    SAYS("D3", cap_slot(world.root, COPY + 1)->node.child, node_name(copy));
    SAYS("D3", entry_node(entry_of(p.e, PARTY_MEMORY + 9 * PAGE_SIZE))->child, node_name(copy));
    SAYS("D3", cpu_number(1)->slice_nodes[0].child, node_name(copy));
}

static void page_tables(void **state)
{
    (void)state;
    pte_t *page = entry_of(p.e, PARTY_MEMORY), *none = entry_of(p.e, PARTY_MEMORY + 9 * PAGE_SIZE);
    pte_t *upper = space_entry(p.e->root, PARTY_MEMORY, 2);

    SAYS("P1", *page, 0);
    SAYS("P1", *none, *page);
    SAYS("P2", *page, *(page + 1));
    SAYS("P2", *page, arch_pte_page((paddr_t)WORLD_FRAMES << PAGE_BITS, RW, RWX));
    SAYS("W1", *upper, arch_pte_table(arch_phys_of(p.t)));
    SAYS("P2", frame_of(p.pfn)->bindings, 7);
}

static void capabilities_and_records(void **state)
{
    (void)state;
    struct cap *copy = cap_slot(world.root, COPY), *thread = cap_slot(world.root, p.thread);

    SAYS("W1", copy->kind, CAP_KIND_COUNT);
    SAYS("W1", thread->base, p.pfn);
    SAYS("W1", thread->flags, 0);
    SAYS("W1", copy->flags, CAP_ORIGIN);
    SAYS("C2", copy->count, PARTY_PAGES + 9);
    SAYS("W2", p.e->info->frames, 1);
    SAYS("W2", p.e->info->threads, 2);
    SAYS("W2", p.e->info->sequence, p.e->info->sequence + 1);
    SAYS("W2", p.e->info->root, p.pfn);
    SAYS("F3", frame_of(p.pfn)->first, p.pfn + 1);
}

static void slices(void **state)
{
    (void)state;
    struct cpu *c = cpu_number(0);

    SAYS("W4", c->slices[SLICE], (uintptr_t)NULL);
    SAYS("W4", c->slices[SLICE + 1], (uintptr_t)p.t);
    SAYS("W4", c->info.slices[SLICE].thread, 1);
    SAYS("W4", p.t->cpu, 1);
    SAYS("D1", c->slice_nodes[SLICE].prev, node_name(&c->slice_nodes[SLICE]));
}

static void a_call_that_leaves_one_broken_panics(void **state)
{
    (void)state;
    const word_t none[SYS_MAX_ARGS] = {0};
    uint32_t *bindings = &frame_of(p.pfn)->bindings;

    world_run(world.boss);
    (*bindings)++;
    expect_assert_failure(world_dispatch(SYS_null, none));
    (*bindings)--;
    assert_int_equal(world_dispatch(SYS_null, none).error, ERR_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_of_the_forest),
        TEST(page_tables),
        TEST(capabilities_and_records),
        TEST(slices),
        TEST(a_call_that_leaves_one_broken_panics),
    };
    return cmocka_run_group_tests_name("bindings/check", tests, NULL, NULL);
}
