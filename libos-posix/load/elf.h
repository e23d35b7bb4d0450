/*
 * Judging an ELF file: is it an x86-64 program that can be loaded, and where does it go?
 *
 * Only header and program headers are looked at. What passes is a fact for the loader.
 */
#pragma once

#include "exo/abi/elf.h"
#include "exo/abi/types.h"

#define ELF_SEGMENTS_MAX 16u
#define ELF_HEADERS_MAX  64u   /* program headers of all types */
#define ELF_LINKER_MAX   4096u /* bytes of the path of a dynamic linker, with its zero */

struct elf_segment {
    vaddr_t start;         /* as linked; the loader adds the bias            */
    uint64_t memory_bytes; /* from start; behind the file bytes comes zero   */
    uint64_t offset;       /* in the file                                    */
    uint64_t file_bytes;
    rights_t rights;
};

struct elf_image {
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* ascending, on different pages */
    unsigned segment_count;                        /* at least 1                    */
    bool relocatable;                              /* a PIE, or a shared object: any bias will do */
    bool runs_stack;                               /* wants to execute code on its stack */
    vaddr_t low, high;                             /* whole pages around all segments, as linked */
    vaddr_t align;                                 /* power of two that the bias must keep       */
    vaddr_t entry;                                 /* as linked, in an executable segment        */
    vaddr_t headers; /* the program headers in memory, as linked; 0: not loaded */
    unsigned header_count;
    uint64_t linker_at,
        linker_bytes; /* where in the file its dynamic linker's path is; 0: static */
};

/* Says how many bytes of program headers there are and where. Pre: `bytes` of the file's begin
 * are at `header`. ENOEXEC: not an ELF header of an x86-64 program. */
long elf_check_header(const struct elf_header *header, uint64_t file_bytes);

/* Judges the program headers too. ENOEXEC: damaged, overlapping or out of bounds. */
long elf_check_segments(const struct elf_header *header, const struct elf_program_header *headers,
                        uint64_t file_bytes, struct elf_image *out);
