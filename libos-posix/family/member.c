/* A process of a family, seen from inside. */
#include "libos-posix/family/member.h"

#include <l4/ipc.h>

#include "libos-posix/family/keeper.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/string.h"
#include "libos/upcall.h"

#define BIT_WOKEN         ((word_t)1) /* of a task's notification, and of its timer */
#define AGAIN_TICKS_SHIFT 14          /* a second look at an event: after 1 / 2^14 s */

/* family_x86_64.S */
#pragma GCC visibility push(hidden)
void family_sleep(word_t slot, word_t bits, word_t deadline, const uint64_t *woken, word_t number);
extern char family_sleep_begin[], family_sleep_call[], family_sleep_out[];
#pragma GCC visibility pop

void (*member_interrupt)(struct libos_regs *regs);

enum err member_ask(enum family_request request, const word_t words[3], word_t *answer)
{
    L4_ThreadId_t keeper = L4_ThreadIdOf(FAMILY->keeper);
    const word_t task = member_place()->task, first = words[0], second = words[1], third = words[2];
    L4_Word_t *mr = L4_Utcb();

    mr[0] = (L4_Word_t)request << 16 | 4;
    mr[1] = task;
    mr[2] = first;
    mr[3] = second;
    mr[4] = third;
    if (L4_IpcFailed(L4_Call(keeper)))
        return ERR_BAD_STATE;
    if (answer)
        *answer = mr[2];
    return (enum err)mr[1];
}

/* Where the core or a handler of faults runs nothing is to be interrupted: whoever sleeps shall
 * not, and who is just about to return to the program is looked at again a moment later. */
static void on_event(struct libos_regs *r)
{
    __atomic_store_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
    member_place()->woken = 1;
    if (r->frame.ip < FAMILY_SHARED) {
        if (member_interrupt)
            member_interrupt(r);
        return;
    }
    if (r->frame.ip >= (vaddr_t)family_sleep_begin && r->frame.ip <= (vaddr_t)family_sleep_call)
        r->frame.ip = (vaddr_t)family_sleep_out;
    else
        exo_timer_set(cpu_ticks() + (KINFO->tsc_khz * 1000 >> AGAIN_TICKS_SHIFT), BIT_WOKEN);
}

void member_begin(void)
{
    const vaddr_t block = (vaddr_t)cpu_utcb_mr() - UTCB_MR;

    upcall_init_stacks(block + BLOCK_FAULT_TOP, block + BLOCK_EVENT_TOP);
    if (libos_fault_hook != space_fault) /* the first process, whose page may be written to */
        libos_fault_hook = space_fault;
    upcall_set_event(UPCALL_NOTIFY, on_event);
}

int member_fork(vaddr_t child, word_t kind, uint32_t *task, enum err *e)
{
    struct family_context context __attribute__((aligned(128)));
    word_t made = 0;

    if (family_save(&context))
        return 0;
    bool taken = space_lock();
    *e = member_ask(REQUEST_FORK, (const word_t[3]){child, (word_t)&context, kind}, &made);
    space_unlock(taken);
    *task = (uint32_t)made;
    return *e ? -1 : 1;
}

/* Ended threads stay, for the next ones: a few of each process. */
#define PARKED_MOST 4

/* Goes on with a parked thread of this process. False: there is none. */
static bool unpark(vaddr_t core, void (*run)(void *), const void *data, uint32_t *task)
{
    uint32_t *parked = &FAMILY->members[member_place()->member].parked;
    uint32_t set = __atomic_load_n(parked, __ATOMIC_ACQUIRE);

    while (set && !__atomic_compare_exchange_n(parked, &set, set & (set - 1), false,
                                               __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    if (!set)
        return false;
    const vaddr_t block = FAMILY_BLOCK((uint32_t)__builtin_ctz(set));
    struct family_place *place = (struct family_place *)(block + FAMILY_PLACE);
    struct family_task *t = &FAMILY->tasks[place->task];
    memcpy((void *)(block + FAMILY_START), data, FAMILY_START_BYTES);
    *task = place->task;
    t->core = place->core = core;
    __atomic_store_n(&t->begin, (vaddr_t)run, __ATOMIC_RELEASE);
    member_wake(*task);
    return true;
}

/* Waits for somebody to unpark this thread, as the keeper may end it as well. Returns if there are
 * enough. */
static void park(void)
{
    struct family_place *place = member_place();
    struct family_task *t = &FAMILY->tasks[place->task];
    uint32_t *parked = &FAMILY->members[place->member].parked;
    vaddr_t run;

    if (__builtin_popcount(__atomic_load_n(parked, __ATOMIC_RELAXED)) >= PARKED_MOST)
        return;
    t->core = place->core = 0;
    __atomic_fetch_or(parked, 1u << t->block, __ATOMIC_ACQ_REL);
    while (!(run = __atomic_exchange_n(&t->begin, 0, __ATOMIC_ACQUIRE)))
        member_sleep(FOREVER);
    const vaddr_t block = FAMILY_BLOCK(t->block);
    family_restart(run, block + FAMILY_START, block + BLOCK_BYTES - 8);
}

enum err member_thread(vaddr_t core, void (*run)(void *), const void *data, uint32_t *task)
{
    word_t made = 0;

    if (unpark(core, run, data, task))
        return ERR_OK;
    enum err e =
        member_ask(REQUEST_THREAD, (const word_t[3]){core, (word_t)run, (word_t)data}, &made);

    *task = (uint32_t)made;
    return e;
}

void member_sleep(uint64_t deadline)
{
    struct family_place *self = member_place();

    family_sleep(FAMILY_SLOT_TASK + self->task, BIT_WOKEN, deadline, &self->woken,
                 SYS_BASE + SYS_notify_wait);
    self->woken = 0;
}

void member_wake(uint32_t task)
{
    const word_t bit = task == TASK_KEEPER ? KEEPER_WAKE : BIT_WOKEN;

    if (member_place()->member == TASK_NONE) {
        keeper_wake(task, bit);
        return;
    }
    if (exo_notify(FAMILY_SLOT_TASK + task, bit) == ERR_BAD_CAP &&
        member_request(REQUEST_NOTIFY, task, 0) == ERR_OK)
        exo_notify(FAMILY_SLOT_TASK + task, bit);
}

bool member_was_woken(void)
{
    return __atomic_exchange_n(&member_place()->woken, 0, __ATOMIC_RELAXED);
}

_Noreturn void member_thread_end(void)
{
    park();
    for (;;)
        member_request(REQUEST_THREAD_END, 0, 0);
}

_Noreturn void member_end(void)
{
    for (;;)
        member_request(REQUEST_END, 0, 0);
}

_Noreturn void member_abort(void)
{
    for (;;)
        member_request(REQUEST_ABORT, 0, 0);
}
