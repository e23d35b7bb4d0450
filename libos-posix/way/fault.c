/* Which signal a fault is, and the end of the program by it. */
#include "libos-posix/way/fault.h"

#include "libos-posix/port/port_libos.h"
#include "libos/exit.h"
#include "libos/log.h"
#include "libos/vm.h"

bool fault_is_exhausted(const struct upcall_frame *f)
{
    rights_t need = f->error & CPU_FAULT_WRITE  ? RIGHT_WRITE
                    : f->error & CPU_FAULT_EXEC ? RIGHT_EXEC
                                                : RIGHT_READ;
    struct vm_info info;

    return f->vector == CPU_VECTOR_PAGE_FAULT && !(f->error & CPU_FAULT_PRESENT) &&
           vm_query(f->address, &info) == ERR_OK && !(need & ~info.rights);
}

_Noreturn void fault_end(const struct upcall_frame *f)
{
    unsigned number = fault_signal(f->vector);

    if (fault_is_exhausted(f))
        port_libos_exhausted();
    log_kernel_line("posix: the program is ended by signal %u: exception %lu (error %lx) at %lx, "
                    "address %lx",
                    number, f->vector, f->error, f->ip, f->address);
    libos_exit(128 + (int)number);
}
