/* Calls: parts of the network card. */
#include "bindings/cap.h"
#include "bindings/flows.h"
#include "bindings/object.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct create_plan {
    struct object_place place;
    struct cap *nic;
    struct flows_load load;
};

static bool is_good(const struct flows_load *l)
{
    if (l->count == 0 || l->count > FLOWS_KEYS)
        return false;
    for (uint32_t i = 0; i < l->count; i++)
        if (!key_is_good(&l->keys[i]))
            return false;
    return true;
}

static enum err check_create(const struct env *e, const struct sys_flows_create_args *a,
                             struct create_plan *p)
{
    bool readable = space_copy_in(e->root, &p->load, a->load, sizeof p->load);
    enum err place = object_check(e, a->region, a->base, 1, a->dst, true, &p->place);
    struct cap *nic = cap_find(e, a->nic, CAP_NIC);

    p->nic = nic ? nic : cap_find(e, a->nic, CAP_FLOWS);
    if (place == ERR_BAD_ARG || (readable && !is_good(&p->load)))
        return ERR_BAD_ARG;
    if (!p->nic || place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!readable)
        return ERR_BAD_USER;
    const struct flows *of = flows_of_cap(p->nic);
    if (~p->nic->rights & (RIGHT_WRITE | RIGHT_GRANT) ||
        !flows_hold(of, p->load.keys, p->load.count))
        return ERR_NO_RIGHT;
    const uint32_t own = flows_narrow(of, p->load.keys, p->load.count);
    if (place == ERR_OK &&
        !flows_fit(of, p->load.rings, p->load.bound, (int64_t)own + p->load.narrow))
        return ERR_NO_MEM;
    return place;
}

int sys_flows_create(struct thread *caller, const struct sys_flows_create_args *a, word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_FLOWS, caller->env->number, CAP_FLOWS);
    flows_begin(frame_memory(p.place.base), p.nic, &p.load);
    return ERR_OK;
}

int sys_flows_read(struct thread *caller, const struct sys_flows_read_args *a, word_t *result)
{
    const struct cap *cap = cap_find(caller->env, a->flows, CAP_FLOWS);
    struct flows_load load = {0};

    (void)result;
    if (!cap)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_READ))
        return ERR_NO_RIGHT;
    const struct flows *f = frame_memory(cap->base);
    load.count = f->count;
    load.rings = f->rings;
    load.bound = f->bound;
    load.narrow = f->narrow;
    for (uint32_t i = 0; i < f->count; i++)
        load.keys[i] = f->keys[i];
    return space_copy_out(caller->env->root, a->load, &load, sizeof load) ? ERR_OK : ERR_BAD_USER;
}
