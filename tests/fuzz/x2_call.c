/* Random calls of L4 X.2. */
#include "tests/fuzz/x2_call.h"

#include "exo/abi/batch.h"
#include "exo/abi/l4.h"
#include "tests/fuzz/chance.h"

#define NO_UTCB    (~(word_t)0)
#define AREA_BITS  16u
#define LARGE_BITS 21u

/* One word more of the UTCB. */
static void put(struct x2_call *c, int at, word_t value)
{
    c->words[c->count].at = at;
    c->words[c->count++].value = value;
}

static word_t *mr_register(struct x2_call *c, unsigned i)
{
    word_t *const all[MR_IN_REGISTERS] = {&c->reg.r9,  &c->reg.rax, &c->reg.rbx, &c->reg.r10,
                                          &c->reg.r12, &c->reg.r13, &c->reg.r14, &c->reg.r15};

    return all[i];
}

static void put_mr(struct x2_call *c, unsigned i, word_t value)
{
    if (i < MR_IN_REGISTERS)
        *mr_register(c, i) = value;
    else if (i < MR_COUNT)
        put(c, (int)i, value);
}

static vaddr_t any_large(const struct x2_world *w)
{
    return w->pages + X2_LARGE + rnd(2) * LARGE_SIZE;
}

vaddr_t x2_page(const struct x2_world *w)
{
    if (rarely(6))
        return any_large(w) + rnd(LARGE_PAGES) * PAGE_SIZE;
    return w->pages + (rarely(4) ? X2_FAR : 0) + rnd(X2_PAGES) * PAGE_SIZE;
}

static word_t new_id(const struct x2_world *w)
{
    return (word_t)(w->first_new + rnd(X2_NEW)) << 32 | (rarely(6) ? 2 : 1);
}

static word_t any_global(const struct x2_world *w)
{
    return rarely(5) ? new_id(w) : w->global[rnd(X2_PLAYERS)];
}

static word_t any_local(const struct x2_world *w)
{
    return rarely(4) ? w->utcbs + rnd(4) * UTCB_BYTES + UTCB_MR : w->local[rnd(X2_PLAYERS)];
}

void x2_told(struct x2_world *w, word_t name)
{
    if (L4_IS_NAMED(name))
        w->told[w->next_told++ % X2_TOLD] = name;
}

static word_t any_line(const struct x2_world *w)
{
    return (word_t)rnd(w->lines) << 32 | (rarely(20) ? 2 : 1);
}

/* An endpoint, a notification, a reply that is due or was once, what a bound notification is
 * called, an interrupt line. */
static word_t any_other(const struct x2_world *w)
{
    switch (rnd(8)) {
    case 0:
        return any_line(w);
    case 1:
    case 2:
        return w->told[rnd(X2_TOLD)];
    case 3:
        return rarely(2) ? L4_BOUND : L4_REPLY(rnd(1 << 28));
    default:
        return L4_SLOT(rarely(20) ? rnd(1 << 28) : w->slots + rnd(X2_SLOTS));
    }
}

static word_t any_thread(const struct x2_world *w)
{
    if (rarely(12))
        return any_other(w);
    if (rarely(16))
        return rarely(2) ? L4_NIL : rarely(2) ? L4_ANY : rarely(2) ? L4_ANY_LOCAL : rnd_word();
    return rarely(4) ? any_local(w) : any_global(w);
}

/* Any kind: zero, a short one, never, a point of time. */
static word_t any_time(void)
{
    switch (rnd(8)) {
    case 0:
        return TIME_NEVER;
    case 1:
        return TIME_POINT | rnd(0x8000);
    case 2:
        return rnd(0x8000);
    case 3:
    case 4:
        return 1 + rnd(40);
    default:
        return TIME_ZERO;
    }
}

/* Mostly of pages that are there; of any size that fits, and rarely of all. */
static word_t any_fpage(const struct x2_world *w)
{
    unsigned bits = rarely(3) ? PAGE_BITS + rnd(4) : PAGE_BITS;
    word_t rights = rarely(3) ? rnd(8) : FPAGE_ALL - rnd(2);

    if (rarely(24))
        return rights | (rarely(2) || !w->whole ? 0 : FPAGE_COMPLETE);
    if (rarely(16))
        return rights | (rarely(8) ? FPAGE_PORTS(rnd(1 << 16), rnd(17))
                                   : FPAGE_PORTS(w->port + rnd(w->ports), rnd(6)));
    if (rarely(12))
        return any_large(w) | LARGE_BITS << 4 | rights;
    if (w->whole && rarely(12))
        bits = rnd(48);
    return (x2_page(w) >> bits << bits & ~(word_t)0x3ff) | bits << 4 | rights;
}

/* A string of a few substrings, from message register `i` on, of which `room` are left. Returns the
 * words that it has. */
static unsigned put_string(struct x2_call *c, const struct x2_world *w, int at, int step,
                           unsigned room)
{
    unsigned pieces = 1 + (rarely(4) ? rnd(4) : 0), words = pieces + 1;

    if (words > room)
        return 0;
    word_t bytes = rarely(6) ? rnd(1 << 15) : rnd(rarely(2) ? 64 : 5000);
    word_t header = bytes << 10 | (rarely(6) ? 1 << 9 : 0) | (pieces - 1) << 4 | rnd(4) << 1;
    for (unsigned i = 0; i < words; i++) {
        word_t value = i ? x2_page(w) + (rarely(3) ? rnd(PAGE_SIZE) : 0) : header | rnd(2);
        if (step > 0)
            put_mr(c, (unsigned)at + i, value);
        else
            put(c, at - (int)i, value);
    }
    return words;
}

static unsigned put_item(struct x2_call *c, const struct x2_world *w, unsigned at, unsigned room)
{
    if (rarely(4))
        return put_string(c, w, (int)at, 1, room);
    if (room < 2)
        return 0;
    put_mr(c, at, (x2_page(w) & ~(word_t)0x3ff) | (rarely(3) ? ITEM_GRANT : ITEM_MAP) | rnd(2));
    put_mr(c, at + 1, any_fpage(w));
    if (rarely(8)) {
        put_mr(c, at, any_large(w) | (rarely(3) ? ITEM_GRANT : ITEM_MAP));
        put_mr(c, at + 1, any_large(w) | LARGE_BITS << 4 | FPAGE_ALL);
    }
    return 2;
}

static word_t any_label(void)
{
    static const word_t known[] = {LABEL_PAGE_FAULT | 2, LABEL_EXCEPTION, LABEL_SIGMA0,
                                   (word_t)-1 << 4,      (word_t)-3 << 4, 0};

    return rarely(2) ? rnd(1000) : known[rnd(sizeof known / sizeof known[0])];
}

/* A message: tag, untyped words, typed items that fill what the tag says, or rarely do not. */
static void put_message(struct x2_call *c, const struct x2_world *w)
{
    unsigned untyped = rarely(8) ? rnd(64) : rnd(4), typed = 0;
    unsigned items = rarely(2) ? 0 : rarely(6) ? rnd(8) : 1;

    for (unsigned i = 1; i <= untyped && i < MR_COUNT; i++)
        put_mr(c, i, rarely(3) ? x2_page(w) : rarely(2) ? w->code : rnd_word());
    while (items-- && untyped + typed < MR_COUNT)
        typed += put_item(c, w, untyped + typed + 1, MR_COUNT - 1 - untyped - typed);
    if (rarely(40))
        typed = rnd(64);
    c->reg.r9 = TAG_MAKE(any_label(), untyped, typed) | (rarely(5) ? TAG_PROPAGATED : 0);
    if (rarely(50))
        c->reg.r9 |= rnd(16) << 12;
}

/* What the receiver takes: a window for pages, buffers for strings. */
static void put_acceptor(struct x2_call *c, const struct x2_world *w)
{
    word_t window = rarely(4) ? 0 : rarely(2) || !w->whole ? any_fpage(w) : FPAGE_COMPLETE;
    bool strings = rarely(2);
    unsigned used = 1, words = 1;

    put(c, TCR_BR0, (window & ~(word_t)0xf) | strings);
    while (strings && words && rnd(3)) {
        words = put_string(c, w, TCR_BR0 - (int)used, -1, BR_COUNT - used);
        used += words;
    }
}

static word_t any_partner(const struct x2_world *w)
{
    return w->waits && rarely(2) ? w->waits : rarely(3) ? any_other(w) : any_thread(w);
}

/* Who to send to and receive from: often a server's answer, with which it waits for more. */
static void put_partners(struct x2_call *c, const struct x2_world *w)
{
    const word_t to = rarely(4) ? L4_NIL : any_partner(w);
    const word_t from[] = {L4_NIL, L4_ANY, L4_ANY,        L4_ANY_LOCAL,
                           to,     to,     any_thread(w), L4_SLOT(w->slots + rnd(X2_SLOTS))};

    c->reg.rsi = to;
    c->reg.rdx = from[rnd(sizeof from / sizeof from[0])];
    if (L4_IS_REPLY(to) && rarely(2))
        c->reg.rdx = L4_SLOT(w->slots);
}

static void choose_ipc(struct x2_call *c, const struct x2_world *w)
{
    c->link = rarely(8) ? LINK_LIPC : LINK_IPC;
    put_message(c, w);
    put_acceptor(c, w);
    put_partners(c, w);
    c->reg.r8 = any_time() << 16 | any_time();
    if (c->reg.r9 & TAG_PROPAGATED)
        put(c, TCR_ACTUAL_SENDER, any_thread(w));
    if (rarely(4))
        put(c, TCR_XFER_TIMEOUTS, any_time() << 16 | any_time());
    if (rarely(3)) /* what is common, and goes the fast way */
        c->reg.r9 &= 0xffff0007;
    if (rarely(3))
        c->reg.r8 = 0;
}

/* What is most common: a call by endpoint, who serves there, its answer, a pager's answer. */
static void choose_usual(struct x2_call *c, const struct x2_world *w)
{
    const unsigned kind = rnd(4);

    c->link = LINK_IPC;
    c->reg.r9 = TAG_MAKE(0, rnd(8), 0);
    c->reg.r8 = rarely(3) ? any_time() : TIME_NEVER;
    c->reg.rsi = c->reg.rdx = L4_SLOT(w->slots + 4 * rnd(2));
    if (kind == 1) {
        c->reg.rsi = L4_NIL;
        c->reg.rdx = L4_SLOT(w->slots + rnd(2));
    } else if (kind == 2) {
        c->reg.rsi = w->waits ? w->waits : w->told[rnd(X2_TOLD)];
    } else if (kind == 3) {
        c->reg.rsi = w->waits ? w->waits : w->global[rnd(X2_PLAYERS)];
        c->reg.rdx = L4_ANY;
        c->reg.r9 = TAG_MAKE(0, 0, 2);
        put_mr(c, 1, (x2_page(w) & ~(word_t)0x3ff) | ITEM_MAP);
        put_mr(c, 2, (x2_page(w) & ~(word_t)0x3ff) | PAGE_BITS << 4 | FPAGE_ALL);
    }
}

static void choose_unmap(struct x2_call *c, const struct x2_world *w)
{
    unsigned count = rarely(8) ? 1 + rnd(64) : 1 + rnd(3);

    c->link = LINK_UNMAP;
    c->reg.rdx = (count - 1) | (rarely(3) ? 1 << 6 : 0);
    for (unsigned i = 0; i < count; i++)
        put_mr(c, i, any_fpage(w));
}

static void choose_exregs(struct x2_call *c, const struct x2_world *w)
{
    c->link = LINK_EXCHANGE_REGISTERS;
    c->reg.rax = any_thread(w);
    c->reg.rsi = rarely(2) ? EXREGS_SET_HALT | EXREGS_SEND | EXREGS_RECEIVE : rnd(1 << 13);
    if (rarely(2))
        c->reg.rsi &= ~(word_t)EXREGS_HALTED;
    if (rarely(2))
        c->reg.rsi &= ~(word_t)(EXREGS_IP | EXREGS_SP);
    c->reg.rdx = rarely(20) ? rnd_word() : w->stack;
    c->reg.r8 = rarely(20) ? rnd_word() : w->code + rnd((uint32_t)(w->code_end - w->code));
    c->reg.r9 = rnd_word();
    c->reg.r10 = rnd_word();
    c->reg.rdi = any_thread(w);
}

/* A thread is made with or in a space, made active, changed, or ended; or anything. */
static void choose_thread_control(struct x2_call *c, const struct x2_world *w)
{
    const word_t id = rarely(12) ? any_thread(w) : new_id(w);
    const word_t utcb = rarely(20) ? rnd_word() : w->utcbs + rnd(5) * UTCB_BYTES;
    const uint32_t kind = rnd(8);

    c->link = LINK_THREAD_CONTROL;
    c->reg.rdi = id;
    c->reg.r8 = kind == 7 ? L4_NIL : kind < 4 ? id : any_global(w);
    c->reg.rdx = kind < 3 || rarely(2) ? w->global[rnd(X2_PLAYERS)] : L4_NIL;
    c->reg.rsi = kind < 2 ? L4_NIL : w->global[rnd(X2_PLAYERS)];
    c->reg.r9 = kind < 2 ? NO_UTCB : utcb;
    if (!rarely(8))
        return;
    c->reg.rdx = any_thread(w);
    c->reg.rsi = rarely(2) ? L4_NIL : any_thread(w);
    c->reg.r9 = rarely(2) ? NO_UTCB : utcb;
}

/* A line gets a handler, or loses it; or what is wrong with lines. */
static void choose_line_control(struct x2_call *c, const struct x2_world *w)
{
    const word_t id = any_line(w);

    c->link = LINK_THREAD_CONTROL;
    c->reg.rdi = id;
    c->reg.r8 = rarely(8) ? any_thread(w) : id;
    c->reg.rdx = rarely(3) ? any_thread(w) : L4_NIL;
    c->reg.rsi = rarely(4) ? id : rarely(4) ? any_thread(w) : w->global[rnd(X2_PLAYERS)];
    c->reg.r9 = rarely(20) ? rnd_word() : NO_UTCB;
}

static void choose_space_control(struct x2_call *c, const struct x2_world *w)
{
    c->link = LINK_SPACE_CONTROL;
    c->reg.rdi = rarely(2) ? new_id(w) : any_global(w);
    c->reg.rsi = rarely(4) ? rnd_word() : 0;
    c->reg.rdx = (rarely(8) ? x2_page(w) : w->kip + rnd(2) * PAGE_SIZE) | PAGE_BITS << 4;
    c->reg.r8 = (rarely(8) ? w->pages : w->utcbs) | (rarely(8) ? rnd(64) : AREA_BITS) << 4;
    c->reg.r9 = rarely(2) ? L4_ANY : rarely(2) ? L4_NIL : any_global(w);
}

static void choose_schedule(struct x2_call *c, const struct x2_world *w)
{
    const word_t same = SCHEDULE_UNCHANGED;

    c->link = LINK_SCHEDULE;
    c->reg.rdi = any_thread(w);
    c->reg.rsi = rarely(2) ? same : rarely(8) ? 256 + rnd(1000) : rnd(w->priorities);
    c->reg.rdx = rarely(2) ? any_time() << 16 | any_time() : same;
    c->reg.r8 = rarely(2) ? rnd(w->cpus + rarely(10)) : same;
    c->reg.r9 = rarely(2) ? rnd(1 << 24) : same;
}

static void choose_machine(struct x2_call *c, const struct x2_world *w)
{
    unsigned count = 1 + rnd(3);

    c->link = rarely(2) ? LINK_PROCESSOR_CONTROL : LINK_MEMORY_CONTROL;
    if (c->link == LINK_PROCESSOR_CONTROL) {
        c->reg.rdi = rnd(w->cpus + 1);
        c->reg.rsi = rarely(4) ? rnd_word() : 0;
        return;
    }
    c->reg.rdx = count - 1;
    c->reg.rcx = rnd(10);
    c->reg.rsi = rnd(10);
    c->reg.r8 = rnd(10);
    c->reg.r11 = rnd(10);
    for (unsigned i = 0; i < count; i++)
        put_mr(c, i, (any_fpage(w) & ~(word_t)3) | rnd(4));
}

void x2_choose(struct x2_call *c, const struct x2_world *w)
{
    const uint32_t kind = rnd(100);

    *c = (struct x2_call){.link = LINK_THREAD_SWITCH};
    c->reg.rdi = any_thread(w);
    if (kind < 44)
        choose_ipc(c, w);
    else if (kind < 54)
        choose_usual(c, w);
    else if (kind < 64)
        choose_unmap(c, w);
    else if (kind < 73)
        choose_exregs(c, w);
    else if (kind < 82)
        choose_thread_control(c, w);
    else if (kind < 84)
        choose_line_control(c, w);
    else if (kind < 88)
        choose_space_control(c, w);
    else if (kind < 94)
        choose_schedule(c, w);
    else if (kind < 97)
        choose_machine(c, w);
    else if (kind < 98)
        c->link = LINK_SYSTEM_CLOCK;
    if (rarely(8))
        put(c, TCR_PAGER, any_thread(w));
    if (rarely(8))
        put(c, TCR_EXC_HANDLER, any_thread(w));
    if (rarely(8))
        put(c, TCR_FLAGS, rnd(256));
}
