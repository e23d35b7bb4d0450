/* SpaceControl: where a space has its kernel interface page and its UTCBs, and who gets its IPC
 * redirected. L4 X.2 reference manual. */
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "l4core/control.h"
#include "l4core/partner.h"
#include "l4core/task.h"

#define AREA_BITS_MAX 46u

struct area {
    vaddr_t base;
    uint64_t bytes;
};

/* The area of an fpage that is aligned, of the user's, and not the lowest page. */
static bool area_of(word_t fpage, struct area *a)
{
    unsigned bits = FPAGE_BITS(fpage);

    if (bits < PAGE_BITS || bits > AREA_BITS_MAX)
        return false;
    *a = (struct area){FPAGE_BASE(fpage), (uint64_t)1 << bits};
    return a->base && a->base % a->bytes == 0 && a->base < USER_TOP &&
           a->bytes <= USER_TOP - a->base;
}

static bool overlap(const struct area *a, const struct area *b)
{
    return a->base < b->base + b->bytes && b->base < a->base + a->bytes;
}

/* A UTCB in its area fixes both. */
static bool is_fixed(const struct env *e)
{
    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next) {
        vaddr_t va = LIST_ITEM(l, struct thread, env_link)->utcb_va;
        if (va >= e->utcb_area.base && va - e->utcb_area.base < e->utcb_area.bytes)
            return true;
    }
    return false;
}

static void drop_kip(struct env *e)
{
    pte_t *at = e->kip_area ? space_entry(e->root, e->kip_area, 1) : NULL;

    if (at && arch_pte_present(*at)) {
        page_take(at);
        cpu_tlb_flush(e, e->kip_area);
    }
}

static unsigned set_areas(struct env *e, word_t kip_fpage, word_t utcb_fpage)
{
    struct area kip, utcb;

    if (!area_of(utcb_fpage, &utcb))
        return CALL_ERROR_UTCB_AREA;
    if (!area_of(kip_fpage, &kip) || overlap(&kip, &utcb))
        return CALL_ERROR_KIP_AREA;
    pte_t *at = e->kmem.parent ? task_entry(e, kip.base) : NULL;
    if (!at)
        return CALL_ERROR_NO_MEMORY;
    if (e->kip_area != kip.base)
        drop_kip(e);
    page_show(at, &e->kmem, kip_frame(), RIGHT_READ | RIGHT_EXEC, RIGHT_READ | RIGHT_EXEC);
    e->kip_area = kip.base;
    e->utcb_area.base = utcb.base;
    e->utcb_area.bytes = utcb.bytes;
    return 0;
}

static unsigned control(const struct thread *caller, const struct regs *r)
{
    if (!caller->env->privileged)
        return CALL_ERROR_NO_PRIVILEGE;
    const struct thread *t = control_find(r->rdi);
    if (!t || t->env->ended)
        return CALL_ERROR_SPACE;
    unsigned error = is_fixed(t->env) ? 0 : set_areas(t->env, r->rdx, r->r8);
    if (!error && r->r9 != L4_NIL)
        ipc_set_redirector(t->env, r->r9 == L4_ANY ? L4_NIL : r->r9);
    return error;
}

void space_control_do(struct thread *caller, struct regs *r)
{
    if (!forest_lock_for(caller))
        return;
    unsigned error = control(caller, r);
    if (control_answer(caller, error))
        r->rdx = 0; /* this machine's spaces have no control word */
    forest_unlock();
}
