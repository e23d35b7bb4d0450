/*
 * Linked graft objects: ELF64 files for eBPF that hold one program without relocations, as the host
 * command `graft prove` writes them and the kernel reads them. All integers are little-endian.
 */
#pragma once

#include <stdint.h>

#define GRAFT_SECTION_CODE  "graft"        /* the instructions, executable                    */
#define GRAFT_SECTION_MAPS  ".maps"        /* array of struct graft_map_def                    */
#define GRAFT_SECTION_NAMES ".graft.names" /* of the maps, in their order; each ends in 0      */
#define GRAFT_SECTION_INITIAL                                                                      \
    ".graft.initial"                       /* struct graft_initial and its bytes, several      */
#define GRAFT_SECTION_LINES ".graft.lines" /* array of struct graft_line, ascending            */
#define GRAFT_SECTION_FILES ".graft.files" /* names of source files; each ends in 0            */
#define GRAFT_SECTION_HOOK  ".graft.hook"  /* name of the hook it was proved for; ends in 0    */
#define GRAFT_SECTION_PROOF ".graft.proof" /* decision 35                                      */

/* What the first bytes of an array map's only entry are; zeros follow. The next record begins at
 * the next multiple of 8. */
struct graft_initial {
    uint32_t map;   /* index into .maps   */
    uint32_t bytes; /* that follow        */
};

/* The source line of this instruction and of those after it, until the next record. */
struct graft_line {
    uint32_t instruction; /* slot                       */
    uint32_t line;        /* 0: unknown                 */
    uint32_t file;        /* offset into .graft.files   */
};
