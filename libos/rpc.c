/* The serving side of remote procedure calls. */
#include "libos/rpc.h"

#include "libos/book.h"

/* Read by rpc.S. */
extern const rpc_fn *rpc_procedures;
extern word_t rpc_count;
const rpc_fn *rpc_procedures;
word_t rpc_count;

_Static_assert(ERR_BAD_CALL == 1, "rpc.S answers with it");

/* rpc.S and pct.S */
void rpc_entry(void);
void rpc_entry_trusted(void);
_Noreturn void pct_wait(void);

static _Noreturn void serve(const rpc_fn *procedures, word_t count, vaddr_t stack, void (*at)(void))
{
    struct utcb_exo *u = book_utcb();

    rpc_procedures = procedures;
    rpc_count = count;
    u->pct_stack = stack;
    u->entry[UPCALL_PCT] = (vaddr_t)at;
    pct_wait();
}

_Noreturn void rpc_serve(const rpc_fn *procedures, word_t count, vaddr_t stack)
{
    serve(procedures, count, stack, rpc_entry);
}

_Noreturn void rpc_serve_trusted(const rpc_fn *procedures, word_t count, vaddr_t stack)
{
    serve(procedures, count, stack, rpc_entry_trusted);
}
