/* What tests of string items share. */
#include "tests/host/string_world.h"

#include "bindings/cap.h"
#include "exo/arch/irq.h"
#include "exo/env/sched.h"
#include "l4core/suspend.h"

#include <string.h>

struct party p, q, s;
uint8_t *source, *target; /* their frames are in a row */

static uint8_t *bound_pages(slot_t env, slot_t slot, vaddr_t va)
{
    pfn_t pfn = make_frames(slot, PAGES);

    for (uint32_t i = 0; i < PAGES; i++)
        bind_page(env, slot, pfn + i, va + i * PAGE_SIZE, RW);
    return frame_memory(pfn);
}

void unbind_page(slot_t env, vaddr_t va)
{
    put_entries(world.boss, SCRATCH, &(struct page_entry){.va = va}, 1);
    OK(BOSS(page_unbind, env, SCRATCH, 1));
}

void fill(void)
{
    for (size_t i = 0; i < BYTES; i++)
        source[i] = (uint8_t)(i * 7 + i / 251);
    memset(target, UNTOUCHED, BYTES);
}

int string_set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    source = bound_pages(p.env, P_FRAMES, SOURCE);
    target = bound_pages(q.env, Q_FRAMES, TARGET);
    fill();
    *thread_mr(p.t, TCR_PAGER) = *thread_mr(q.t, TCR_PAGER) = s.t->global_id;
    *thread_mr(p.t, TCR_XFER_TIMEOUTS) = *thread_mr(q.t, TCR_XFER_TIMEOUTS) = 0;
    return 0;
}

/* `who` is on a second CPU, and somebody who can always run there. */
static int elsewhere(const struct party *who)
{
    struct party idle;

    party_make(&idle, 32);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, who->thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, idle.thread, SLOT_CPU, 1, 1));
    return 0;
}

int string_set_up_receiver(void **state)
{
    string_set_up(state);
    return elsewhere(&q);
}

int string_set_up_sender(void **state)
{
    string_set_up(state);
    return elsewhere(&p);
}

int string_end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

void string_pass_time(uint64_t ticks)
{
    struct arch_cpu *before = host.cpu;

    pass_time(ticks);
    if (cpu_count == 1)
        return;
    host.cpu = arch_cpu_number(1);
    cpu_timer();
    host.cpu = before;
    world_check();
}

word_t header(word_t length, unsigned substrings, bool compound)
{
    return length << 10 | (word_t)compound << 9 | (word_t)(substrings - 1) << 4;
}

volatile uint64_t *br(struct thread *t, unsigned i)
{
    return thread_mr(t, TCR_BR0 - (int)i);
}

void accept_string(struct thread *t, const word_t *buffer, unsigned words)
{
    *br(t, 0) = ACCEPT_STRINGS;
    for (unsigned i = 0; i < words; i++)
        *br(t, i + 1) = buffer[i];
}

void accept_simple(struct thread *t, vaddr_t va, word_t bytes)
{
    accept_string(t, (const word_t[]){header(bytes, 1, false), va}, 2);
}

void load(struct thread *t, const word_t *items, unsigned words)
{
    set_mr(t, 1, 0x77);
    for (unsigned i = 0; i < words; i++)
        set_mr(t, i + 2, items[i]);
    set_mr(t, 0, TAG_MAKE(5, 1, words));
}

void wait_for_p(void)
{
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
}

void send_to_q(const word_t *items, unsigned words)
{
    load(p.t, items, words);
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
}

void send_simple(vaddr_t va, word_t bytes)
{
    send_to_q((const word_t[]){header(bytes, 1, false), va}, 2);
}

void go_on(struct thread *t)
{
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    host.cpu = arch_cpu_number(t->cpu);
    sched_yield();
    sched_handoff(t);
    sched_leave();
    world_check();
}

void assert_cut(unsigned send_code, unsigned receive_code, word_t bytes)
{
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(send_code, bytes), IPC_SEND_PHASE);
    assert_failed(q.t, (unsigned)IPC_WITH_OFFSET(receive_code, bytes), IPC_RECEIVE_PHASE);
    assert_null(p.t->transfer_with);
    assert_null(q.t->transfer_with);
}

void assert_done(void)
{
    assert_received(q.t, p.t->global_id);
    assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
    assert_false(get_mr(p.t, 0) & TAG_ERROR);
    assert_null(p.t->transfer_with);
}

void assert_untouched(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        assert_int_equal(target[i], UNTOUCHED);
}

word_t cross(const struct thread *t, const struct thread *other)
{
    return t->cpu == other->cpu ? 0 : TAG_CROSS;
}

void abort_transfer(struct thread *t)
{
    assert_non_null(t->transfer_with);
    transfer_abort(t);
}

void assert_fault(struct thread *t, vaddr_t va, word_t rwx)
{
    *br(s.t, 0) = 0;
    ipc(s.t, L4_NIL, L4_ANY, NEVER);
    assert_received(s.t, t->global_id);
    assert_int_equal(get_mr(s.t, 0), cross(s.t, t) | TAG_MAKE(LABEL_PAGE_FAULT | rwx, 2, 0));
    assert_int_equal(get_mr(s.t, 1), va);
    assert_int_equal(get_mr(s.t, 2), ~(word_t)0);
}

void map_page(struct thread *t, vaddr_t va, unsigned page)
{
    set_mr(s.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(s.t, 1, (va & ~(word_t)0xfff) | ITEM_MAP);
    set_mr(s.t, 2, (PARTY_MEMORY + page * PAGE_SIZE) | 12 << 4 | FPAGE_READ | FPAGE_WRITE);
    ipc(s.t, t->global_id, L4_NIL, NEVER);
}

void serve(struct thread *t, vaddr_t va, unsigned page)
{
    map_page(t, va, page);
    if (t->transfer_with && t->state == THREAD_READY)
        go_on(t);
}

uint8_t *pagers(unsigned page)
{
    return memory_of(s.t, PARTY_MEMORY + page * PAGE_SIZE);
}

void suspended(bool of_q)
{
    accept_simple(q.t, of_q ? TARGET + BYTES - 8 : TARGET, 20);
    wait_for_p();
    send_simple(of_q ? SOURCE : SOURCE + BYTES - 8, 20);
    assert_ptr_equal(p.t->transfer_with, q.t);
}
