/* Which thread got which I/O port. */
#include "libos/servers/ports.h"

#include <l4/schedule.h>

#include "libos/slots.h"

#define PORTS 65536u

static uint16_t owner[PORTS]; /* number of the thread that got it; 0: nobody did */
static volatile char busy;

static void lock(void)
{
    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        L4_Yield();
}

static void unlock(void)
{
    __atomic_clear(&busy, __ATOMIC_RELEASE);
}

/* Is one of [first, end) here to be given? */
static bool is_here(L4_Word_t first, L4_Word_t end)
{
    for (slot_t slot = 1; slot < CAPS_PER_FRAME; slot++) {
        const volatile struct cap *c = slot_cap(slot);
        if (c && c->kind == CAP_PORTS && c->base < end && first < c->base + c->count)
            return true;
    }
    return false;
}

static bool take(uint16_t client, L4_Word_t first, L4_Word_t end)
{
    for (L4_Word_t port = first; port < end; port++)
        if (owner[port] && owner[port] != client)
            return false;
    for (L4_Word_t port = first; port < end; port++)
        owner[port] = client;
    return true;
}

L4_Fpage_t ports_serve(L4_ThreadId_t client, L4_Fpage_t wanted)
{
    const L4_Word_t log2 = L4_IoFpageSizeLog2(wanted);
    bool given = false;

    if (log2 > 16)
        return L4_Nilpage;
    const L4_Word_t first = L4_IoFpagePort(wanted) >> log2 << log2, end = first + (1ul << log2);
    lock();
    given = is_here(first, end) && take((uint16_t)L4_ThreadNo(client), first, end);
    unlock();
    return given ? L4_FpageAddRights(L4_IoFpageLog2(first, (unsigned)log2), L4_FullyAccessible)
                 : L4_Nilpage;
}
