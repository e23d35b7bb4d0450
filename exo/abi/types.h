/* Scalars that cross the kernel boundary. Units and ranges are part of the name's contract. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t word_t;   /* one machine register                                     */
typedef uint64_t paddr_t;  /* physical address, bytes                                  */
typedef uint64_t vaddr_t;  /* virtual address in the space named beside it, bytes      */
typedef uint32_t pfn_t;    /* physical frame number: paddr_t >> PAGE_BITS              */
typedef uint32_t slot_t;   /* index into an environment's capability table             */
typedef uint32_t rights_t; /* set of RIGHT_* bits                                      */

#define PAGE_BITS   12u
#define PAGE_SIZE   ((word_t)1 << PAGE_BITS)      /* bytes */
#define USER_TOP    ((vaddr_t)0x00007ffffffff000) /* first address that is not the user's */
#define RIGHT_READ  (1u << 0)
#define RIGHT_WRITE (1u << 1)
#define RIGHT_EXEC  (1u << 2)
#define RIGHT_GRANT (1u << 3) /* may derive further capabilities or bindings for others */
#define RIGHT_ALL   (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_GRANT)
