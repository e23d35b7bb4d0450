/* Page faults by IPC, the common way: the pager waits for them, and answers with one page.
 * Everything else is left to kernel_ipc.c and ipc.c. */
#include "exo/abi/syscall.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "l4core/fast.h"
#include "l4core/fpage.h"
#include "l4core/kernel_ipc.h"
#include "l4core/map_plain.h"

#define TAG_ONE_ITEM  (2u << 6) /* and nothing else */
#define PAGE_OF(word) ((word) & ~(word_t)(PAGE_SIZE - 1))

/* How the pager is told of `t`. */
static word_t name_for(const struct thread *pager, const struct thread *t)
{
    return pager->env == t->env ? t->utcb_va + UTCB_MR : t->global_id;
}

bool hook_page_fault_fast(struct thread *t, vaddr_t address, rights_t access)
{
    const word_t id = *thread_mr(t, TCR_PAGER);
    struct thread *p = thread_or_nobody(id >> 32);

    if (thread_exo(t)->entry[UPCALL_FAULT] || !list_is_empty(&t->senders) ||
        !fast_is_ready(t, p, id))
        return false;
    struct regs *to = thread_regs(p);
    to->r9 = kernel_fault_tag(access);
    to->rax = address;
    to->rbx = thread_regs(t)->rip;
    to->rsi = name_for(p, t);
    to->rdi = p->utcb_va + UTCB_MR;
    t->ipc_kernel = IPC_PAGE_FAULT;
    t->ipc_from = id;
    t->state = THREAD_IPC_RECEIVE;
    sched_direct(t, p);
    return true;
}

/* Does `p` wait for `t`, its pager? */
static bool awaits_page(const struct thread *t, const struct thread *p, word_t id)
{
    return p->global_id == id &&
           p->readiness == cpu_this()->awaits_message + READINESS_KERNEL(IPC_PAGE_FAULT) &&
           p->ipc_from == t->global_id;
}

/* The page whose rights and address `fpage` has, to `target`. Both have their tables remembered:
 * else that is the general path's. */
static bool map(struct env *from, word_t fpage, struct env *to, vaddr_t target)
{
    const vaddr_t source = PAGE_OF(fpage);

    return env_leaf_is(from, source) && env_leaf_is(to, target) &&
           map_plain_entry(from, source, env_leaf_entry(from, source), to, target,
                           env_leaf_entry(to, target), fpage_rights(fpage));
}

/* Under the forest lock. */
static bool answer(struct thread *t, const struct regs *r)
{
    struct thread *p = thread_or_nobody(r->rsi >> 32);
    const word_t header = r->rax, fpage = r->rbx;

    if (TIMEOUT_RECEIVE(r->r8) != TIME_NEVER || !fast_waits(t, r->rsi, r->rdx) ||
        !awaits_page(t, p, r->rsi))
        return false;
    if (FPAGE_BITS(fpage) != PAGE_BITS || !map(t->env, fpage, p->env, PAGE_OF(header)))
        return false;
    t->ipc_from = r->rdx;
    t->state = THREAD_IPC_RECEIVE;
    p->ipc_kernel = IPC_OWN;
    sched_direct(t, p);
    return true;
}

bool hook_ipc_map(struct thread *t)
{
    const struct regs *r = thread_regs(t);

    if ((uint16_t)r->r9 != TAG_ONE_ITEM || ITEM_KIND(r->rax) != ITEM_MAP || !forest_try_lock())
        return false;
    bool done = answer(t, r);
    forest_unlock();
    return done;
}
