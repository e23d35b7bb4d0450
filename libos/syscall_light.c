/* The hook of light system calls. */
#include "libos/start/integer.h"

#include "libos/book.h"
#include "libos/syscall_light.h"

#pragma GCC visibility push(hidden)
void libos_upcall_syscall(void);       /* upcall.S */
void libos_upcall_syscall_light(void); /* upcall_light.S */
#pragma GCC visibility pop

syscall_light_fn syscall_light_hook;

void syscall_light_set(syscall_light_fn hook)
{
    syscall_light_hook = hook;
    book_utcb()->entry[UPCALL_SYSCALL] =
        (vaddr_t)(hook ? libos_upcall_syscall_light : libos_upcall_syscall);
}
