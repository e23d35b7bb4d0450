/* Prototypes of the events that a higher layer decides, made from hooks.def. */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

struct env;
struct nic_csum;
struct graft_system_call;
struct thread;

/* How an instruction that may not be a user's went. */
enum port_outcome {
    PORT_OVER,   /* it is done, or the thread waits, or it is entered again       */
    PORT_MEMORY, /* its memory cannot be reached: it is a page fault              */
    PORT_LACKS,  /* the thread lacks the ports (for the hook's own use)           */
    PORT_REFUSED /* it is an exception                                            */
};

/* What a graft made of a page fault. */
enum fault_outcome {
    FAULT_UNJUDGED, /* it was not asked                                           */
    FAULT_DEFAULT,  /* it is for the upcall, else for the pager                   */
    FAULT_PAGER,    /* it is for the pager                                        */
    FAULT_OVER,     /* the thread goes on, or does not run any more               */
    FAULT_SAID      /* that is still to be seen: hook_fault_said                  */
};

#define HOOK(result, name, arguments) result name arguments;
#include "exo/entry/hooks.def"
#undef HOOK
