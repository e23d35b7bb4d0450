/* Answering asks, and taking note of losses. */
#include "libos/revoke.h"

#include "libos/book.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/revoke_give.h"
#include "libos/slots.h"
#include "libos/start/cpu.h"
#include "libos/upcall.h"
#include "libos/vm.h"

static volatile bool asked, lost, at_once;
static revoke_fn answers[REVOKE_KIND_COUNT];
static revoke_use_fn use_hook;
static revoke_loss_fn loss_hook;

static void on_ask(struct libos_regs *regs)
{
    (void)regs;
    asked = true;
    if (at_once)
        revoke_serve();
}

static void on_loss(struct libos_regs *regs)
{
    (void)regs;
    lost = true;
    if (at_once)
        revoke_serve();
}

void revoke_init(void)
{
    book_utcb()->prefer_count = book_utcb()->repossessed_count = 0;
    upcall_set_event(UPCALL_REVOKE, on_ask);
    upcall_set_event(UPCALL_RECLAIMED, on_loss);
    book_utcb()->mask &= ~(1u << UPCALL_CLASS_EVENT);
}

void revoke_in_handler(bool yes)
{
    at_once = yes;
}

bool revoke_waits(void)
{
    return asked || lost;
}

void revoke_set_answer(enum revoke_kind kind, revoke_fn answer)
{
    answers[kind] = answer;
}

void revoke_set_use(revoke_use_fn use)
{
    use_hook = use;
}

void revoke_set_loss(revoke_loss_fn loss)
{
    loss_hook = loss;
}

static void note_loss(uint32_t kind, uint32_t name)
{
    bool slot = kind != REVOKE_FRAMES && kind != REVOKE_SLICES && kind != REVOKE_FILTERS;

    if (kind == REVOKE_FRAMES) {
        vm_lost(name);
        pages_lost(name);
        frames_lost(name);
    } else if (slot && !slot_cap(name)) {
        slot_give(name);
    }
    if (loss_hook)
        loss_hook((enum revoke_kind)kind, name);
}

/* The kernel may write a further word at any time, so the count is taken once it stands still. */
static void note_losses(void)
{
    volatile struct utcb_exo *u = book_utcb();
    uint64_t done = 0, count;

    do {
        count = u->repossessed_count;
        for (; done < count && done < REPOSSESSED_MAX; done++)
            note_loss(REPOSSESSED_KIND(u->repossessed[done]),
                      REPOSSESSED_NAME(u->repossessed[done]));
    } while (!__atomic_compare_exchange_n(&u->repossessed_count, &count, 0, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
}

uint32_t revoke_serve(void)
{
    volatile struct utcb_exo *u = book_utcb();
    uint32_t given = 0;

    if (lost) {
        lost = false;
        note_losses();
    }
    if (asked) {
        asked = false;
        uint64_t kind = u->revoke_kind, deadline = u->revoke_deadline;
        uint32_t count = (uint32_t)u->revoke_count;
        if (kind < REVOKE_KIND_COUNT && cpu_ticks() < deadline) /* else the kernel took it */
            given = answers[kind] ? answers[kind](count, deadline)
                                  : revoke_give((enum revoke_kind)kind, count, deadline, use_hook);
    }
    return given;
}

void revoke_serve_idle(void)
{
    volatile struct utcb_exo *u = book_utcb();

    if (!asked || u->revoke_kind != REVOKE_FRAMES || cpu_ticks() >= u->revoke_deadline)
        return;
    uint64_t given = frames_surrender(u->revoke_count);
    u->revoke_count -= given < u->revoke_count ? given : u->revoke_count;
    asked = u->revoke_count > 0;
}

void revoke_prefer(enum revoke_kind kind, uint32_t name)
{
    volatile struct utcb_exo *u = book_utcb();
    uint64_t at = u->prefer_count < PREFER_MAX ? u->prefer_count : PREFER_MAX - 1;

    u->prefer[at] = REPOSSESSED(kind, name);
    u->prefer_count = at + 1;
}
