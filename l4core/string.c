/* String items: gathered from the sender's substrings, scattered over the receiver's buffers, and
 * suspended where a page is missing. */
#include "l4core/string.h"

#include "exo/abi/l4.h"
#include "exo/base/string.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/ipc.h"
#include "l4core/kernel_ipc.h"

/* A place in a string: in the sender's message registers, or the receiver's buffer registers. */
struct cursor {
    struct thread *thread;
    bool is_buffer;
    bool is_bad;     /* its description is malformed from here on                       */
    rights_t access; /* that its pages must allow                                       */
    unsigned end;    /* of the registers that describe it                               */
    unsigned group;  /* the register of the group's header                              */
    word_t header;
    unsigned next; /* the group's next substring                                      */
    vaddr_t va;    /* the next byte,                                                  */
    word_t left;   /* and how many follow in this substring                           */
};

static word_t register_at(const struct cursor *c, unsigned i)
{
    return c->is_buffer ? *thread_mr(c->thread, TCR_BR0 - (int)i) : ipc_message_word(c->thread, i);
}

/* Enters the group whose header is in register `at`. */
static void open_group(struct cursor *c, unsigned at)
{
    c->group = at;
    c->next = 0;
    c->left = 0;
    c->is_bad = at >= c->end;
    if (c->is_bad)
        return;
    c->header = register_at(c, at);
    c->is_bad = !ITEM_IS_STRING(c->header) || at + 1 + STRING_SUBSTRINGS(c->header) > c->end;
}

/* The register behind the group. */
static unsigned group_end(const struct cursor *c)
{
    return c->group + 1 + STRING_SUBSTRINGS(c->header);
}

/* Is there a next byte? False at the string's end and where its description is malformed. */
static bool has_bytes(struct cursor *c)
{
    while (!c->is_bad && c->left == 0) {
        if (c->next < STRING_SUBSTRINGS(c->header)) {
            c->va = register_at(c, c->group + 1 + c->next++);
            c->left = STRING_LENGTH(c->header);
        } else if (STRING_IS_COMPOUND(c->header)) {
            open_group(c, group_end(c));
        } else {
            return false;
        }
    }
    return !c->is_bad;
}

static void skip(struct cursor *c, word_t bytes)
{
    c->va += bytes;
    c->left -= bytes;
}

/* A cursor `done` bytes behind the begin of a string. */
static struct cursor begin(struct thread *t, bool is_buffer, unsigned at, unsigned end, word_t done)
{
    struct cursor c = {.thread = t,
                       .is_buffer = is_buffer,
                       .access = is_buffer ? RIGHT_WRITE : RIGHT_READ,
                       .end = end};

    open_group(&c, at);
    while (done && has_bytes(&c)) {
        word_t bytes = c.left < done ? c.left : done;
        skip(&c, bytes);
        done -= bytes;
    }
    return c;
}

/* The register behind the whole string; 0 when it is malformed. */
static unsigned string_end(struct cursor *c)
{
    while (!c->is_bad && STRING_IS_COMPOUND(c->header))
        open_group(c, group_end(c));
    return c->is_bad ? 0 : group_end(c);
}

/* The buffer register of the buffer after the one at `at`, or 0. */
static unsigned buffer_after(struct thread *t, unsigned at)
{
    struct cursor c = begin(t, true, at, BUFFER_REGISTERS, 0);
    bool more = c.header & STRING_MORE_FOLLOWS;
    unsigned end = string_end(&c);

    return more && end < BUFFER_REGISTERS ? end : 0;
}

/* Pages may be the same, so the areas may overlap. */
static void copy_bytes(void *to, const void *from, size_t bytes)
{
    uintptr_t t = (uintptr_t)to, f = (uintptr_t)from;
    size_t words = bytes / sizeof(uint64_t), rest = bytes % sizeof(uint64_t);

    if ((t < f ? f - t : t - f) < bytes) {
        memmove(to, from, bytes);
        return;
    }
    arch_copy_words(to, from, words);
    memcpy((char *)to + bytes - rest, (const char *)from + bytes - rest, rest);
}

/* `from` and `to` become the sides of a suspended transfer, if they are not yet: `waiter` waits,
 * the other goes on with it before it leaves to the user. */
static void suspend(struct thread *from, struct thread *to, struct thread *waiter)
{
    struct thread *const both[] = {from, to};

    for (unsigned i = 0; i < 2; i++) {
        struct thread *t = both[i];
        sched_clear_deadline(t);
        t->ipc_to = NULL;
        if (t->transfer_with)
            continue;
        t->transfer_with = both[1 - i];
        t->transfer_sends = t == from;
        t->transfer_from = t->ipc_from;
        t->transfer_timeouts = t->ipc_timeouts;
    }
    waiter->transfer_with->events = true;
    sched_block(waiter, THREAD_IPC_TRANSFER);
    cpu_this()->choose = true;
}

/* Ends the suspended transfer of `t`. */
static void end(struct thread *t, word_t own_error, word_t partner_error)
{
    struct thread *p = t->transfer_with, *from = t->transfer_sends ? t : p;
    struct thread *const both[] = {t, p};

    for (unsigned i = 0; i < 2; i++) {
        both[i]->transfer_with = NULL;
        both[i]->ipc_from = both[i]->transfer_from;
        both[i]->ipc_timeouts = both[i]->transfer_timeouts;
    }
    if (from == t)
        ipc_transfer_end(t, p, own_error, partner_error);
    else
        ipc_transfer_end(p, t, partner_error, own_error);
}

static void end_with_codes(struct thread *t, unsigned own, unsigned partners)
{
    const struct thread *from = t->transfer_sends ? t : t->transfer_with;
    uint64_t copied = from->transfer.copied;

    end(t, IPC_WITH_OFFSET(own, copied), IPC_WITH_OFFSET(partners, copied));
}

/* The step is over: the current thread, if it takes part, else the receiver goes on. */
static word_t pause(struct thread *from, struct thread *to)
{
    struct thread *mover = cpu_this()->current == from ? from : to;

    suspend(from, to, mover == from ? to : from);
    if (mover->state != THREAD_RUNNING && mover->state != THREAD_READY)
        sched_wake(mover);
    return IPC_LEFT;
}

static uint64_t fault_deadline(const struct thread *from, const struct thread *to)
{
    uint64_t send = ipc_deadline(*thread_mr(from, TCR_XFER_TIMEOUTS) >> 16 & 0xffff);
    uint64_t receive = ipc_deadline(*thread_mr(to, TCR_XFER_TIMEOUTS) & 0xffff);

    return send < receive ? send : receive;
}

/* `t`, which is `from` or `to`, lacks the page at `va`. */
static word_t fault(struct thread *from, struct thread *to, struct thread *t, vaddr_t va,
                    rights_t access)
{
    struct thread *waiter = t == from ? to : from;
    uint64_t *deadline = &from->transfer.deadline;

    if (*deadline == 0)
        *deadline = fault_deadline(from, to);
    suspend(from, to, waiter);
    if (*deadline <= arch_ticks() || !kernel_transfer_fault(t, va, access))
        end_with_codes(t, IPC_XFER_TIMEOUT, IPC_PARTNER_XFER);
    else if (*deadline != FOREVER)
        sched_set_deadline(waiter, *deadline);
    return IPC_LEFT;
}

static size_t least(word_t a, word_t b)
{
    return a < b ? a : b;
}

/* Copies up to the end of a page of either. 0, or as string_item. */
static word_t copy_piece(struct cursor *in, struct cursor *out, struct transfer *x)
{
    size_t bytes = least(least(in->left, out->left), x->budget);

    if (in->va >= USER_TOP || out->va >= USER_TOP)
        return IPC_OVERFLOW;
    bytes = least(bytes, PAGE_SIZE - in->va % PAGE_SIZE);
    bytes = least(bytes, PAGE_SIZE - out->va % PAGE_SIZE);
    const void *f = space_user(in->thread->env->root, in->va, RIGHT_READ);
    if (!f)
        return fault(in->thread, out->thread, in->thread, in->va, RIGHT_READ);
    void *t = space_user(out->thread->env->root, out->va, RIGHT_WRITE);
    if (!t)
        return fault(in->thread, out->thread, out->thread, out->va, RIGHT_WRITE);
    copy_bytes(t, f, bytes);
    skip(in, bytes);
    skip(out, bytes);
    x->copied += bytes;
    x->done += bytes;
    x->budget -= (uint32_t)bytes;
    return 0;
}

static bool takes_strings(const struct thread *t)
{
    return !t->ipc_kernel && (*thread_mr(t, TCR_BR0) & ACCEPT_STRINGS);
}

word_t string_item(struct thread *from, struct thread *to, unsigned end_of_message)
{
    struct transfer *x = &from->transfer;
    struct cursor in, out;
    word_t error = 0;

    if (!takes_strings(to) || !x->buffer)
        return IPC_OVERFLOW;
    in = begin(from, false, x->item, end_of_message, x->done);
    out = begin(to, true, x->buffer, BUFFER_REGISTERS, x->done);
    while (has_bytes(&in)) {
        if (!has_bytes(&out))
            return IPC_OVERFLOW;
        if (!x->budget)
            return pause(from, to);
        error = copy_piece(&in, &out, x);
        if (error)
            return error;
    }
    if (in.is_bad || out.is_bad)
        return IPC_OVERFLOW;
    x->item = (uint8_t)string_end(&in);
    x->buffer = (uint8_t)buffer_after(to, x->buffer);
    x->done = 0;
    return 0;
}

void hook_transfer_continue(struct thread *t)
{
    if (!forest_lock_for(t))
        return;
    struct thread *p = t->transfer_with; /* NULL: it ended while `t` waited for the lock */
    if (p) {
        word_t error = t->transfer_sends ? ipc_transfer_items(t, p) : ipc_transfer_items(p, t);
        if (error != IPC_LEFT)
            end(t, error, error);
    }
    forest_unlock();
}

void string_timeout(struct thread *t)
{
    if (t->transfer_with->ipc_kernel == IPC_PAGE_FAULT)
        end_with_codes(t, IPC_PARTNER_XFER, IPC_XFER_TIMEOUT);
}

bool string_abort(struct thread *t)
{
    if (!t->transfer_with)
        return false;
    end_with_codes(t, IPC_ABORTED, IPC_ABORTED);
    return true;
}
