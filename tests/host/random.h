/* Slots by chance, for tests that play users who do anything. */
#pragma once

#include "bindings/cap.h"
#include "tests/fuzz/chance.h"
#include "tests/host/kernel_world.h"

#define SLOTS 48u /* slots that random calls name          */

static slot_t any_slot(void)
{
    return rarely(50) ? rnd(300) : rnd(SLOTS);
}

/* A slot of `t`'s that holds `kind`, if a few tries find one. */
static slot_t slot_of(const struct thread *t, enum cap_kind kind)
{
    slot_t s = any_slot();

    for (unsigned i = 0; i < SLOTS && !cap_find(t->env, s, kind); i++)
        s = s + 1 < SLOTS ? s + 1 : 1;
    return rarely(20) ? any_slot() : s;
}

static slot_t empty_slot(const struct thread *t)
{
    return rarely(10) ? any_slot() : slot_of(t, CAP_NONE);
}
