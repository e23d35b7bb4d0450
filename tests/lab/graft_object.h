/* Objects of grafts whose code is made here. */
#pragma once

#include <stddef.h>

#include "exo/abi/types.h"

#define LAB_CODE_MOST  65536u     /* instructions            */
#define LAB_PROOF_MOST (1u << 17) /* bytes, behind that much code */

/* eBPF, RFC 9669. */
struct lab_insn {
    uint8_t opcode, registers;
    int16_t offset;
    int32_t immediate;
};

/* The code of the one object that there is, to be filled; and the object with `count` of it, and
 * its size. The proof, if it has one, lies behind those. */
extern struct lab_insn *const lab_code;
const void *lab_object(uint32_t count, uint32_t proof_bytes, size_t *bytes);
