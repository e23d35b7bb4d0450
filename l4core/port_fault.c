/* I/O instructions of users: done for who holds the ports, else a message to the pager. L4 X.2
 * reference manual, "IO page fault"; exo/doc/decisions/0026-io-ports.md. */
#include "bindings/port.h"
#include "exo/abi/l4.h"
#include "exo/arch/io.h"
#include "exo/arch/mmu.h"
#include "exo/arch/port_insn.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/ipc.h"

#define BURST 64u /* elements of a string at a time */

/* As many bytes of the instruction as can be read. */
static unsigned read_code(struct thread *t, uint8_t code[PORT_CODE_MAX])
{
    const vaddr_t ip = thread_regs(t)->rip;
    const size_t rest = PAGE_SIZE - ip % PAGE_SIZE;
    const size_t first = rest < PORT_CODE_MAX ? rest : PORT_CODE_MAX;

    if (ip >= USER_TOP || !space_copy_in(t->env->root, code, ip, first))
        return 0;
    return space_copy_in(t->env->root, code + first, ip + first, PORT_CODE_MAX - first)
               ? PORT_CODE_MAX
               : (unsigned)first;
}

/* What the thread is to be told of instead. */
static enum port_outcome memory_fault(struct thread *t, const struct port_access *a, vaddr_t at,
                                      vaddr_t *fault)
{
    const bool present = space_user(t->env->root, at, RIGHT_READ);
    const pte_t *e = at < USER_TOP ? space_leaf(t->env->root, at) : NULL;

    if (at >= USER_TOP || (e && arch_pte_is_device(*e))) /* no pager could help */
        return PORT_REFUSED;
    *fault = at;
    thread_regs(t)->error = 4u | (a->in ? 2u : 0) | present;
    return PORT_MEMORY;
}

static bool can_reach(const struct thread *t, const struct port_access *a, vaddr_t at)
{
    return at < USER_TOP && space_user(t->env->root, at, a->in ? RIGHT_WRITE : RIGHT_READ);
}

static uint32_t port_read(const struct port_access *a)
{
    const uint16_t port = (uint16_t)a->port;

    return a->width == 1   ? arch_port_in8(port)
           : a->width == 2 ? arch_port_in16(port)
                           : arch_port_in32(port);
}

static void port_write(const struct port_access *a, uint32_t value)
{
    const uint16_t port = (uint16_t)a->port;

    if (a->width == 1)
        arch_port_out8(port, (uint8_t)value);
    else if (a->width == 2)
        arch_port_out16(port, (uint16_t)value);
    else
        arch_port_out32(port, value);
}

/* That a page was used by the kernel in the user's stead shows in its entry. */
static void note_use(const struct thread *t, vaddr_t at, rights_t used)
{
    unsigned level;
    pte_t *e = space_last(t->env->root, at, &level);

    if (arch_pte_present(*e) && !(level > 1 && arch_pte_is_share(*e)))
        arch_pte_use(e, used);
}

/* One element to or from memory, all of which can be reached. */
static void move_element(struct thread *t, const struct port_access *a, vaddr_t at)
{
    uint32_t value = 0;

    if (a->in) {
        value = port_read(a);
        space_copy_out(t->env->root, at, &value, a->width);
    } else {
        space_copy_in(t->env->root, &value, at, a->width);
        port_write(a, value);
    }
    note_use(t, at, a->in ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ);
    note_use(t, at + a->width - 1, a->in ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ);
}

static enum port_outcome do_string(struct thread *t, const struct port_access *a, vaddr_t *fault)
{
    struct regs *r = thread_regs(t);

    for (unsigned n = 0; arch_port_left(r, a); n++) {
        const vaddr_t at = arch_port_address(r, a), last = at + a->width - 1;
        if (n == BURST)
            return PORT_OVER; /* the instruction is entered again */
        if (!can_reach(t, a, at))
            return memory_fault(t, a, at, fault);
        if (!can_reach(t, a, last))
            return memory_fault(t, a, last & ~(PAGE_SIZE - 1), fault);
        move_element(t, a, at);
        arch_port_done(r, a, 0);
        if (!a->repeats)
            break;
    }
    arch_port_leave(r, a);
    return PORT_OVER;
}

static enum port_outcome do_access(struct thread *t, const struct port_access *a, vaddr_t *fault)
{
    struct regs *r = thread_regs(t);
    uint32_t value = 0;

    if (a->string)
        return do_string(t, a, fault);
    if (a->in)
        value = port_read(a);
    else
        port_write(a, (uint32_t)r->rax);
    arch_port_done(r, a, value);
    arch_port_leave(r, a);
    return PORT_OVER;
}

/* The smallest IO fpage with all ports of the access. */
static word_t fpage_of(const struct port_access *a)
{
    unsigned bits = 0;

    while (a->port >> bits != (a->port + a->width - 1) >> bits)
        bits++;
    return FPAGE_PORTS(a->port >> bits << bits, bits) | (a->in ? FPAGE_READ : FPAGE_WRITE);
}

/* PORT_LACKS, and which in `*fpage`: it is for the pager. */
static enum port_outcome emulate(struct thread *t, vaddr_t *fault, word_t *fpage)
{
    uint8_t code[PORT_CODE_MAX];
    struct port_access a;
    const unsigned bytes = read_code(t, code);

    if (!bytes) /* the CPU has just read it: it goes, and is a page fault the next time */
        return thread_regs(t)->rip < USER_TOP ? PORT_OVER : PORT_REFUSED;
    switch (arch_port_decode(&t->arch, code, bytes, &a)) {
    case PORT_OTHER:
        return PORT_REFUSED;
    case PORT_CUT_OFF:
        return bytes < PORT_CODE_MAX ? PORT_OVER : PORT_REFUSED;
    default:
        break;
    }
    if (a.port + a.width > PORT_END)
        return PORT_REFUSED;
    if (port_held(t->env, a.port, a.width, a.in ? RIGHT_READ : RIGHT_WRITE))
        return do_access(t, &a, fault);
    *fpage = fpage_of(&a);
    return PORT_LACKS;
}

enum port_outcome hook_port_access(struct thread *t, vaddr_t *fault)
{
    const word_t tag = TAG_MAKE(LABEL_PORT_FAULT | FPAGE_READ | FPAGE_WRITE, 2, 0);
    word_t fpage = 0;

    if (!forest_lock_for(t))
        return PORT_OVER; /* it does not run any more */
    const enum port_outcome outcome = emulate(t, fault, &fpage);
    forest_unlock();
    if (outcome != PORT_LACKS)
        return outcome;
    const bool told = ipc_call_for(t, *thread_mr(t, TCR_PAGER), IPC_PORT_FAULT, tag, fpage);
    return told ? PORT_OVER : PORT_REFUSED;
}
