/* IO fpages in map and grant items and in Unmap. L4 X.2 reference manual, "IO fpages". */
#include "l4core/port_map.h"

#include "bindings/port.h"
#include "exo/abi/l4.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"

#define COMPLETE_BITS 16u

struct ports {
    uint32_t base, end;
};

/* The ports of an IO fpage; none when it names more than there are. */
static struct ports ports_of(word_t fpage)
{
    const unsigned bits = FPAGE_PORT_BITS(fpage);
    const uint32_t base = bits > COMPLETE_BITS ? 0 : FPAGE_PORT(fpage) >> bits << bits;

    return (struct ports){base, bits > COMPLETE_BITS ? 0 : base + (1u << bits)};
}

static uint32_t higher(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Does the window take ports, and which of these? */
static bool limit(word_t window, struct ports *p)
{
    if ((window & ~(word_t)FPAGE_ALL) == FPAGE_COMPLETE)
        return true;
    if (!FPAGE_IS_PORTS(window))
        return false;
    const struct ports w = ports_of(window);
    *p = (struct ports){higher(p->base, w.base), lower(p->end, w.end)};
    return true;
}

word_t port_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    const bool grant = ITEM_KIND(header) == ITEM_GRANT;
    const struct ports all = ports_of(fpage);
    struct ports p = all;

    if (!limit(window, &p))
        return IPC_OVERFLOW;
    const struct ports taken = p;
    for (struct cap *c; p.base < p.end && (c = port_next(from->env, p.base, 0));) {
        const uint32_t base = higher(c->base, p.base), end = lower(c->base + c->count, p.end);
        if (base >= end)
            break;
        p.base = end;
        const bool moves = grant && port_is_mapped(c);
        if (!(moves ? port_grant : port_map)(c, to->env, base, end))
            return IPC_OVERFLOW;
    }
    if (grant && taken.base < taken.end) { /* the rest is flushed */
        port_take(from->env, all.base, taken.base, true);
        port_take(from->env, taken.end, all.end, true);
    }
    return 0;
}

void port_unmap(struct env *e, word_t fpage, bool flush)
{
    const struct ports p = ports_of(fpage);

    port_take(e, p.base, p.end, flush);
}
