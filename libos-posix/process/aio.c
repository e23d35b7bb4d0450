/* Contexts of Linux' asynchronous I/O, and the results that wait in them. */
#include "libos-posix/process/aio.h"

struct aio *aio_find(const struct process *p, uint64_t id)
{
    for (struct aio *c = p->aio; c; c = c->next)
        if (c->id == id)
            return c;
    return NULL;
}

void aio_add(struct aio *c, struct aio_result *r)
{
    r->next = NULL;
    *(c->first ? &c->last->next : &c->first) = r;
    c->last = r;
    c->count++;
}

struct aio_result *aio_take(struct aio *c)
{
    struct aio_result *r = c->first;

    c->first = r->next;
    c->count--;
    return r;
}

void aio_forget(struct process *p, struct aio *c)
{
    for (struct aio **at = &p->aio; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    while (c->first)
        core_heap_free(&p->arena->heap, aio_take(c), sizeof(struct aio_result));
    core_heap_free(&p->arena->heap, c, sizeof *c);
}

void aio_forget_all(struct process *p)
{
    while (p->aio)
        aio_forget(p, p->aio);
}
