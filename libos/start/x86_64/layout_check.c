/* Holds the numbers that the assembly here is written with against the headers they come from. */
#include "libos/start/x86_64/upcall_layout.h"

#include "exo/abi/utcb.h"
#include "libos/call.h"
#include "libos/exit.h"

_Static_assert(GS_EXO == UTCB_EXO - UTCB_GS, "%gs:0 reads UTCB_GS");
_Static_assert(GS_MASK == GS_EXO + offsetof(struct utcb_exo, mask), "mask");
_Static_assert(GS_PENDING == GS_EXO + offsetof(struct utcb_exo, pending) && EVENTS == UPCALL_EVENTS,
               "pending");
_Static_assert(GS_STACK == GS_EXO + offsetof(struct utcb_exo, stack), "stack");
_Static_assert(GS_SAVE == GS_EXO + offsetof(struct utcb_exo, save), "save");
_Static_assert(GS_PCT_CALLER == GS_EXO + offsetof(struct utcb_exo, pct_caller), "pct_caller");
_Static_assert(UTCB_RETURN >= UTCB_EXO + sizeof(struct utcb_exo) &&
                   UTCB_RETURN + UPCALL_CLASS_COUNT * 16 <= EXIT_OFFSET &&
                   GS_RETURN == UTCB_RETURN - UTCB_GS,
               "the words to return by lie in the rest of the page");
_Static_assert(FRAME_BYTES == sizeof(struct upcall_frame), "frame");
_Static_assert(REGS_BYTES == offsetof(struct libos_regs, frame), "registers");
_Static_assert(UPCALL_FAULT == 0 && UPCALL_EXCEPTION == 1 && UPCALL_SYSCALL == 2 &&
                   UPCALL_NOTIFY == 3 && UPCALL_RECLAIMED == 7,
               "upcall.S passes these numbers");
_Static_assert(SYS_pct_call == 17 && SYS_pct_return == 19 && SYS_BASE == 0x65786f00,
               "pct.S makes these calls");
