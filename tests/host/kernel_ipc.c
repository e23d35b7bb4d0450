/* L4 calls for tests of the kernel. */
#include "tests/host/kernel_ipc.h"

#include "exo/arch/upward.h"
#include "l4core/fpage.h"
#include "l4core/map.h"

#define IN_REGISTERS 8u

bool ipc_always_slow;

static uint64_t *mr_register(struct thread *t, unsigned i)
{
    struct regs *r = thread_regs(t);
    uint64_t *const all[IN_REGISTERS] = {&r->r9,  &r->rax, &r->rbx, &r->r10,
                                         &r->r12, &r->r13, &r->r14, &r->r15};

    return all[i];
}

word_t get_mr(struct thread *t, unsigned i)
{
    return i < IN_REGISTERS ? *mr_register(t, i) : *thread_mr(t, (int)i);
}

void set_mr(struct thread *t, unsigned i, word_t value)
{
    if (i < IN_REGISTERS)
        *mr_register(t, i) = value;
    else
        *thread_mr(t, (int)i) = value;
}

void l4_enter(struct thread *t, enum kip_link link)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->vector = VECTOR_CALL;
    r->rip = WINDOW_LINKS + (unsigned)link * LINK_STRIDE + 2;
    host.slow = ipc_always_slow;
    host_call(r);
    host.slow = false;
    world_check();
}

void ipc(struct thread *t, word_t to, word_t from, word_t timeouts)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rsi = to;
    r->rdx = from;
    r->r8 = timeouts;
    l4_enter(t, LINK_IPC);
}

void ipc_words(struct thread *t, word_t to, word_t from, word_t timeouts, word_t label,
               unsigned count, word_t seed)
{
    set_mr(t, 0, TAG_MAKE(label, count, 0));
    for (unsigned i = 1; i <= count; i++)
        set_mr(t, i, seed + i - 1);
    ipc(t, to, from, timeouts);
}

static bool can_run(const struct thread *t)
{
    return t->state == THREAD_READY || t->state == THREAD_RUNNING;
}

void assert_received(struct thread *t, word_t from)
{
    assert_true(can_run(t));
    assert_false(get_mr(t, 0) & TAG_ERROR);
    assert_int_equal(thread_regs(t)->rsi, from);
}

void assert_failed(struct thread *t, unsigned code, unsigned phase)
{
    assert_true(can_run(t));
    assert_true(get_mr(t, 0) & TAG_ERROR);
    assert_int_equal(*thread_mr(t, TCR_ERROR), IPC_ERROR(code, phase));
    assert_int_equal(thread_regs(t)->rsi, L4_NIL);
}

word_t local_id(const struct thread *t)
{
    return t->utcb_va + UTCB_MR;
}

void pass_time(uint64_t ticks)
{
    world_run(world.boss);
    struct regs *r = thread_regs(world.boss);
    uint64_t vector = r->vector;

    host.ticks += ticks;
    r->vector = VECTOR_TIMER;
    host_trap(r);
    r->vector = vector;
    world_check();
}

void page_fault(struct thread *t, vaddr_t address, uint64_t error)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->vector = VECTOR_PAGE_FAULT;
    r->error = error;
    r->rip = 0x400123;
    host.fault_address = address;
    host_trap(r);
    world_check();
}

word_t thread_control(struct thread *t, word_t dest, word_t space, word_t scheduler, word_t pager,
                      word_t utcb)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rdi = dest;
    r->rsi = pager;
    r->rdx = scheduler;
    r->r8 = space;
    r->r9 = utcb;
    *thread_mr(t, TCR_ERROR) = 0;
    l4_enter(t, LINK_THREAD_CONTROL);
    return r->rax;
}

word_t last_error(const struct thread *t)
{
    return *thread_mr(t, TCR_ERROR);
}

void give_privilege(const struct party *privileged, slot_t kmem, uint32_t frames)
{
    OK(BOSS(cap_copy, SLOT_ENV, kmem, REGION, RIGHT_ALL, world.base + 512, frames));
    OK(BOSS(env_kmem, privileged->env, kmem));
    OK(BOSS(env_privilege, privileged->env, SLOT_MACHINE));
}

bool map_all(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    from->transfer = (struct transfer){.budget = UINT32_MAX};
    return map_item(from, to, header, fpage, window) == 0;
}

word_t unmap_all(struct thread *t, word_t fpage, bool flush)
{
    struct unmap u = {.taken = fpage_rights(fpage), .flush = flush};
    uint32_t budget = UINT32_MAX;
    unsigned bits;

    if (fpage_range(fpage, &u.va, &bits)) {
        u.end = u.va + ((vaddr_t)1 << bits);
        unmap_some(t->env, &u, &budget);
    }
    return (fpage & ~(word_t)FPAGE_ALL) | fpage_rights_word(u.used);
}
