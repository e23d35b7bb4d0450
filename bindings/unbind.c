/* Unbinding in steps. */
#include "bindings/unbind.h"

#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/syscall.h"
#include "exo/arch/upward.h"
#include "exo/env/cpu.h"
#include "exo/env/thread.h"

#define VISITS 512u /* nodes looked at before interrupts are let in */

uint32_t unbind_done(struct thread *caller, word_t of, slot_t env)
{
    struct unbinding *u = &caller->unbinding;
    const uint32_t done = u->of == of && u->env == env ? u->done : 0;

    u->done = 0;
    return done;
}

int unbind_derived(pte_t *e, const struct thread *caller, uint32_t *visits)
{
    struct taking t = {.root = entry_node(e)};

    if (!t.root->child)
        return ERR_OK;
    if (*visits >= VISITS)
        return CALL_AGAIN;
    enum taken done = revoke_some(&t);
    *visits += t.visits;
    if (done != TAKEN_SOME)
        return ERR_OK;
    if (cpu_this()->current == caller && caller->state != THREAD_DEAD)
        return CALL_AGAIN;
    revoke_all(t.root, false); /* who went with its own page enters nothing again */
    return ERR_OK;
}

int unbind_again(struct thread *caller, word_t number, slot_t env, word_t of, word_t count,
                 uint32_t done)
{
    caller->unbinding = (struct unbinding){.of = of, .env = env, .done = done};
    regs_set_call(thread_regs(caller), SYS_BASE + number, env, of, count);
    return CALL_AGAIN;
}
