/* A process of a family, seen from inside. */
#include "libos-posix/family/member.h"

#include <l4/ipc.h>

#include "libos-posix/family/keeper.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
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

/* Tasks for whose notifications this environment has a capability, by number: 1 + the number. */
#define REACHED 16u
static uint32_t reached[REACHED];

enum err member_ask(enum family_request request, const word_t words[3], word_t *answer)
{
    L4_ThreadId_t keeper = L4_ThreadIdOf(FAMILY->keeper);
    const word_t task = member_place()->task, first = words[0], second = words[1], third = words[2];
    L4_Word_t *mr = L4_Utcb();

    notify_deferred();
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
    if (r->frame.ip >= (vaddr_t)family_sleep_begin && r->frame.ip <= (vaddr_t)family_sleep_out)
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

    if (family_save(&context)) {
        memset(reached, 0, sizeof reached); /* they were another environment's */
        return 0;
    }
    bool taken = space_lock();
    *e = member_ask(REQUEST_FORK, (const word_t[3]){child, (word_t)&context, kind}, &made);
    space_unlock(taken);
    *task = (uint32_t)made;
    return *e ? -1 : 1;
}

/* Ended threads stay, for the next ones: a few of each process. */
#define PARKED_MOST 4

/* Takes a block out of the set of those whose threads are parked; FAMILY_BLOCKS_MAX: there is none.
 */
static uint32_t take_parked(uint64_t parked[BLOCK_WORDS])
{
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        uint64_t set = __atomic_load_n(&parked[w], __ATOMIC_ACQUIRE);
        while (set && !__atomic_compare_exchange_n(&parked[w], &set, set & (set - 1), false,
                                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            ;
        if (set)
            return w * 64 + (uint32_t)__builtin_ctzll(set);
    }
    return FAMILY_BLOCKS_MAX;
}

static bool are_enough(const uint64_t parked[BLOCK_WORDS])
{
    int count = 0;

    for (uint32_t w = 0; w < BLOCK_WORDS; w++)
        count += __builtin_popcountll(__atomic_load_n(&parked[w], __ATOMIC_RELAXED));
    return count >= PARKED_MOST;
}

/* Goes on with a parked thread of this process. False: there is none. */
static bool unpark(vaddr_t core, void (*run)(void *), const void *data, uint32_t *task)
{
    const uint32_t parked = take_parked(FAMILY->members[member_place()->member].parked);

    if (parked == FAMILY_BLOCKS_MAX)
        return false;
    const vaddr_t block = FAMILY_BLOCK(parked);
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
    uint64_t *parked = FAMILY->members[place->member].parked;
    vaddr_t run;

    if (are_enough(parked))
        return;
    t->core = place->core = 0;
    __atomic_fetch_or(&parked[BLOCK_WORD(t->block)], BLOCK_BIT(t->block), __ATOMIC_ACQ_REL);
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

static __attribute__((noinline)) void notify(uint32_t task, word_t bit)
{
    enum err e = exo_notify(FAMILY_SLOT_TASK + task, bit);

    if (e == ERR_BAD_CAP && member_request(REQUEST_NOTIFY, task, 0) == ERR_OK)
        e = exo_notify(FAMILY_SLOT_TASK + task, bit);
    if (e == ERR_OK && task != TASK_KEEPER)
        reached[task % REACHED] = 1 + task;
}

/* All members have the same priority, so one of the same CPU cannot run before this thread stops.
 */
void member_wake(uint32_t task)
{
    const struct family_place *self = member_place();

    if (self->member == TASK_NONE) {
        keeper_wake(task, task == TASK_KEEPER ? KEEPER_WAKE : BIT_WOKEN);
    } else if (reached[task % REACHED] != 1 + task ||
               FAMILY->tasks[task].cpu != FAMILY->tasks[self->task].cpu) {
        notify(task, task == TASK_KEEPER ? KEEPER_WAKE : BIT_WOKEN);
    } else if (!notify_is_deferred(FAMILY_SLOT_TASK + task)) {
        notify_defer(FAMILY_SLOT_TASK + task, BIT_WOKEN);
    }
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
