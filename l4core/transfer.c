/* Messages: from the sender's registers and UTCB to the receiver's. */
#include "exo/abi/l4.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"
#include "l4core/kernel_ipc.h"
#include "l4core/map.h"
#include "l4core/partner.h"

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

/* Typed items, words [first, first + count) of the message. A page fault accepts all of the space.
 */
static unsigned map_items(struct thread *from, struct thread *to, unsigned first, unsigned count)
{
    if (to->kind & THREAD_LINE)
        return IPC_OVERFLOW;
    word_t window = to->ipc_kernel ? FPAGE_COMPLETE : *thread_mr(to, TCR_BR0) & ~(word_t)0xf;

    for (unsigned i = first; i < first + count; i += 2) {
        word_t header = ipc_message_word(from, i);
        if (i + 1 == first + count || !is_page_item(header))
            return IPC_OVERFLOW;
        if (!map_item(from, to, header, ipc_message_word(from, i + 1), window))
            return IPC_OVERFLOW;
    }
    return 0;
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

unsigned ipc_transfer(struct thread *from, struct thread *to)
{
    word_t tag = ipc_message_word(from, 0);
    unsigned untyped = TAG_UNTYPED(tag), typed = TAG_TYPED(tag);

    if (untyped + typed >= MR_COUNT)
        return IPC_OVERFLOW;
    if (to->ipc_kernel) {
        kernel_message_take(to, from, untyped);
    } else {
        copy_words(from, to, untyped + typed);
        thread_regs(to)->r9 = (tag & ~TAG_FLAGS) | kernel_flags(from, to);
    }
    return typed ? map_items(from, to, untyped + 1, typed) : 0;
}
