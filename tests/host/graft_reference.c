/* eBPF from RFC 9669's text: one case per opcode family, byte by byte, slowly. */
#include "tests/host/graft_reference.h"

#define FRAMES 8

static uint64_t get(uint64_t address, int bytes)
{
    const uint8_t *p = (const uint8_t *)(uintptr_t)address;
    uint64_t x = 0;

    for (int k = bytes - 1; k >= 0; k--)
        x = x << 8 | p[k];
    return x;
}

static void put(uint64_t address, int bytes, uint64_t x)
{
    uint8_t *p = (uint8_t *)(uintptr_t)address;

    for (int k = 0; k < bytes; k++)
        p[k] = (uint8_t)(x >> 8 * k);
}

static int64_t with_sign(uint64_t x, int bits)
{
    uint64_t sign = (uint64_t)1 << (bits - 1);

    if (bits < 64)
        x &= ((uint64_t)1 << bits) - 1;
    return (int64_t)((x ^ sign) - sign);
}

static uint64_t magnitude(int64_t x)
{
    return x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
}

/* Signed division by way of the unsigned one: truncates towards 0, never traps. */
static uint64_t quotient(uint64_t a, uint64_t b, int bits, int is_signed)
{
    if (b == 0)
        return 0;
    if (!is_signed)
        return a / b;
    int64_t x = with_sign(a, bits), y = with_sign(b, bits);
    uint64_t q = magnitude(x) / magnitude(y);
    return (x < 0) != (y < 0) ? 0 - q : q;
}

static uint64_t remainder_of(uint64_t a, uint64_t b, int bits, int is_signed)
{
    if (b == 0)
        return a;
    if (!is_signed)
        return a % b;
    int64_t x = with_sign(a, bits), y = with_sign(b, bits);
    uint64_t q = magnitude(x) % magnitude(y);
    return x < 0 ? 0 - q : q;
}

static uint64_t shifted(uint64_t a, unsigned by, int bits, int arithmetic)
{
    uint64_t x = a;

    for (unsigned k = 0; k < by; k++) {
        uint64_t top = arithmetic ? x & (uint64_t)1 << (bits - 1) : 0;
        x = x >> 1 | top;
    }
    return x;
}

static uint64_t arithmetic(const struct insn *i, uint64_t a, uint64_t b)
{
    int bits = (i->opcode & 7) == 7 ? 64 : 32;
    uint64_t mask = bits == 64 ? UINT64_MAX : UINT32_MAX, x = 0;
    unsigned by = (unsigned)(b % (unsigned)bits);

    a &= mask;
    b &= mask;
    switch (i->opcode >> 4) {
    case 0x0:
        x = a + b;
        break;
    case 0x1:
        x = a - b;
        break;
    case 0x2:
        x = a * b;
        break;
    case 0x3:
        x = quotient(a, b, bits, i->offset == 1);
        break;
    case 0x4:
        x = a | b;
        break;
    case 0x5:
        x = a & b;
        break;
    case 0x6:
        x = a;
        for (unsigned k = 0; k < by; k++)
            x += x;
        break;
    case 0x7:
        x = shifted(a, by, bits, 0);
        break;
    case 0x8:
        x = 0 - a;
        break;
    case 0x9:
        x = remainder_of(a, b, bits, i->offset == 1);
        break;
    case 0xa:
        x = a ^ b;
        break;
    case 0xb:
        x = i->offset ? (uint64_t)with_sign(b, i->offset) : b;
        break;
    case 0xc:
        x = shifted(a, by, bits, 1);
        break;
    default:
        break;
    }
    return x & mask;
}

/* le, be, bswap: through memory, as the RFC's host would. */
static uint64_t end_swap(const struct insn *i, uint64_t a)
{
    uint8_t bytes[8];
    int n = i->imm / 8;
    uint64_t x = 0;

    put((uintptr_t)bytes, 8, a);
    if (i->opcode == 0xd4)
        return get((uintptr_t)bytes, n);
    for (int k = 0; k < n; k++)
        x = x << 8 | bytes[k];
    return x;
}

static int holds(const struct insn *i, uint64_t a, uint64_t b)
{
    int bits = (i->opcode & 7) == 5 ? 64 : 32;
    int64_t x = with_sign(a, bits), y = with_sign(b, bits);

    if (bits == 32) {
        a &= UINT32_MAX;
        b &= UINT32_MAX;
    }
    switch (i->opcode >> 4) {
    case 0x1:
        return a == b;
    case 0x2:
        return a > b;
    case 0x3:
        return a >= b;
    case 0x4:
        return (a & b) != 0;
    case 0x5:
        return a != b;
    case 0x6:
        return x > y;
    case 0x7:
        return x >= y;
    case 0xa:
        return a < b;
    case 0xb:
        return a <= b;
    case 0xc:
        return x < y;
    default:
        return x <= y;
    }
}

static int size_of(uint8_t opcode)
{
    static const int bytes[] = {4, 2, 1, 8};
    return bytes[opcode >> 3 & 3];
}

static void atomically(struct reference *m, const struct insn *i)
{
    int bytes = size_of(i->opcode);
    unsigned src = i->registers >> 4;
    uint64_t at = m->r[i->registers & 15] + (uint64_t)i->offset, old = get(at, bytes);
    uint64_t with = m->r[src], mask = bytes == 8 ? UINT64_MAX : UINT32_MAX;

    switch (i->imm & 0xf0) {
    case 0x00:
        put(at, bytes, old + with);
        break;
    case 0x40:
        put(at, bytes, old | with);
        break;
    case 0x50:
        put(at, bytes, old & with);
        break;
    case 0xa0:
        put(at, bytes, old ^ with);
        break;
    case 0xe0:
        put(at, bytes, with);
        break;
    default:
        if (old == (m->r[0] & mask))
            put(at, bytes, with);
        m->r[0] = old;
        return;
    }
    if (i->imm & 1)
        m->r[src] = old;
}

struct frame {
    uint64_t kept[4];
    uint32_t back;
};

/* Class JMP or JMP32. Moves *at, the slot behind. */
static enum reference_end jump(struct reference *m, const struct insn *i, uint32_t *at,
                               struct frame *frames, unsigned *depth, int *is_over)
{
    unsigned src = i->registers >> 4;
    uint64_t b = i->opcode & 8 ? m->r[src] : (uint64_t)(int64_t)i->imm;

    switch (i->opcode) {
    case 0x05:
        *at = (uint32_t)((int32_t)*at + i->offset);
        return REFERENCE_DONE;
    case 0x06:
        *at += (uint32_t)i->imm;
        return REFERENCE_DONE;
    case 0x8d:
        m->r[0] = m->helper((uint32_t)m->r[i->registers & 15], m->r);
        return REFERENCE_DONE;
    case 0x85:
        if (src == 0) {
            m->r[0] = m->helper((uint32_t)i->imm, m->r);
            return REFERENCE_DONE;
        }
        if (*depth + 1 >= FRAMES)
            return REFERENCE_STACK;
        for (int k = 0; k < 4; k++)
            frames[*depth].kept[k] = m->r[6 + k];
        frames[(*depth)++].back = *at;
        m->r[10] -= 512;
        *at += (uint32_t)i->imm;
        return REFERENCE_DONE;
    case 0x95:
        *is_over = *depth == 0;
        if (*is_over)
            return REFERENCE_DONE;
        *at = frames[--*depth].back;
        for (int k = 0; k < 4; k++)
            m->r[6 + k] = frames[*depth].kept[k];
        m->r[10] += 512;
        return REFERENCE_DONE;
    default:
        if (holds(i, m->r[i->registers & 15], b))
            *at = (uint32_t)((int32_t)*at + i->offset);
        return REFERENCE_DONE;
    }
}

/* Every other class. */
static void compute(struct reference *m, const struct insn *i, uint32_t *at)
{
    unsigned dst = i->registers & 15, src = i->registers >> 4;
    uint64_t to = m->r[dst] + (uint64_t)i->offset, from = m->r[src] + (uint64_t)i->offset;
    uint64_t imm = (uint64_t)(int64_t)i->imm;
    int bytes = size_of(i->opcode);

    switch (i->opcode & 7) {
    case 0:
        m->r[dst] = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
        ++*at;
        break;
    case 1:
        m->r[dst] =
            i->opcode & 0x80 ? (uint64_t)with_sign(get(from, bytes), 8 * bytes) : get(from, bytes);
        break;
    case 2:
        put(to, bytes, imm);
        break;
    case 3:
        if (i->opcode >> 5 == 6)
            atomically(m, i);
        else
            put(to, bytes, m->r[src]);
        break;
    default:
        if (i->opcode >> 4 == 0xd)
            m->r[dst] = end_swap(i, m->r[dst]);
        else
            m->r[dst] = arithmetic(i, m->r[dst], i->opcode & 8 ? m->r[src] : imm);
        break;
    }
}

enum reference_end reference_run(struct reference *m)
{
    struct frame frames[FRAMES];
    unsigned depth = 0;
    uint32_t at = 0;

    for (uint64_t n = 0; n < m->steps; n++) {
        if (at >= m->count)
            return REFERENCE_STUCK;
        if (m->charges)
            m->fuel -= m->charges[at];
        if (m->charges && m->fuel < 0)
            return REFERENCE_FUEL;
        const struct insn *i = &m->code[at++];
        int is_over = 0;
        if ((i->opcode & 7) == 5 || (i->opcode & 7) == 6) {
            enum reference_end end = jump(m, i, &at, frames, &depth, &is_over);
            if (end != REFERENCE_DONE || is_over)
                return end;
        } else {
            compute(m, i, &at);
        }
    }
    return REFERENCE_STUCK;
}
