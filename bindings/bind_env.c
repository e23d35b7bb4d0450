/* Calls: environments, their capability tables and page tables, and memory for frames. */
#include "bindings/cap.h"
#include "bindings/env_make.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/page.h"
#include "exo/base/sequence.h"
#include "exo/entry/handlers.h"
#include "exo/entry/main.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

int sys_null(struct thread *caller, const struct sys_null_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_OK;
}

/* Who has the first frame of [base, base + count) that is not free. */
static word_t name_owner(const struct env *reader, pfn_t base, uint32_t count)
{
    pfn_t n = frame_first_used(base, base + count);
    uint16_t owner = frame_of(n)->owner;

    if (kinfo_get()->hidden && owner != reader->number)
        owner = OWNER_HIDDEN;
    return n | (word_t)owner << 32;
}

int sys_frames_alloc(struct thread *caller, const struct sys_frames_alloc_args *a, word_t *result)
{
    struct object_place p;

    if (a->count == 0)
        return ERR_BAD_ARG;
    enum err e = object_check(caller->env, a->region, a->base, a->count, a->dst, true, &p);
    if (e == ERR_IN_USE && cap_slot(caller->env, a->dst)->kind == CAP_NONE)
        *result = name_owner(caller->env, a->base, a->count);
    if (e != ERR_OK)
        return (int)e;
    object_make(&p, FRAME_MEMORY, caller->env->number, CAP_FRAMES);
    *result = p.base;
    return ERR_OK;
}

static enum err check_find(const struct env *e, const struct sys_frames_find_args *a,
                           struct object_place *place)
{
    struct cap *r = cap_find(e, a->region, CAP_REGION), *dst = cap_slot(e, a->dst);
    pfn_t low = (pfn_t)a->range, end = (pfn_t)(a->range >> 32);

    if (a->count == 0 || low >= end || a->align > FRAME_ALIGN_MAX || a->colours == 0 || !dst)
        return ERR_BAD_ARG;
    if (!r)
        return ERR_BAD_CAP;
    if (dst->kind != CAP_NONE)
        return ERR_IN_USE;
    if (low < r->base)
        low = r->base;
    if (end > r->base + r->count)
        end = r->base + r->count;
    *place = (struct object_place){
        r, dst, frame_find_like(low, end, a->count, a->align, a->colours), a->count};
    return place->base == PFN_ANY ? ERR_NO_MEM : ERR_OK;
}

int sys_frames_find(struct thread *caller, const struct sys_frames_find_args *a, word_t *result)
{
    struct object_place p;
    enum err e = check_find(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    object_make(&p, FRAME_MEMORY, caller->env->number, CAP_FRAMES);
    *result = p.base;
    return ERR_OK;
}

struct env *env_make(const struct object_place *p, uint16_t number, uint16_t maker)
{
    struct env *e = env_init(p->base, number, maker);

    sequence_begin(frame_sequence);
    for (pfn_t n = p->base; n < p->base + ENV_FRAMES; n++)
        frame_of(n)->owner = number;
    frame_of(p->base)->type = FRAME_ENV;
    frame_of(p->base + 1)->type = FRAME_CAPTABLE;
    for (pfn_t n = e->root; n < e->root + TABLE_FRAMES; n++) {
        frame_of(n)->type = n == e->root ? FRAME_TABLE : FRAME_NODES;
        frame_of(n)->first = e->root;
    }
    frame_of(e->root)->level = MMU_LEVELS;
    sequence_end(frame_sequence);
    arch_mmu_root_init(frame_memory(e->root));
    e->info->frames = ENV_FRAMES;
    return e;
}

int sys_env_create(struct thread *caller, const struct sys_env_create_args *a, word_t *result)
{
    struct object_place p;
    uint16_t number = env_number_free();
    enum err e = object_check(caller->env, a->region, a->base, ENV_FRAMES, a->dst, true, &p);

    if (e != ERR_OK)
        return (int)e;
    if (!number)
        return ERR_NO_MEM;
    frame_take(p.base, ENV_FRAMES, FRAME_ENV, number, node_name(&p.dst->node));
    cap_make(p.dst, p.region, CAP_ENV, RIGHT_ALL, p.base, ENV_FRAMES, CAP_ORIGIN);
    env_make(&p, number, caller->env->number);
    *result = number;
    return ERR_OK;
}

int sys_env_extend(struct thread *caller, const struct sys_env_extend_args *a, word_t *result)
{
    struct object_place p;
    rights_t rights = 0;
    struct env *env = cap_env(caller->env, a->env, &rights);
    enum err e = object_check(caller->env, a->region, a->base, 1, SLOT_NONE, false, &p);

    if (e == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!env || e == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (e != ERR_OK)
        return (int)e;
    if (env->captable_count == CAPTABLE_FRAMES)
        return ERR_NO_MEM;
    uint32_t i = env->captable_count++;
    frame_take(p.base, 1, FRAME_CAPTABLE, env->number, node_name(&env->captable_nodes[i]));
    node_link(&p.region->node, &env->captable_nodes[i]);
    env->captables[i] = frame_memory(p.base);
    env->info->frames++;
    if (i < sizeof env->info->captables / sizeof env->info->captables[0])
        env->info->captables[i] = p.base;
    *result = i * CAPS_PER_FRAME;
    return ERR_OK;
}

struct table_plan {
    struct object_place place;
    struct env *env;
    pte_t *entry;
};

static enum err check_table(const struct env *caller, const struct sys_table_create_args *a,
                            struct table_plan *plan)
{
    rights_t rights = 0;
    enum err e =
        object_check(caller, a->region, a->base, TABLE_FRAMES, SLOT_NONE, false, &plan->place);

    plan->env = cap_env(caller, a->env, &rights);
    if (a->va >= USER_TOP || a->level < 1 || a->level >= MMU_LEVELS || e == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!plan->env || e == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    plan->entry = space_entry(plan->env->root, a->va, a->level + 1);
    if (!plan->entry)
        return ERR_NO_TABLE;
    if (arch_pte_present(*plan->entry))
        return ERR_IN_USE;
    return e;
}

int sys_table_create(struct thread *caller, const struct sys_table_create_args *a, word_t *result)
{
    struct table_plan p;
    enum err e = check_table(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    frame_take(p.place.base, TABLE_FRAMES, FRAME_TABLE, p.env->number, 0);
    table_show(p.entry, &p.place.region->node, p.place.base, a->level);
    p.env->info->frames += TABLE_FRAMES;
    *result = p.place.base;
    return ERR_OK;
}

int sys_env_watch(struct thread *caller, const struct sys_env_watch_args *a, word_t *result)
{
    rights_t rights = 0;
    struct cap *c;
    struct env *env = cap_env(caller->env, a->env, &rights);
    struct notification *n = cap_notification(caller->env, a->notification, &c);

    (void)result;
    if (!a->bits)
        return ERR_BAD_ARG;
    if (!env || !n)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || !(c->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (env->watch.parent)
        return ERR_IN_USE;
    node_link(&c->node, &env->watch);
    env->watch_bits = a->bits;
    if (env->ended)
        hook_env_ended(env);
    return ERR_OK;
}

void hook_env_ended(struct env *e)
{
    const struct node *parent = node_at(e->watch.parent);

    if (!parent)
        return;
    const struct cap *c = (const struct cap *)(const void *)parent;
    notification_raise(frame_memory(c->base), e->watch_bits);
}

int sys_env_kmem(struct thread *caller, const struct sys_env_kmem_args *a, word_t *result)
{
    rights_t rights = 0;
    struct env *env = cap_env(caller->env, a->env, &rights);
    struct cap *region = cap_find(caller->env, a->region, CAP_REGION);

    (void)result;
    if (!env || !region)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || !(region->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (env->kmem.parent)
        return ERR_IN_USE;
    node_link(&region->node, &env->kmem);
    return ERR_OK;
}

int sys_env_privilege(struct thread *caller, const struct sys_env_privilege_args *a, word_t *result)
{
    rights_t rights = 0;
    struct env *env = cap_env(caller->env, a->env, &rights);
    const struct cap *machine = cap_find(caller->env, a->machine, CAP_MACHINE);

    (void)result;
    if (!env || !machine)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || !(machine->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    env->privileged = true;
    return ERR_OK;
}

/* Printable ASCII, NUL only behind the last character of a word that is not full. */
static bool is_name(word_t w)
{
    for (; w; w >>= 8)
        if ((w & 0xff) && ((w & 0xff) < 0x20 || (w & 0xff) > 0x7e))
            return false;
    return true;
}

int sys_env_name(struct thread *caller, const struct sys_env_name_args *a, word_t *result)
{
    rights_t rights = 0;
    struct env *env = cap_env(caller->env, a->env, &rights);
    word_t words[2] = {a->low, a->high};

    (void)result;
    if (!is_name(a->low) || !is_name(a->high))
        return ERR_BAD_ARG;
    if (!env)
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    sequence_begin(&env->info->sequence);
    __builtin_memcpy(env->info->name, words, sizeof words);
    sequence_end(&env->info->sequence);
    return ERR_OK;
}
