/* lwIP's view of the compiler and of the core: types' formats, assertions, random numbers, memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "exo/abi/checksum.h"

/* Headers of a C library that are not here; lwIP has replacements. */
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_CTYPE_H    1

/* Tests on this machine have a C library, with a type that lwIP defines otherwise. */
#if __STDC_HOSTED__
#define SSIZE_MAX __LONG_MAX__
#endif

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif

#define X8_F  "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

/* lwIP's own goes by pairs of bytes. */
#define LWIP_CHKSUM(bytes, count) sum_of(bytes, (size_t)(count))

/* Few bytes, whose number is known, and the order of bytes: instructions instead of calls. */
#define SMEMCPY(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define lwip_htons(x)            __builtin_bswap16(x)
#define lwip_htonl(x)            __builtin_bswap32(x)

uint32_t inet_random(void);
void *inet_malloc(size_t bytes);
void *inet_calloc(size_t count, size_t bytes);
void inet_free(void *memory);

/* What lwIP has to say interests nobody here; a broken belief of its own ends the process, and the
 * keeper looks at what is left. */
#define LWIP_PLATFORM_DIAG(arguments)                                                              \
    do {                                                                                           \
    } while (0)
#define LWIP_PLATFORM_ASSERT(what) __builtin_trap()
#define LWIP_RAND()                inet_random()
