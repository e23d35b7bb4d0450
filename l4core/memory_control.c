/* MemoryControl: how the CPU caches the pages of the caller's fpages, and of all that was mapped
 * from them (decision 33). L4 X.2 reference manual. */
#include "bindings/page.h"
#include "exo/abi/l4.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/control.h"
#include "l4core/fpage.h"
#include "l4core/ipc.h"
#include "l4core/map.h"

#define CHOICE(fpage)  ((unsigned)(fpage)&3u) /* which attribute */
#define COUNT(control) (((unsigned)(control)&63u) + 1)

/* The fpages are copied: other threads may write to the caller's UTCB meanwhile. */
struct memory_control {
    const struct env *env;
    word_t attribute[4];
    unsigned count;
    word_t fpage[MR_COUNT];
};

/* The type that an attribute stands for; MEMORY_TYPES: there is none. */
static enum memory_type type_of(word_t attribute)
{
    static const uint8_t types[] = {MEMORY_DEFAULT,         MEMORY_UNCACHED, MEMORY_WRITE_COMBINING,
                                    MEMORY_TYPES,           MEMORY_TYPES,    MEMORY_WRITE_THROUGH,
                                    MEMORY_WRITE_PROTECTED, MEMORY_DEFAULT,  MEMORY_UNCACHED_WEAK};

    return attribute < sizeof types ? types[attribute] : MEMORY_TYPES;
}

/* The pages of an fpage that are the caller's own, one after the other: the entry for the first
 * from `*va` on, below `end`, and behind which `*va` is then; NULL: there are no more. */
static pte_t *next_page(const struct env *e, vaddr_t *va, vaddr_t end, unsigned *level)
{
    while (*va < end && *va < USER_TOP) {
        pte_t *at = space_last(e->root, *va, level);
        const vaddr_t page = *va & ~(MMU_SPAN(*level) - 1);
        *va = page + MMU_SPAN(*level);
        bool shown = arch_pte_present(*at) && !(*level > 1 && arch_pte_is_share(*at));
        if (shown && !map_is_reserved(e, page, MMU_SPAN(*level)))
            return at;
    }
    return NULL;
}

static unsigned check_fpage(const struct env *e, word_t fpage, enum memory_type type)
{
    unsigned bits, level;
    vaddr_t va;

    if (type == MEMORY_TYPES || FPAGE_IS_PORTS(fpage))
        return CALL_ERROR_PARAMETER;
    if (!fpage_range(fpage, &va, &bits))
        return 0;
    const vaddr_t end = va + ((vaddr_t)1 << bits);
    while (next_page(e, &va, end, &level))
        if (!arch_pte_takes_type(level, type))
            return CALL_ERROR_PARAMETER;
    return 0;
}

static enum memory_type type_for(const struct memory_control *c, word_t fpage)
{
    return type_of(c->attribute[CHOICE(fpage)]);
}

static unsigned check(const struct memory_control *c)
{
    unsigned error = c->env->privileged ? 0 : CALL_ERROR_NO_PRIVILEGE;

    for (unsigned i = 0; i < c->count && !error; i++) {
        error = check_fpage(c->env, c->fpage[i], type_for(c, c->fpage[i]));
    }
    return error;
}

static void drop_here(void *unused)
{
    (void)unused;
    arch_cache_drop();
}

static void perform(const struct memory_control *c, struct env *e)
{
    unsigned bits, level;
    vaddr_t va;
    pte_t *at;

    for (unsigned i = 0; i < c->count; i++) {
        if (!fpage_range(c->fpage[i], &va, &bits))
            continue;
        const vaddr_t end = va + ((vaddr_t)1 << bits);
        while ((at = next_page(e, &va, end, &level)))
            page_set_type(at, level, type_for(c, c->fpage[i]));
    }
    cpu_tlb_flush(e, TLB_ALL);
    for (unsigned i = 0; i < cpu_count; i++)
        cpu_call(i, drop_here, NULL);
}

/* The link has moved two attributes to where they outlive the call. */
void memory_control_do(struct thread *caller, struct regs *r)
{
    struct memory_control c = {
        .env = caller->env, .attribute = {r->rdi, r->rsi, r->r8, r->rbp}, .count = COUNT(r->rdx)};

    for (unsigned i = 0; i < c.count; i++)
        c.fpage[i] = ipc_message_word(caller, i);
    if (!forest_lock_for(caller))
        return;
    unsigned error = check(&c);
    if (!error)
        perform(&c, caller->env);
    control_answer(caller, error);
    r->rdx = r->rax;
    forest_unlock();
}
