/* lwIP's view of the compiler and of libos: types' formats, assertions, random numbers. */
#pragma once

#include <stdint.h>

#include "exo/abi/checksum.h"

/* Headers of a C library that are not here; lwIP has replacements. */
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H   1
#define LWIP_NO_CTYPE_H    1

#define BYTE_ORDER LITTLE_ENDIAN
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

/* What lwIP has to say goes to the kernel's log; a broken belief of its own ends the program. */
void net_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void net_assertion_failed(const char *what, const char *file, int line);
uint32_t net_random(void);

#define LWIP_PLATFORM_DIAG(arguments)                                                              \
    do {                                                                                           \
        net_log arguments;                                                                         \
    } while (0)
#define LWIP_PLATFORM_ASSERT(what) net_assertion_failed(what, __FILE__, __LINE__)
#define LWIP_RAND()                net_random()
