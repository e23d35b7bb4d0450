/* Looks for accesses below the stack pointer in x86-64 code. Intel SDM volume 2, "Instruction
 * Format". */
#include "libos-posix/family/patch_code.h"

#define FRAME_MOST 4096u /* a frame pointer that is farther from the stack pointer is none */

#define MOD(byte)  ((byte) >> 6)
#define REG(byte)  ((byte) >> 3 & 7)
#define BASE(byte) ((byte)&7)
#define BASE_SP    4 /* of an SIB byte; as the base of a ModRM byte: an SIB byte follows */
#define BASE_FRAME 5

/* The last bytes of opcodes that have a ModRM byte and are met with a variable on a stack. */
static bool takes_memory(uint8_t op, uint8_t modrm)
{
    static const uint8_t ops[] = {
        0x01, 0x03, 0x09, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x19, 0x1b, 0x21, 0x23, 0x28,
        0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x31, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x51, 0x54,
        0x57, 0x58, 0x59, 0x5c, 0x5e, 0x63, 0x69, 0x6b, 0x6e, 0x6f, 0x7e, 0x7f, 0x80, 0x81, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x8f, 0xaf, 0xb0, 0xb1, 0xb6, 0xb7,
        0xbe, 0xbf, 0xc6, 0xc7, 0xd6, 0xd9, 0xdb, 0xdd, 0xdf, 0xe7, 0xef, 0xf6, 0xf7, 0xfe, 0xff,
    };

    /* `test` of two registers and a jump behind it look like one, too. */
    if (op >= 0xc0 && (REG(modrm) == 6 || (REG(modrm) == 7 && op >= 0xf0)))
        return false;
    if (op >= 0xfe && REG(modrm) > 1)
        return false;
    for (size_t i = 0; i < sizeof ops; i++)
        if (ops[i] == op)
            return true;
    return false;
}

/* The signed displacement of `width` bytes. */
static int64_t displacement(const uint8_t *at, size_t width)
{
    uint32_t value = 0;

    if (width == 1)
        return (int8_t)*at;
    for (size_t i = 0; i < width; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return (int32_t)value;
}

bool patch_code_uses_red_zone(const uint8_t *code, size_t bytes, vaddr_t stack, vaddr_t frame)
{
    const bool has_frame = frame >= stack && frame - stack <= FRAME_MOST;
    const int64_t lowest = has_frame ? -(int64_t)(frame - stack) : 0;

    for (size_t i = 1; i < bytes; i++) {
        const uint8_t modrm = code[i];
        const size_t width = MOD(modrm) == 1 ? 1 : 4;
        const bool by_sib = BASE(modrm) == BASE_SP;
        const size_t at = i + 1 + by_sib;
        if (MOD(modrm) == 0 || MOD(modrm) == 3 || at + width > bytes)
            continue;
        const unsigned base = by_sib ? BASE(code[i + 1]) : BASE(modrm);
        if (base != BASE_SP && (base != BASE_FRAME || !has_frame))
            continue;
        const int64_t end = base == BASE_SP ? 0 : lowest, distance = displacement(code + at, width);
        if (distance < end && distance >= end - 128 && takes_memory(code[i - 1], modrm))
            return true;
    }
    return false;
}
