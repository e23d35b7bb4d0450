/* IN, OUT, INS and OUTS: decoding them, and what they do to registers. Intel SDM, volume 2. */
#include "exo/arch/port_insn.h"

#define FLAG_DOWN   0x400u
#define PREFIX_SIZE 0x66u
#define PREFIX_ADDR 0x67u
#define PREFIX_REPN 0xf2u
#define PREFIX_REP  0xf3u
#define PREFIX_FS   0x64u
#define PREFIX_GS   0x65u
#define REX_WIDE    0x08u

/* What stands in front of an opcode. */
struct prefixes {
    bool size, address, repeats, wide;
    uint8_t segment; /* PREFIX_FS, PREFIX_GS, or another, whose base is 0 */
};

/* Notes a prefix. False: it is none. REX counts only right in front of the opcode. */
static bool take_prefix(struct prefixes *p, uint8_t byte)
{
    p->wide = false;
    switch (byte) {
    case PREFIX_SIZE:
        p->size = true;
        return true;
    case PREFIX_ADDR:
        p->address = true;
        return true;
    case PREFIX_REPN:
    case PREFIX_REP:
        p->repeats = true;
        return true;
    case 0x26: /* es */
    case 0x2e: /* cs */
    case 0x36: /* ss */
    case 0x3e: /* ds */
    case PREFIX_FS:
    case PREFIX_GS:
        p->segment = byte;
        return true;
    default:
        p->wide = byte & REX_WIDE;
        return (byte & 0xf0) == 0x40;
    }
}

/* The opcodes are 6c to 6f, e4 to e7 and ec to ef: bit 0 says more than a byte, bit 1 out. */
static bool is_string(uint8_t opcode)
{
    return (opcode & 0xfc) == 0x6c;
}

static bool is_immediate(uint8_t opcode)
{
    return (opcode & 0xfc) == 0xe4;
}

static bool is_access(uint8_t opcode)
{
    return is_string(opcode) || is_immediate(opcode) || (opcode & 0xfc) == 0xec;
}

static vaddr_t segment_base(const struct arch_thread *t, uint8_t segment)
{
    return segment == PREFIX_FS ? arch_thread_pointer() : segment == PREFIX_GS ? t->gs_base : 0;
}

enum port_decode arch_port_decode(const struct arch_thread *t, const uint8_t *code, unsigned bytes,
                                  struct port_access *a)
{
    struct prefixes p = {.size = false}, at_opcode;
    unsigned at = 0;

    do {
        at_opcode = p;
        if (at == bytes)
            return PORT_CUT_OFF;
    } while (take_prefix(&p, code[at++]));
    const uint8_t opcode = code[at - 1];
    if (!is_access(opcode))
        return PORT_OTHER;
    if (is_immediate(opcode) && at == bytes)
        return PORT_CUT_OFF;
    const uint8_t wide = at_opcode.size && !at_opcode.wide ? 2 : 4;
    *a = (struct port_access){.width = opcode & 1 ? wide : 1,
                              .in = !(opcode & 2),
                              .string = is_string(opcode),
                              .narrow = at_opcode.address};
    a->port = is_immediate(opcode) ? code[at++] : (uint16_t)t->regs.rdx;
    a->length = (uint8_t)at;
    a->repeats = a->string && at_opcode.repeats;
    a->base = a->string && !a->in ? segment_base(t, at_opcode.segment) : 0;
    return PORT_ACCESS;
}

uint64_t arch_port_left(const struct regs *r, const struct port_access *a)
{
    if (!a->repeats)
        return 1;
    return a->narrow ? (uint32_t)r->rcx : r->rcx;
}

vaddr_t arch_port_address(const struct regs *r, const struct port_access *a)
{
    uint64_t offset = a->in ? r->rdi : r->rsi;

    return a->base + (a->narrow ? (uint32_t)offset : offset);
}

static void add(uint64_t *reg, int64_t by, bool narrow)
{
    *reg += (uint64_t)by;
    if (narrow)
        *reg = (uint32_t)*reg;
}

void arch_port_done(struct regs *r, const struct port_access *a, uint32_t value)
{
    static const uint64_t kept[] = {[1] = ~(uint64_t)0xff, [2] = ~(uint64_t)0xffff, [4] = 0};

    if (a->string) {
        add(a->in ? &r->rdi : &r->rsi, r->rflags & FLAG_DOWN ? -a->width : a->width, a->narrow);
        if (a->repeats)
            add(&r->rcx, -1, a->narrow);
    } else if (a->in) {
        r->rax = (r->rax & kept[a->width]) | value;
    }
}

void arch_port_leave(struct regs *r, const struct port_access *a)
{
    r->rip += a->length;
}
