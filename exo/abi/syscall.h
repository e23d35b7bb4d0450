/* System-call numbers and argument structs, made from syscalls.def. */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* The register that names the call holds SYS_BASE + number. Linux uses no number near it, so a
 * `syscall` instruction with any other number is not the kernel's and is reflected (utcb.h). */
#define SYS_BASE     0x65786f00u
#define SYS_MAX_ARGS 6u

enum sysno {
#define SYSCALL(number, name, args) SYS_##name = (number),
#include "exo/abi/syscalls.def"
#undef SYSCALL
};

#define ARG(type, field) type field;
#define SYSCALL(number, name, args)                                                                \
    struct sys_##name##_args {                                                                     \
        args uint8_t end_of_arguments;                                                             \
    };
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG

/* Arguments that many calls share. */
#define PFN_ANY ((pfn_t)-1) /* the lowest frames that are free in the region */

/* frames_find. A frame's colour says which sets of a cache it falls into, as far as the cache is
 * found by physical address and is no larger than FRAME_COLOURS pages a way. */
#define FRAME_COLOURS         64u
#define FRAME_COLOUR(pfn)     ((pfn) % FRAME_COLOURS)
#define FRAME_COLOURS_ALL     (~(word_t)0)
#define FRAME_ALIGN_MAX       18u
#define FRAME_RANGE(low, end) ((word_t)(pfn_t)(low) | (word_t)(pfn_t)(end) << 32)
#define FRAME_RANGE_ALL       FRAME_RANGE(0, PFN_ANY)
#define ENV_FRAMES            5u /* the env, its capability table, its root table with two of nodes */
#define TABLE_FRAMES          3u  /* the table, then its nodes                      */
#define L4_THREAD_FRAMES      2u  /* of a thread made by ThreadControl: itself, its UTCB     */
#define THREAD_FIRST          64u /* lower numbers name interrupts and the kernel's */
#define L4_LINE_FRAMES        1u  /* of an interrupt line that ThreadControl associates     */
#define THREAD_MAX            8192u
#define FOREVER               (~(word_t)0)

/* Frames of a graft made from an object of `bytes` bytes: its header, the copy, and what first is
 * the checker's and then holds native code, its page table, and the journal. Fewer do for a small
 * one, but not fewer than the least: the check may want more (WORK_MEMORY), and without room for
 * native code a graft is interpreted. */
#define GRAFT_FRAMES(bytes)       (32u + 5u * (uint32_t)(((bytes) + PAGE_SIZE - 1) / PAGE_SIZE))
#define GRAFT_FRAMES_LEAST(bytes) (2u + (uint32_t)(((bytes) + PAGE_SIZE - 1) / PAGE_SIZE))
