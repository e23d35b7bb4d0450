/*
 * Reading static ELF-64 programs (System V ABI, "Object Files" and "Program Loading"). The bytes
 * may be hostile: every offset is checked before it is used, and nothing outside them is read.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define ELF_SEGMENTS_MAX 16u

struct elf_segment {
    vaddr_t va;
    uint64_t memory_bytes;
    uint64_t file_offset, file_bytes; /* file_bytes <= memory_bytes; the rest is zero */
    rights_t rights;
};

struct elf_program {
    vaddr_t entry;
    vaddr_t low, high;     /* page-aligned bounds of all segments                          */
    bool movable;          /* ET_DYN: addresses count from wherever it is put              */
    bool interpreted;      /* wants a dynamic linker                                       */
    vaddr_t headers_va;    /* where the program headers are in memory; 0: nowhere          */
    uint32_t header_count; /* ... how many                                                 */
    uint32_t header_bytes; /* ... and the size of each                                     */
    uint32_t count;
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending, not overlapping           */
};

/* Reads the headers of a program for this CPU.
 * BAD_ARG: not an ELF-64 program of this CPU; cut short; without loadable segments, or with more
 * than ELF_SEGMENTS_MAX; segments out of order, overlapping, or not the user's; the entry is in no
 * executable segment. */
enum err elf_read(const void *bytes, size_t length, struct elf_program *program);

/* Can the program be put into pages without one that is writable and executable? */
bool elf_is_separated(const struct elf_program *program);

/* Rights of the page at `va`: those of all segments that touch it together; 0: none does. */
rights_t elf_page_rights(const struct elf_program *program, vaddr_t va);

/* Writes what the file holds for [va, va + PAGE_SIZE) to `page`, whose bytes are zero before.
 * Pre: `program` was read from the same `bytes`. */
void elf_fill_page(const struct elf_program *program, const void *bytes, vaddr_t va, void *page);

/* Is there a note (System V ABI, "Note Section") of this owner and type? For bytes of any kind. */
bool elf_has_note(const void *bytes, size_t length, const char *owner, uint32_t type);
