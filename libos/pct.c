/* The serving side of protected control transfer. */
#include "libos/pct.h"

#include "libos/book.h"

extern pct_fn pct_handler; /* read by pct.S */
pct_fn pct_handler;

/* pct.S */
void pct_entry(void);
_Noreturn void pct_wait(void);

_Noreturn void pct_serve(pct_fn handler, vaddr_t stack)
{
    struct utcb_exo *u = book_utcb();

    pct_handler = handler;
    u->pct_stack = stack;
    u->entry[UPCALL_PCT] = (vaddr_t)pct_entry;
    pct_wait();
}
