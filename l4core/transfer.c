/* Messages: from the sender's registers and UTCB to the receiver's. */
#include "exo/abi/l4.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"
#include "l4core/kernel_ipc.h"
#include "l4core/map.h"
#include "l4core/partner.h"
#include "l4core/port_map.h"
#include "l4core/string.h"
#include "l4core/suspend.h"

word_t ipc_message_word(struct thread *t, unsigned i)
{
    static const uint8_t low[MR_IN_REGISTERS] = {
        offsetof(struct regs, r9),  offsetof(struct regs, rax), offsetof(struct regs, rbx),
        offsetof(struct regs, r10), offsetof(struct regs, r12), offsetof(struct regs, r13),
        offsetof(struct regs, r14), offsetof(struct regs, r15)};
    const struct regs *r = thread_regs(t);

    if (t->ipc_kernel)
        return kernel_message_word(t, i);
    if (i < MR_IN_REGISTERS)
        return *(const word_t *)(const void *)((const char *)r + low[i]);
    return *thread_mr(t, (int)i);
}

static void copy_registers(struct regs *to, const struct regs *from)
{
    to->rax = from->rax;
    to->rbx = from->rbx;
    to->r10 = from->r10;
    to->r12 = from->r12;
    to->r13 = from->r13;
    to->r14 = from->r14;
    to->r15 = from->r15;
}

/* A message of the kernel's, to a thread that receives for itself. */
static void copy_kernel_words(struct thread *from, struct thread *to, unsigned words)
{
    struct regs *r = thread_regs(to);
    uint64_t *const low[MR_IN_REGISTERS] = {NULL,    &r->rax, &r->rbx, &r->r10,
                                            &r->r12, &r->r13, &r->r14, &r->r15};

    for (unsigned i = 1; i <= words; i++)
        *(i < MR_IN_REGISTERS ? low[i] : (uint64_t *)thread_mr(to, (int)i)) =
            kernel_message_word(from, i);
}

static void copy_words(struct thread *from, struct thread *to, unsigned words)
{
    if (from->ipc_kernel) {
        copy_kernel_words(from, to, words);
        return;
    }
    copy_registers(thread_regs(to), thread_regs(from));
    for (unsigned i = MR_IN_REGISTERS; i <= words; i++)
        *thread_mr(to, (int)i) = *thread_mr(from, (int)i);
}

static bool is_page_item(word_t header)
{
    return (ITEM_KIND(header) & ~(ITEM_MAP ^ ITEM_GRANT)) == (ITEM_MAP & ITEM_GRANT);
}

/* A map may take the UTCB of either away. */
static bool is_over(const struct thread *from, const struct thread *to)
{
    return from->state == THREAD_DEAD || to->state == THREAD_DEAD;
}

/* The map or grant item at the sender's current one, of a message that ends before word `end`. A
 * page fault accepts all of the space. */
static word_t move_mapping(struct thread *from, struct thread *to, unsigned end)
{
    word_t window = to->ipc_kernel ? FPAGE_COMPLETE : *thread_mr(to, TCR_BR0) & ~(word_t)0xf;
    unsigned i = from->transfer.item;
    word_t header = ipc_message_word(from, i);

    if (i + 1 == end || !is_page_item(header))
        return IPC_OVERFLOW;
    word_t fpage = ipc_message_word(from, i + 1);
    word_t error = FPAGE_IS_PORTS(fpage) ? port_item(from, to, header, fpage, window)
                                         : map_item(from, to, header, fpage, window);
    if (error)
        return error;
    from->transfer.item = (uint8_t)(i + 2);
    return i + 2 < end && is_over(from, to) ? IPC_OVERFLOW : 0;
}

word_t ipc_transfer_items(struct thread *from, struct thread *to)
{
    word_t tag = ipc_message_word(from, 0), error = 0;
    unsigned end = 1 + TAG_UNTYPED(tag) + TAG_TYPED(tag);
    bool suspended = from->transfer_with;

    from->transfer.budget = TRANSFER_STEP;
    while (!error && from->transfer.item < end) {
        if (ITEM_IS_STRING(ipc_message_word(from, from->transfer.item)))
            error = string_item(from, to, end);
        else
            error = move_mapping(from, to, end);
    }
    if (suspended && !from->transfer_with)
        return IPC_LEFT; /* the end of one has ended it */
    return error && error != IPC_LEFT ? IPC_WITH_OFFSET(error, from->transfer.copied) : error;
}

/* What the kernel tells with a message that `to` gets. */
static word_t kernel_flags(struct thread *from, struct thread *to)
{
    word_t flags = from->cpu == to->cpu ? 0 : TAG_CROSS;

    if (from->ipc_intended) {
        *thread_mr(to, TCR_INTENDED) = from->ipc_intended;
        flags |= TAG_REDIRECTED;
    }
    if (from->ipc_virtual == 0 || ipc_originator(from) == from)
        return flags;
    *thread_mr(to, TCR_ACTUAL_SENDER) = ipc_name_for(to, from);
    return flags | TAG_PROPAGATED;
}

/* A thread's start and the acknowledgement of a line have no items. */
static bool takes_items(const struct thread *t)
{
    return !(t->kind & THREAD_LINE) && t->ipc_kernel != IPC_START;
}

word_t ipc_transfer(struct thread *from, struct thread *to)
{
    word_t tag = ipc_message_word(from, 0);
    unsigned untyped = TAG_UNTYPED(tag), typed = TAG_TYPED(tag);

    if (untyped + typed >= MR_COUNT || (typed && !takes_items(to)))
        return IPC_OVERFLOW;
    if (to->ipc_kernel) {
        kernel_message_take(to, from, untyped);
    } else {
        copy_words(from, to, untyped + typed);
        thread_regs(to)->r9 = (tag & ~TAG_FLAGS) | kernel_flags(from, to);
    }
    if (!typed)
        return 0;
    from->transfer = (struct transfer){.item = (uint8_t)(untyped + 1), .buffer = 1};
    return ipc_transfer_items(from, to);
}
