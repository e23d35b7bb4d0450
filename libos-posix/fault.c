/* Which signal a fault is, and the end of the program by it. */
#include "libos-posix/fault.h"

#include "libos-posix/abi_process.h"
#include "libos-posix/port_libos.h"
#include "libos/exit.h"
#include "libos/log.h"
#include "libos/vm.h"

/* Exceptions and what Linux makes of them. */
enum { DIVIDE = 0, DEBUG = 1, BREAKPOINT = 3, UNDEFINED = 6, X87 = 16, ALIGNMENT = 17, SIMD = 19 };

static unsigned signal_of(uint64_t vector)
{
    switch (vector) {
    case DIVIDE:
    case X87:
    case SIMD:
        return SIGFPE;
    case DEBUG:
    case BREAKPOINT:
        return SIGTRAP;
    case UNDEFINED:
        return SIGILL;
    case ALIGNMENT:
        return SIGBUS;
    default:
        return SIGSEGV;
    }
}

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
    unsigned number = signal_of(f->vector);

    if (fault_is_exhausted(f))
        port_libos_exhausted();
    log_kernel_line("posix: the program is ended by signal %u: exception %lu (error %lx) at %lx, "
                    "address %lx",
                    number, f->vector, f->error, f->ip, f->address);
    libos_exit(128 + (int)number);
}
