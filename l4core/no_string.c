/* A kernel without string items: each is a message overflow, and no transfer is ever suspended. */
#include "exo/abi/l4.h"
#include "exo/env/hooks.h"
#include "l4core/string.h"
#include "l4core/suspend.h"

word_t string_item(struct thread *from, struct thread *to, unsigned end)
{
    (void)from;
    (void)to;
    (void)end;
    return IPC_OVERFLOW;
}

void transfer_timeout(struct thread *t)
{
    (void)t;
}

void transfer_abort(struct thread *t)
{
    (void)t;
}

void hook_transfer_continue(struct thread *t)
{
    (void)t;
}
