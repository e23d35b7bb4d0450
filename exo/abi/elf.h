/* ELF64 as loaders read it. System V ABI, "Object Files". */
#pragma once

#include "exo/abi/types.h"

#define ELF_MAGIC      0x464c457fu /* 0x7f "ELF" */
#define ELF_CLASS_64   2u
#define ELF_LITTLE     1u
#define ELF_TYPE_EXEC  2u
#define ELF_TYPE_DYN   3u
#define ELF_MACHINE_86 62u
#define ELF_LOAD       1u
#define ELF_EXEC       1u
#define ELF_WRITE      2u
#define ELF_READ       4u

struct elf_header {
    uint32_t magic;
    uint8_t class, order, ident[10];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, segments, sections;
    uint32_t flags;
    uint16_t header_bytes, segment_bytes, segment_count;
    uint16_t section_bytes, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, va, pa, file_bytes, memory_bytes, align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF64 program header");
