/* Messages of the kernel on a thread's behalf: page fault, exception, start. L4 X.2 reference
 * manual, "Protocols". */
#include "l4core/kernel_ipc.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"

static const uint16_t exception_words[] = {
#define WORD(name) offsetof(struct regs, name),
    EXCEPTION_WORDS(WORD)
#undef WORD
};

static uint64_t *exception_word(struct regs *r, unsigned i)
{
    return (uint64_t *)((uintptr_t)r + exception_words[i - 1]);
}

word_t kernel_message_word(struct thread *t, unsigned i)
{
    struct regs *r = thread_regs(t);

    if (i == 0)
        return t->ipc_kernel_tag;
    if (t->ipc_kernel == IPC_PREEMPTION)
        return i == 1 ? t->ipc_kernel_word : 0;
    if (t->ipc_kernel == IPC_EXCEPTION)
        return i <= EXCEPTION_LAST ? *exception_word(r, i) : 0;
    if (i == 2)
        return t->transfer_with ? ~(word_t)0 : r->rip;
    return i == 1 ? t->ipc_kernel_word : 0;
}

/* What a user may not have in its registers becomes what faults, or what is allowed. */
static void set_place(struct regs *r, word_t ip, word_t sp)
{
    r->rip = ip < USER_TOP ? ip : 0;
    r->rsp = sp <= USER_TOP ? sp : 0;
}

static void take_exception_reply(struct regs *r, struct thread *from, unsigned words)
{
    for (unsigned i = 1; i <= words && i <= EXCEPTION_FLAGS; i++)
        *exception_word(r, i) = ipc_message_word(from, i);
    set_place(r, r->rip, r->rsp);
    r->rflags = (r->rflags & FLAGS_USER) | FLAGS_DEFAULT;
}

void kernel_message_take(struct thread *t, struct thread *from, unsigned words)
{
    struct regs *r = thread_regs(t);

    if (t->ipc_kernel == IPC_EXCEPTION)
        take_exception_reply(r, from, words);
    else if (t->ipc_kernel == IPC_START)
        set_place(r, ipc_message_word(from, 1), ipc_message_word(from, 2));
}

bool hook_page_fault(struct thread *t, vaddr_t address, rights_t access)
{
    return ipc_call_for(t, *thread_mr(t, TCR_PAGER), IPC_PAGE_FAULT, kernel_fault_tag(access),
                        address);
}

bool kernel_transfer_fault(struct thread *t, vaddr_t address, rights_t access)
{
    return ipc_call_locked(t, *thread_mr(t, TCR_PAGER), IPC_PAGE_FAULT, kernel_fault_tag(access),
                           address);
}

bool hook_exception(struct thread *t)
{
    return ipc_call_for(t, *thread_mr(t, TCR_EXC_HANDLER), IPC_EXCEPTION,
                        TAG_MAKE(LABEL_EXCEPTION, EXCEPTION_LAST, 0), 0);
}
