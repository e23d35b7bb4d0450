/* A kernel without string items: each is a message overflow. */
#include "exo/abi/l4.h"
#include "l4core/string.h"

word_t string_item(struct thread *from, struct thread *to, word_t header, unsigned end)
{
    (void)from;
    (void)to;
    (void)header;
    (void)end;
    return IPC_OVERFLOW;
}
