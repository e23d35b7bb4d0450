/* Instructions that access I/O ports, done by the kernel in the user's stead. */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

#define PORT_CODE_MAX 15u /* bytes of the longest instruction */

struct port_access {
    uint32_t port;
    uint8_t width;  /* bytes of an element: 1, 2 or 4                              */
    uint8_t length; /* of the instruction                                          */
    bool in;        /* from the port; else to it                                   */
    bool string;    /* to or from memory; else rax                                 */
    bool repeats;   /* a counter says how many elements                            */
    bool narrow;    /* addresses and counter have 32 bits                          */
    vaddr_t base;   /* of the segment that is read                                 */
};

enum port_decode {
    PORT_OTHER,   /* no access to a port                               */
    PORT_CUT_OFF, /* it has more than these bytes                      */
    PORT_ACCESS
};

/* What instruction of the current thread `t` begins with these bytes. */
enum port_decode arch_port_decode(const struct arch_thread *t, const uint8_t *code, unsigned bytes,
                                  struct port_access *a);

/* How many elements are still to be done, and where in memory the next one is. */
uint64_t arch_port_left(const struct regs *r, const struct port_access *a);
vaddr_t arch_port_address(const struct regs *r, const struct port_access *a);

/* One element was done: a `string` one, or with `value` in rax if `in`. */
void arch_port_done(struct regs *r, const struct port_access *a, uint32_t value);

/* The instruction is over. */
void arch_port_leave(struct regs *r, const struct port_access *a);
