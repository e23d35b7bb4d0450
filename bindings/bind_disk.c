/* Calls: disk rings. */
#include "bindings/cap.h"
#include "bindings/disk_ring.h"
#include "bindings/object.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/io/disk.h"
#include "exo/mem/frame.h"

/* What users learn of the disk. */
void disk_ring_init(void)
{
    struct kinfo *k = kinfo_get();

    k->disk_blocks = disk_present() ? disk_blocks() : 0;
    k->disk_read_only = disk_present() && disk_read_only();
    k->disk_cached = disk_present() && disk_is_cached();
}

void hook_disk_interrupt(void)
{
    forest_lock();
    disk_ring_serve();
    forest_unlock();
}

struct create_plan {
    struct object_place place;
    struct cap *frames, *extent;
    struct cap *notification; /* or NULL */
};

static bool has_rights(const struct create_plan *p)
{
    rights_t both = RIGHT_READ | RIGHT_WRITE;

    return (p->frames->rights & both) == both && (p->extent->rights & both) &&
           (!p->notification || (p->notification->rights & RIGHT_WRITE));
}

static enum err check_create(const struct env *e, const struct sys_disk_ring_create_args *a,
                             struct create_plan *p)
{
    enum err place = object_check(e, a->region, a->base, 1, a->dst, true, &p->place);

    p->extent = cap_find(e, a->extent, CAP_EXTENT);
    if (!p->extent)
        p->extent = cap_find(e, a->extent, CAP_TREE);
    p->frames = cap_find(e, a->frames, CAP_FRAMES);
    p->notification = cap_find(e, a->notification, CAP_NOTIFICATION);
    if (place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!p->extent || place == ERR_BAD_CAP || !p->frames ||
        (a->notification != SLOT_NONE && !p->notification))
        return ERR_BAD_CAP;
    if (!has_rights(p))
        return ERR_NO_RIGHT;
    if (!disk_present())
        return ERR_NO_DEVICE;
    if (place == ERR_OK && !disk_ring_has_room())
        return ERR_NO_MEM;
    return place;
}

int sys_disk_ring_create(struct thread *caller, const struct sys_disk_ring_create_args *a,
                         word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_DISK_RING, caller->env->number, CAP_DISK_RING);
    struct disk_ring *r = frame_memory(p.place.base);
    disk_ring_begin(r, p.frames, p.extent, p.notification);
    object_begin(&object_table[OBJECT_DISK_RINGS + r->index], CAP_DISK_RING, p.place.base,
                 caller->env->number);
    return ERR_OK;
}

int sys_disk_kick(struct thread *caller, const struct sys_disk_kick_args *a, word_t *result)
{
    const struct cap *cap = cap_find(caller->env, a->ring, CAP_DISK_RING);
    struct disk_ring *r = cap ? frame_memory(cap->base) : NULL;

    if (!cap)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (!disk_ring_is_alive(r))
        return ERR_BAD_STATE;
    *result = disk_ring_take(r);
    return ERR_OK;
}
