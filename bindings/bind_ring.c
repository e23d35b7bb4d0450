/* Calls: packet rings. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/object.h"
#include "bindings/ring.h"
#include "exo/abi/graft.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/io/nic.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

/* What users learn of the card. */
void ring_init(void)
{
    struct kinfo *k = kinfo_get();

    k->nic_present = nic_present();
    k->nic_mtu = nic_mtu();
    nic_mac(k->nic_mac);
    k->nic_offloads = nic_offloads();
}

void hook_nic_interrupt(void)
{
    forest_lock();
    ring_serve_card();
    forest_unlock();
}

struct create_plan {
    struct object_place place;
    struct cap *frames;
    struct cap *notification; /* or NULL */
};

static enum err check_create(const struct env *e, const struct sys_ring_create_args *a,
                             struct create_plan *p)
{
    const struct cap *nic = cap_find(e, a->nic, CAP_NIC);
    enum err place = object_check(e, a->region, a->base, 1, a->dst, true, &p->place);

    p->frames = cap_find(e, a->frames, CAP_FRAMES);
    p->notification = cap_find(e, a->notification, CAP_NOTIFICATION);
    if (place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!nic || place == ERR_BAD_CAP || !p->frames ||
        (a->notification != SLOT_NONE && !p->notification))
        return ERR_BAD_CAP;
    if (!(p->frames->rights & RIGHT_READ) || !(p->frames->rights & RIGHT_WRITE) ||
        !(nic->rights & RIGHT_WRITE) ||
        (p->notification && !(p->notification->rights & RIGHT_WRITE)))
        return ERR_NO_RIGHT;
    if (!nic_present())
        return ERR_NO_DEVICE;
    if (place == ERR_OK && !ring_has_room())
        return ERR_NO_MEM;
    return place;
}

int sys_ring_create(struct thread *caller, const struct sys_ring_create_args *a, word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_RING, caller->env->number, CAP_RING);
    struct ring *r = frame_memory(p.place.base);
    ring_begin(r, p.frames, p.notification);
    object_begin(&object_table[OBJECT_RINGS + r->index], CAP_RING, p.place.base,
                 caller->env->number);
    return ERR_OK;
}

static bool is_packet_filter(const struct cap *graft)
{
    return ((const struct graft *)frame_memory(graft->base))->program.hook ==
           GRAFT_HOOK_PACKET_FILTER;
}

int sys_ring_filter(struct thread *caller, const struct sys_ring_filter_args *a, word_t *result)
{
    const struct cap *ring = cap_find(caller->env, a->ring, CAP_RING);
    struct cap *graft = cap_find(caller->env, a->graft, CAP_GRAFT);

    (void)result;
    if (!ring || (a->graft != SLOT_NONE && !graft))
        return ERR_BAD_CAP;
    if (!(ring->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (graft && !is_packet_filter(graft))
        return ERR_BAD_STATE;
    ring_set_filter(frame_memory(ring->base), graft);
    return ERR_OK;
}

struct keys_plan {
    struct ring *ring;
    struct ring_key keys[RING_KEYS];
};

static bool all_good(const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!key_is_good(&keys[i]))
            return false;
    return true;
}

static enum err check_keys(const struct env *e, const struct sys_ring_keys_args *a,
                           struct keys_plan *p)
{
    const struct cap *cap = cap_find(e, a->ring, CAP_RING);

    if (a->count > RING_KEYS)
        return ERR_BAD_ARG;
    bool readable = space_copy_in(e->root, p->keys, a->keys, a->count * sizeof p->keys[0]);
    if (readable && !all_good(p->keys, a->count))
        return ERR_BAD_ARG;
    if (!cap)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!readable)
        return ERR_BAD_USER;
    p->ring = frame_memory(cap->base);
    if (!p->ring->memory.parent)
        return ERR_BAD_STATE;
    if (ring_keys_steal(p->ring, p->keys, a->count))
        return ERR_IN_USE;
    return ring_keys_fit(p->keys, a->count) ? ERR_OK : ERR_NO_MEM;
}

int sys_ring_keys(struct thread *caller, const struct sys_ring_keys_args *a, word_t *result)
{
    struct keys_plan p;
    enum err e = check_keys(caller->env, a, &p);

    (void)result;
    if (e == ERR_OK)
        ring_set_keys(p.ring, p.keys, a->count);
    return (int)e;
}

int sys_ring_kick(struct thread *caller, const struct sys_ring_kick_args *a, word_t *result)
{
    const struct cap *cap = cap_find(caller->env, a->ring, CAP_RING);
    struct ring *r = cap ? frame_memory(cap->base) : NULL;

    if (!cap)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!r->memory.parent)
        return ERR_BAD_STATE;
    *result = ring_take(r);
    return ERR_OK;
}
