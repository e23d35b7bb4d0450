/* The hook of the light fault handler. */
#include "libos/start/integer.h"

#include "libos/book.h"
#include "libos/fault_light.h"

#pragma GCC visibility push(hidden)
void libos_upcall_fault(void); /* upcall.S */
void libos_upcall_light(void); /* upcall_light.S */
#pragma GCC visibility pop

fault_light_fn fault_light_hook;

void fault_light_set(fault_light_fn hook)
{
    fault_light_hook = hook;
    book_utcb()->entry[UPCALL_FAULT] = (vaddr_t)(hook ? libos_upcall_light : libos_upcall_fault);
}
