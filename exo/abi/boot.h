/*
 * How a program finds itself when it starts. The kernel starts sigma0 so, and whoever starts a
 * program keeps to it: the first thread runs at the ELF entry with rdi = START_INFO, rsp =
 * START_STACK_TOP, its UTCB at START_UTCB, capabilities in the slots of cap.h, and nothing bound
 * but the image, the page of START_INFO (read-only), the UTCB and the stack. The CAP_IMAGE frames
 * hold all of those. Page tables for them exist; the rest of the address space is the program's.
 */
#pragma once

#include "exo/abi/types.h"

#define START_INFO        ((vaddr_t)0x7ffe00000000)
#define START_UTCB        ((vaddr_t)0x7ffe00001000)
#define START_STACK       ((vaddr_t)0x7ffe00010000) /* lowest byte; 16 pages are bound     */
#define START_STACK_PAGES 16u
#define START_STACK_TOP   (START_STACK + START_STACK_PAGES * PAGE_SIZE)

#define STARTINFO_MAGIC 0x74726174734f7865u /* "exOstart" */
#define STARTINFO_TEXT  3968u

struct startinfo {
    uint64_t magic;
    vaddr_t image_low;      /* first byte of the program's lowest page                       */
    vaddr_t image_high;     /* first byte behind its highest page                            */
    uint64_t archive_bytes; /* length of the archive in SLOT_ARCHIVE, from its first byte   */
    uint64_t thread_id;     /* global ID of the first thread                                 */
    uint64_t parent_id;     /* global ID of the thread that started it; 0: the kernel        */
    uint64_t memory_free;   /* hint: lowest frame of SLOT_MEMORY not used by the starter     */
    uint32_t argc;          /* strings in `text`                                             */
    uint32_t envc;          /* strings that follow them: NAME=VALUE                          */
    uint64_t unused[8];
    char text[STARTINFO_TEXT]; /* NUL-terminated strings, one after the other               */
};
_Static_assert(sizeof(struct startinfo) <= PAGE_SIZE, "start information is one page");
