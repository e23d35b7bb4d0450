/* Asking a port authority. */
#include "libos-net/ports.h"

#include "libos-net/ring_link.h"

#include "libos/call.h"
#include "libos/endpoint.h"
#include "libos/slots.h"

#define ANSWER_WORDS 4u

bool ports_are_given(void)
{
    const volatile struct cap *nic = slot_cap(SLOT_NIC), *net = slot_cap(SLOT_NET);

    return !nic && net && net->kind == CAP_ENDPOINT;
}

/* The words are in the message registers; so are those of the answer. */
static enum err call(uint32_t label, unsigned words, unsigned wanted)
{
    if (!ports_are_given())
        return ERR_NO_DEVICE;
    L4_Set_MsgTag(L4_MsgTagMake(label, words, 0));
    const L4_MsgTag_t tag = L4_Call(endpoint_id(SLOT_NET));
    if (L4_IpcFailed(tag))
        return ERR_NO_DEVICE;
    const enum err e = (enum err)L4_Label(tag);
    return e == ERR_OK && L4_UntypedWords(tag) != wanted ? ERR_NO_DEVICE : e;
}

static L4_Word_t name_of(uint8_t protocol, uint16_t port)
{
    return protocol | (L4_Word_t)port << 16;
}

enum err ports_ask(struct ports_lease *lease, uint8_t protocol, uint16_t port, uint32_t address,
                   uint32_t wants)
{
    slot_t slot;
    enum err e = ports_are_given() ? slot_take(&slot) : ERR_NO_DEVICE;

    if (e)
        return e;
    L4_LoadMR(1, name_of(protocol, port) | (L4_Word_t)wants << 32);
    L4_LoadMR(2, address);
    L4_LoadMR(3, slot);
    e = call(PORTS_ASK, 3, ANSWER_WORDS);
    if (e) {
        slot_give(slot);
        return e;
    }
    L4_Word_t w[ANSWER_WORDS];
    L4_StoreMRs(1, ANSWER_WORDS, w);
    *lease = (struct ports_lease){.part = slot,
                                  .protocol = protocol,
                                  .port = (uint16_t)w[0],
                                  .address = (uint32_t)w[1],
                                  .mask = (uint32_t)w[2],
                                  .gateway = (uint32_t)w[3]};
    return ERR_OK;
}

enum err ports_release(struct ports_lease *lease)
{
    L4_LoadMR(1, name_of(lease->protocol, lease->port));
    const enum err e = call(PORTS_RELEASE, 1, 0);

    if (e == ERR_OK) {
        slot_give(lease->part); /* which the authority has emptied */
        *lease = (struct ports_lease){0};
    }
    return e;
}

/* ARP, too: who opens a link with a stack wants to ask. */
static enum err lease(struct ports_lease *out, uint32_t *address, uint8_t protocol, uint16_t port)
{
    enum err e = ports_ask(out, protocol, port, *address, PORTS_WANT_ARP);

    if (e == ERR_OK)
        *address = out->address;
    return e;
}

enum err ports_open_link(struct ring_link *l, uint32_t frames, uint32_t *address, uint8_t protocol,
                         uint16_t port, bool partial)
{
    struct ports_lease leased = {.part = SLOT_NIC};
    enum err e = ports_are_given() ? lease(&leased, address, protocol, port) : ERR_OK;

    if (e == ERR_OK)
        e = ring_link_open_by(l, leased.part, frames);
    if (e)
        return e;
    if (partial)
        ring_link_accept_partial(l);
    return leased.part == SLOT_NIC ? keys_bind_port(l->slot, *address, protocol, port)
                                   : ports_bind(l->slot, leased.part);
}

enum err ports_bind(slot_t ring, slot_t part)
{
    struct flows_load load = {0};
    enum err e = exo_flows_read(part, (vaddr_t)&load);

    if (e)
        return e;
    return exo_ring_keys(ring, (vaddr_t)load.keys, load.count < RING_KEYS ? load.count : RING_KEYS);
}
