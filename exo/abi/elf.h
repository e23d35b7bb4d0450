/* ELF64 as its readers and writers have it. System V ABI, "Object Files" and "Program Loading". */
#pragma once

#include "exo/abi/types.h"

#define ELF_IDENT      "\177ELF\2\1\1" /* the first bytes: 64 bits, little-endian, version 1 */
#define ELF_TYPE_REL   1u
#define ELF_TYPE_EXEC  2u
#define ELF_TYPE_DYN   3u
#define ELF_MACHINE_86 62u
#define ELF_LOAD       1u
#define ELF_INTERP     3u
#define ELF_NOTE       4u
#define ELF_PHDR       6u
#define ELF_STACK      0x6474e551u /* GNU: its flags are the stack's */
#define ELF_EXEC       1u
#define ELF_WRITE      2u
#define ELF_READ       4u

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections; /* the tables: offsets in the file */
    uint32_t flags;
    uint16_t header_bytes, segment_bytes, segment_count;
    uint16_t section_bytes, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, va, pa, file_bytes, memory_bytes, align;
};
_Static_assert(sizeof(struct elf_program_header) == 56, "ELF64 program header");

/* Is it a 64-bit little-endian file? */
static inline bool elf_is_native(const struct elf_header *h)
{
    return !__builtin_memcmp(h->ident, ELF_IDENT, sizeof ELF_IDENT - 1);
}
