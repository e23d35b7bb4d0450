/* Fake: a kernel without network card. Its calls say so, and no ring is ever there to be ended. */
#include "bindings/filters.h"

#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/entry/main.h"
#include "exo/io/nic.h"

int sys_ring_create(struct thread *caller, const struct sys_ring_create_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_NO_DEVICE;
}

int sys_ring_filter(struct thread *caller, const struct sys_ring_filter_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_BAD_CAP;
}

int sys_ring_keys(struct thread *caller, const struct sys_ring_keys_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_BAD_CAP;
}

int sys_filters_create(struct thread *caller, const struct sys_filters_create_args *a,
                       word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_BAD_CAP;
}

int sys_filters_set(struct thread *caller, const struct sys_filters_set_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_BAD_CAP;
}

void filters_destroy(struct filters *f)
{
    ASSERT(!f);
}

void filters_drop(struct filters *f, struct node *n)
{
    ASSERT(!f && !n);
}

const char *filters_check(const struct filters *f)
{
    (void)f;
    return NULL;
}

int sys_ring_kick(struct thread *caller, const struct sys_ring_kick_args *a, word_t *result)
{
    (void)caller;
    (void)a;
    (void)result;
    return ERR_BAD_CAP;
}

void ring_destroy(struct ring *r)
{
    ASSERT(!r);
}

void ring_drop(struct ring *r, struct node *n)
{
    ASSERT(!r && !n);
}

void ring_settle(void)
{
}

const struct ring *ring_at(uint32_t index)
{
    (void)index;
    return NULL;
}

void nic_poll(void)
{
}

void nic_restart(void)
{
}

void nic_flush(void)
{
}

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    (void)segments, (void)count, (void)cookie;
    return false;
}

bool boot_has_option(const char *word)
{
    (void)word;
    return false;
}

void ring_set_filter(struct ring *r, struct cap *graft)
{
    (void)graft;
    ASSERT(!r);
}
