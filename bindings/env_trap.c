/* Places of environments at traps: page faults that a graft repairs, and calls of other systems
 * that it answers. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/page.h"
#include "exo/abi/batch.h"
#include "exo/abi/cap.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"

/* What a graft returns of a page fault (exo/abi/graft.h). */
struct verdict {
    uint8_t what; /* enum graft_fault_verdict */
    uint8_t rights;
    uint16_t slot;
    uint32_t page;
};

static struct verdict verdict_of(uint64_t result)
{
    return (struct verdict){(uint8_t)result, (uint8_t)(result >> 8), (uint16_t)(result >> 16),
                            (uint32_t)(result >> 32)};
}

/* As if the thread had made the call: with its environment's authority over itself. */
static int bind(struct thread *t, vaddr_t page, const struct verdict *v)
{
    struct cap *frames = cap_find(t->env, v->slot, CAP_FRAMES);
    word_t done;

    if (!frames || v->page >= frames->count)
        return ERR_BAD_CAP;
    const word_t rights = v->rights | (word_t)(frames->rights & PAGE_RIGHTS) << 16;
    const word_t what = RUN_FRAMES(frames->base + v->page, rights);
    if (page_bind_single(t, frames, PAGE_RUN(page, 1), what))
        return ERR_OK;
    const struct sys_page_bind_run_args a = {
        .env = SLOT_ENV, .frames = v->slot, .run = PAGE_RUN(page, 1), .what = what};
    return sys_page_bind_run(t, &a, &done);
}

static int protect(struct thread *t, vaddr_t page, const struct verdict *v)
{
    const struct sys_page_protect_run_args a = {
        .env = SLOT_ENV, .run = PAGE_RUN(page, 1), .rights = v->rights};
    word_t done;

    return sys_page_protect_run(t, &a, &done);
}

/* Is the access possible now? Another thread may have met the same fault. */
static bool is_repaired(struct thread *t, vaddr_t page, rights_t access, const struct verdict *v)
{
    if (page >= USER_TOP || (access & ~(v->rights | RIGHT_READ)))
        return false;
    if (v->what == GRAFT_FAULT_PROTECT)
        return protect(t, page, v) == ERR_OK;
    const int e = bind(t, page, v);
    return e == ERR_OK || (e == ERR_IN_USE && space_user(t->env->root, page, access));
}

enum fault_outcome hook_fault_judge(struct thread *t, vaddr_t address, rights_t access, word_t ip)
{
    const struct node *binding = &t->env->places[ENV_PLACE_FAULT];
    struct graft_page_fault context = {
        .address = address, .ip = ip, .access = access, .thread = t->number};

    if (!binding->parent)
        return FAULT_DEFAULT;
    return hook_fault_said(t, address, access, graft_call(binding, &context, GRAFT_FAULT_DEFAULT));
}

enum fault_outcome hook_fault_said(struct thread *t, vaddr_t address, rights_t access,
                                   uint64_t said)
{
    const struct verdict v = verdict_of(said);

    if (v.what == GRAFT_FAULT_PAGER)
        return FAULT_PAGER;
    if (v.what != GRAFT_FAULT_BIND && v.what != GRAFT_FAULT_PROTECT)
        return FAULT_DEFAULT;
    if (!is_repaired(t, address & ~(vaddr_t)(PAGE_SIZE - 1), access, &v))
        return FAULT_DEFAULT;
    t->counts->faults++;
    return FAULT_OVER;
}

bool hook_call_judge(struct thread *t, struct graft_system_call *call)
{
    const struct node *binding = &t->env->places[ENV_PLACE_CALL];

    if (!binding->parent)
        return false;
    const uint64_t answer = graft_call(binding, call, GRAFT_CALL_PASS);
    if (answer == GRAFT_CALL_PASS)
        return false;
    call->number = answer;
    return true;
}
