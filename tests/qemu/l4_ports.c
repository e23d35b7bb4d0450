/* L4 fpages of I/O ports: mapped, granted, cut, taken back and revoked, between this program and
 * two others, on the other CPU if there is one; and what an access without its port is. The ports
 * are the battery clock's two. */
#include <l4/arch.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/string.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_actor.h"
#include "tests/qemu/tap.h"

#define FIRST    0x70u
#define BOTH     3u /* bits of actor_ask(, ACTOR_PORTS, FIRST, 2) */
#define LOW      1u
#define HIGH     2u
#define PATIENCE (L4_TimePeriod(5000000)) /* on a busy host */

static struct actor q, r; /* q gets them from us, r from q */

static L4_Fpage_t ports(unsigned first, unsigned log2)
{
    return L4_IoFpageLog2(first, log2);
}

static L4_Word_t has(const struct actor *a)
{
    return actor_ask(a, ACTOR_PORTS, FIRST, 2);
}

/* Nobody else has them. */
static void renew(void)
{
    exo_cap_revoke(SLOT_PORTS);
}

/* What an item for `to` is sent with: it receives from `from`, in `window`. */
static struct deed taking(L4_ThreadId_t from, L4_Fpage_t window)
{
    return (struct deed){.from = from,
                         .timeouts = L4_Timeouts(L4_ZeroTime, PATIENCE),
                         .acceptor = L4_MapGrantItems(window).raw};
}

static bool told(const struct outcome *o)
{
    return L4_IpcFailed(o->tag) && o->error == IPC_ERROR(IPC_OVERFLOW, IPC_RECEIVE_PHASE);
}

/* From us to `to`. False: both were told of an overflow. */
static bool map(const struct actor *to, L4_Fpage_t f, L4_Fpage_t window)
{
    struct deed d = taking(L4_Myself(), window);
    struct outcome o;
    L4_Msg_t m;

    actor_begin(to, &d);
    L4_MsgClear(&m);
    L4_MsgAppendMapItem(&m, L4_MapItem(L4_FpageAddRights(f, L4_ReadWriteOnly), 0));
    L4_MsgLoad(&m);
    L4_MsgTag_t tag = L4_Send_Timeout(to->id, PATIENCE);
    L4_Word_t error = L4_ErrorCode();
    bool reported = actor_done(to, &o), sent = L4_IpcSucceeded(tag);
    if (!reported || told(&o) != (!sent && error == IPC_ERROR(IPC_OVERFLOW, IPC_SEND_PHASE)))
        tap_note("sent %u, error %lx; received tag %lx, error %lx", sent, error, o.tag.raw,
                 o.error);
    return sent && L4_IpcSucceeded(o.tag);
}

/* From q to r. */
static bool item(L4_Word_t kind, L4_Fpage_t f, L4_Fpage_t window)
{
    struct deed take = taking(q.id, window), give = {.to = r.id,
                                                     .timeouts = L4_Timeouts(PATIENCE, L4_ZeroTime),
                                                     .tag = L4_MsgTagMake(0, 0, 2),
                                                     .words = {kind, f.raw | L4_ReadWriteOnly}};
    struct outcome of_q, of_r;

    actor_begin(&r, &take);
    return actor_does(&q, &give, &of_q) && actor_done(&r, &of_r) && L4_IpcSucceeded(of_q.tag) &&
           L4_IpcSucceeded(of_r.tag);
}

static void mapped(void)
{
    L4_Fpage_t all = ports(0, 16);

    tap_is(has(&q), 0, "another program has no port");
    tap_ok(map(&q, ports(FIRST, 1), all) && has(&q) == BOTH, "what is mapped to it, it has");
    tap_ok(item(ITEM_MAP, ports(FIRST + 1, 0), all) && has(&r) == HIGH, "it maps one of them on");
    tap_is(has(&q), BOTH, "and has both itself");
    renew();
    tap_ok(map(&q, all, all) && has(&q) == BOTH, "of all ports it gets those that the sender has");
    renew();
    tap_ok(map(&q, ports(FIRST, 1), ports(FIRST + 1, 0)) && has(&q) == HIGH,
           "a window of ports takes what lies in it");
    tap_ok(map(&q, ports(FIRST, 0), L4_CompleteAddressSpace) && has(&q) == BOTH,
           "the complete space takes ports too");
    tap_ok(map(&q, ports(FIRST + 2, 1), all) && has(&q) == BOTH,
           "ports that the sender lacks are nobody's");
    renew();
}

static void refused(void)
{
    tap_ok(!map(&q, ports(FIRST, 1), L4_Nilpage) && has(&q) == 0,
           "who accepts nothing gets none: overflow for both");
    tap_ok(!map(&q, ports(FIRST, 1), L4_FpageLog2(GUEST_FREE, 12)) && has(&q) == 0,
           "nor does a window of memory take ports");
}

static void granted(void)
{
    L4_Fpage_t all = ports(0, 16);

    map(&q, ports(FIRST, 1), all);
    tap_ok(item(ITEM_GRANT, ports(FIRST, 0), all) && has(&r) == LOW && has(&q) == HIGH,
           "a granted port is the receiver's, and no longer the granter's");
    actor_ask(&q, ACTOR_UNMAP, ports(FIRST, 1).raw | L4_FullyAccessible, L4_UNMAP_FLUSH);
    tap_ok(has(&r) == LOW && has(&q) == 0, "what the granter flushes then does not reach it");
    L4_UnmapFpage(L4_FpageAddRights(ports(FIRST, 1), L4_FullyAccessible));
    tap_is(has(&r), 0, "what they came from does");
    map(&q, ports(FIRST, 1), all);
    tap_ok(item(ITEM_GRANT, ports(FIRST, 1), ports(FIRST + 1, 0)) && has(&r) == HIGH &&
               has(&q) == 0,
           "of a grant that is larger than the window the rest is flushed");
    renew();
}

static void derived_by_grant(void)
{
    L4_Fpage_t all = ports(0, 16);

    map(&r, ports(FIRST, 1), all);
    renew();
    map(&q, ports(FIRST, 1), all);
    item(ITEM_MAP, ports(FIRST, 0), all);
    struct deed give = {.to = L4_Myself(),
                        .timeouts = L4_Timeouts(PATIENCE, L4_ZeroTime),
                        .tag = L4_MsgTagMake(0, 0, 2),
                        .words = {ITEM_GRANT, ports(FIRST, 1).raw | L4_ReadWriteOnly}};
    struct outcome o;
    tap_is(exo_env_kmem(SLOT_ENV, SLOT_MEMORY), ERR_OK, "memory for a table of ports");
    L4_Accept(L4_MapGrantItems(all));
    actor_begin(&q, &give);
    bool good = L4_IpcSucceeded(L4_Receive_Timeout(q.id, PATIENCE));
    L4_Accept(L4_UntypedWordsAcceptor);
    tap_ok(good && actor_done(&q, &o) && has(&q) == 0 && has(&r) == LOW,
           "what was derived from a granted port stays");
    L4_UnmapFpage(L4_FpageAddRights(ports(FIRST, 1), L4_FullyAccessible));
    tap_is(has(&r), 0, "and is taken by who has it now");
    renew();
}

static void unmapped(void)
{
    L4_Fpage_t all = ports(0, 16);

    map(&q, ports(FIRST, 1), all);
    item(ITEM_MAP, ports(FIRST, 1), all);
    tap_is(has(&r), BOTH, "both are mapped on");
    L4_Word_t left = actor_ask(&q, ACTOR_UNMAP, ports(FIRST, 0).raw | L4_FullyAccessible, 0);
    tap_is(left & 7, 0, "Unmap of a port tells no status");
    tap_ok(has(&r) == HIGH && has(&q) == BOTH,
           "Unmap takes a part out of what was mapped whole, from who got it");
    actor_ask(&q, ACTOR_UNMAP, ports(FIRST + 1, 0).raw | L4_FullyAccessible, L4_UNMAP_FLUSH);
    tap_ok(has(&r) == 0 && has(&q) == LOW, "Flush takes one's own too");
    map(&q, ports(FIRST, 1), all);
    item(ITEM_MAP, ports(FIRST, 1), all);
    L4_Flush(L4_FpageAddRights(all, L4_FullyAccessible));
    tap_ok(has(&r) == 0 && has(&q) == 0, "through all spaces");
    word_t value;
    tap_is(exo_port_read_get(SLOT_PORTS, FIRST, 1, &value), ERR_OK,
           "what one has by a capability stays");
}

static void revoked(void)
{
    L4_Fpage_t all = ports(0, 16);

    map(&q, ports(FIRST, 1), all);
    item(ITEM_MAP, ports(FIRST, 1), all);
    tap_ok(has(&q) == BOTH && has(&r) == BOTH, "mapped again");
    tap_is(exo_cap_revoke(SLOT_PORTS), ERR_OK, "the exokernel's owner revokes them");
    tap_ok(has(&q) == 0 && has(&r) == 0, "nobody has them any more");
}

/* Of a program made by hand, whose pager is this one. */
static void faults(void)
{
    struct raw raw;
    L4_Msg_t m;

    raw_make(&raw, BLOB(read_clock));
    tap_is(exo_env_kmem(raw.env, SLOT_MEMORY), ERR_OK, "a program whose pager is this one");
    raw_mr(&raw)[TCR_PAGER] = L4_MyGlobalId().raw;
    raw_start(&raw, 0);
    L4_ThreadId_t id = L4_ThreadIdOf(raw.id);
    for (unsigned i = 0; i < 2; i++) {
        L4_MsgTag_t tag = L4_Receive_Timeout(id, PATIENCE);
        L4_Fpage_t f = L4_FpageOf(L4_Utcb()[1]);
        tap_ok(L4_IpcSucceeded(tag) &&
                   (L4_Label(tag) & ~(L4_Word_t)7) == LABEL_PORT_FAULT << 16 >> 16 &&
                   L4_UntypedWords(tag) == 2,
               i ? "after an answer without use it comes again"
                 : "an access without its port is an I/O page fault");
        tap_ok(L4_IsIoFpage(f) && L4_IoFpagePort(f) == FIRST && L4_IoFpageSize(f) == 1 &&
                   L4_Rights(f) == L4_Readable && L4_Utcb()[2] == RAW_CODE,
               "with the port, the access and the instruction");
        L4_Set_MsgTag(L4_Niltag);
        if (!i)
            L4_Reply(id);
    }
    L4_MsgClear(&m);
    L4_MsgAppendMapItem(&m, L4_MapItem(L4_FpageAddRights(ports(FIRST, 0), L4_ReadWriteOnly), 0));
    L4_MsgLoad(&m);
    tap_ok(L4_IpcSucceeded(L4_Reply(id)), "the answer maps it");
    tap_is(guest_await(raw_data(&raw), 1), 1, "and the access is done");
    raw_destroy(&raw);
}

int main(int argc, char **argv)
{
    guest_begin();
    if (argc > 1 && !strcmp(argv[1], ACTOR_ROLE))
        actor_run();
    actor_start(&q, argv[0], KINFO->cpu_count - 1);
    actor_start(&r, argv[0], 0);
    tap_ok(!map(&q, ports(FIRST, 1), ports(0, 16)) && has(&q) == 0,
           "without memory for a table: overflow for both");
    tap_is(actor_ask(&q, ACTOR_LEND, 0, 0) + actor_ask(&r, ACTOR_LEND, 0, 0), 0, "it is lent");
    mapped();
    refused();
    granted();
    derived_by_grant();
    unmapped();
    faults();
    revoked();
    actor_end(&q);
    actor_end(&r);
    return tap_done();
}
