/*
 * Capabilities by slot.
 *
 * Invariants. cap_check() tests them for one environment and names the broken one.
 *   C1  an empty slot is all zeroes
 *   C2  a capability has no right that the capability it was derived from lacks, and its range lies
 *       inside that one's
 *   C3  a capability derived from one with a badge has that badge
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/kinfo.h"
#include "exo/abi/syscall.h"
#include "exo/arch/mmu.h"
#include "exo/env/env.h"

struct thread;

/* The slot's memory, or NULL when it is SLOT_NONE or beyond the table. */
static inline struct cap *cap_slot(const struct env *e, slot_t slot)
{
    if (slot == SLOT_NONE || slot / CAPS_PER_FRAME >= CAPTABLE_FRAMES)
        return NULL;
    struct cap *table = e->captables[slot / CAPS_PER_FRAME];
    return table ? &table[slot % CAPS_PER_FRAME] : NULL;
}

/* cap_find for a slot that the table may have. */
static inline struct cap *cap_find_within(const struct env *e, word_t slot, enum cap_kind kind)
{
    struct cap *table = e->captables[slot / CAPS_PER_FRAME];
    struct cap *c = table ? &table[slot % CAPS_PER_FRAME] : NULL;

    return c && c->kind == kind ? c : NULL; /* the slot SLOT_NONE is empty */
}

/* The capability in `slot` when it has kind `kind`, else NULL. */
static inline struct cap *cap_find(const struct env *e, slot_t slot, enum cap_kind kind)
{
    return slot / CAPS_PER_FRAME < CAPTABLE_FRAMES ? cap_find_within(e, slot, kind) : NULL;
}

/* The same for a register, which may be no slot. */
static inline struct cap *cap_find_word(const struct env *e, word_t slot, enum cap_kind kind)
{
    return slot / CAPS_PER_FRAME < CAPTABLE_FRAMES ? cap_find_within(e, slot, kind) : NULL;
}

/* The first capability in a table, or NULL. */
struct node *cap_table_contents(struct cap *caps);

/* BAD_ARG or IN_USE when `slot` cannot receive a capability; else it is `*out`. */
enum err cap_free_slot(const struct env *e, slot_t slot, struct cap **out);

/* The object of a capability of that kind in `slot`, or NULL. */
static inline struct env *cap_env(const struct env *e, word_t slot, rights_t *rights)
{
    const struct cap *c = cap_find_word(e, slot, CAP_ENV);

    if (!c)
        return NULL;
    *rights = c->rights;
    return arch_phys((paddr_t)c->base << PAGE_BITS);
}
struct thread *cap_thread(const struct env *e, slot_t slot, rights_t *rights);
struct notification *cap_notification(const struct env *e, slot_t slot, struct cap **cap);

/* Fills an empty slot's memory with `kind` of [base, base + count), a child of `parent`. */
void cap_make(struct cap *slot, struct cap *parent, enum cap_kind kind, rights_t rights,
              uint32_t base, uint32_t count, unsigned flags);

/* Where frames for an object come from, proved by object_check. */
struct object_place {
    struct cap *region;
    struct cap *dst; /* empty slot; NULL: none wanted */
    pfn_t base;
    uint32_t count;
};

/* Checks the arguments that all object makers share: `region`, `base` (or PFN_ANY), `count` frames,
 * and `dst` (SLOT_NONE is refused unless `want_dst` is false). Errors in the order of testing:
 * BAD_ARG (range, dst), BAD_CAP, IN_USE, NO_MEM. Finding PFN_ANY's frames is its last step. */
enum err object_check(const struct env *e, slot_t region, pfn_t base, uint32_t count, slot_t dst,
                      bool want_dst, struct object_place *out);

/* Gives the frames to `owner` as one object and, if wanted, makes its first capability. */
void object_make(const struct object_place *p, enum frame_type type, uint16_t owner,
                 enum cap_kind kind);

const char *cap_check(const struct env *e);
