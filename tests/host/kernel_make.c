/* What most tests of the kernel begin with: envs, frames, threads, made by the boss through calls.
 */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"

#include <string.h>

struct env *make_env(slot_t slot)
{
    OK(BOSS(env_create, REGION, PFN_ANY, slot));
    return env_by_number[world.result];
}

pfn_t make_frames(slot_t slot, uint32_t count)
{
    OK(BOSS(frames_alloc, REGION, PFN_ANY, count, slot));
    pfn_t first = (pfn_t)world.result; /* the owner of an earlier test had the same number */
    memset(frame_memory(first), 0, count * PAGE_SIZE);
    world.result = first;
    return first;
}

void make_tables(slot_t env, vaddr_t va)
{
    for (uint32_t level = 3; level >= 1; level--) {
        int e = BOSS(table_create, env, REGION, PFN_ANY, va, level);
        assert_true(e == ERR_OK || e == ERR_IN_USE);
    }
}

void *memory_of(const struct thread *t, vaddr_t va)
{
    void *p = space_user(t->env->root, va, RIGHT_WRITE);

    assert_non_null(p);
    return p;
}

void put_entries(const struct thread *t, vaddr_t va, const struct page_entry *e, uint32_t count)
{
    assert_true(space_copy_out(t->env->root, va, e, count * sizeof *e));
}

void bind_page(slot_t env, slot_t frames, pfn_t pfn, vaddr_t va, rights_t rights)
{
    const struct page_entry e = {va, pfn, rights};

    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_bind, env, frames, SCRATCH, 1));
    assert_int_equal(world.result, 1);
}

struct thread *make_thread(slot_t env, slot_t dst, vaddr_t utcb)
{
    OK(BOSS(thread_create, env, REGION, PFN_ANY, utcb, 0, dst));
    return thread_by_number((uint32_t)(world.result >> 32));
}

void give(slot_t env, slot_t dst, slot_t src, rights_t rights)
{
    OK(BOSS(cap_copy, env, dst, src, rights, 0, 0));
}

void party_make(struct party *p, slot_t first)
{
    *p = (struct party){first, first + 1, first + 2, first + 3, NULL, NULL, 0};
    p->e = make_env(p->env);
    make_tables(p->env, PARTY_UTCB);
    p->pfn = make_frames(p->frames, 1 + PARTY_PAGES);
    for (uint32_t i = 0; i <= PARTY_PAGES; i++) { /* an earlier test's party had the same number */
        memset(frame_memory(p->pfn + i), 0, PAGE_SIZE);
        bind_page(p->env, p->frames, p->pfn + i, PARTY_UTCB + i * PAGE_SIZE, RW);
    }
    give(p->env, SLOT_ENV, p->env, RIGHT_ALL);
    p->t = make_thread(p->env, p->thread, PARTY_UTCB);
    OK(BOSS(thread_start, p->thread, 0x400000, 0x500000, 0));
}

struct thread *party_thread(const struct party *p, slot_t dst, unsigned page)
{
    struct thread *t = make_thread(p->env, dst, PARTY_UTCB + page * PAGE_SIZE);

    OK(BOSS(thread_start, dst, 0x400000, 0x500000, 0));
    return t;
}

pte_t *entry_of(const struct env *e, vaddr_t va)
{
    pte_t *entry = space_entry(e->root, va, 1);

    assert_non_null(entry);
    return entry;
}

slot_t ports_of(uint32_t port)
{
    for (slot_t s = SLOT_FREE; s < CAPS_PER_FRAME; s++) {
        const struct cap *c = cap_slot(world.root, s);
        if (c->kind == CAP_PORTS && c->base <= port && port - c->base < c->count)
            return s;
    }
    fail();
    return SLOT_NONE;
}
