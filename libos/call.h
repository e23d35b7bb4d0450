/*
 * The exokernel's calls as C functions, made from exo/abi/syscalls.def, where their manual stands.
 *
 *   enum err exo_frames_alloc(region, base, count, dst)
 *   enum err exo_frames_alloc_get(region, base, count, dst, word_t *result)
 *
 * Every call has both forms; the second also gives what the page calls "Result" (it is written on
 * an error, too, and may be NULL). Protected control transfer is in libos/pct.h instead: there the
 * registers are the message.
 */
#pragma once

/* A call without arguments gives syscall.h a struct without members, which GNU C allows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "exo/abi/syscall.h"
#pragma GCC diagnostic pop

#include "libos/start/cpu.h"

/* A row's arguments become a list of pairs "0, (type, field), ...". The last of the numbers that
 * the pairs push aside is how many they are, and names the macro that writes the functions. */
#define CALL_ARGUMENT(type, field)                type field
#define CALL_VALUE(type, field)                   (word_t) field
#define CALL_SEVENTH(a, b, c, d, e, f, g, n, ...) n
#define CALL_COUNT(...)                           CALL_SEVENTH(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0, )
#define CALL_PASTE(a, b)                          a##b
#define CALL_WRITER(count)                        CALL_PASTE(CALL_WRITE_, count)
#define CALL_WRITE(number, name, ...)                                                              \
    CALL_WRITER(CALL_COUNT(__VA_ARGS__))(number, name, __VA_ARGS__)

#define CALL_BODY(number, result, count, ...)                                                      \
    {                                                                                              \
        const word_t values[SYS_MAX_ARGS + 1] = {__VA_ARGS__};                                     \
        return cpu_syscall(SYS_BASE + (number), values, count, result);                            \
    }
#define CALL_WRITE_0(number, name, z)                                                              \
    CPU_INLINE enum err exo_##name##_get(word_t *result) CALL_BODY(number, result, 0, 0)           \
        CPU_INLINE enum err exo_##name(void) CALL_BODY(number, NULL, 0, 0)
#define CALL_WRITE_1(number, name, z, a)                                                           \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, word_t *result)                          \
        CALL_BODY(number, result, 1, 0, CALL_VALUE a)                                              \
            CPU_INLINE enum err exo_##name(CALL_ARGUMENT a)                                        \
                CALL_BODY(number, NULL, 1, 0, CALL_VALUE a)
#define CALL_WRITE_2(number, name, z, a, b)                                                        \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, CALL_ARGUMENT b, word_t *result)         \
        CALL_BODY(number, result, 2, 0, CALL_VALUE a, CALL_VALUE b)                                \
            CPU_INLINE enum err exo_##name(CALL_ARGUMENT a, CALL_ARGUMENT b)                       \
                CALL_BODY(number, NULL, 2, 0, CALL_VALUE a, CALL_VALUE b)
#define CALL_WRITE_3(number, name, z, a, b, c)                                                     \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,        \
                                         word_t *result)                                           \
        CALL_BODY(number, result, 3, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c)                  \
            CPU_INLINE enum err exo_##name(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c)      \
                CALL_BODY(number, NULL, 3, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c)
#define CALL_WRITE_4(number, name, z, a, b, c, d)                                                  \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,        \
                                         CALL_ARGUMENT d, word_t *result)                          \
        CALL_BODY(number, result, 4, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c,                  \
                  CALL_VALUE d) CPU_INLINE enum err exo_##name(CALL_ARGUMENT a, CALL_ARGUMENT b,   \
                                                               CALL_ARGUMENT c, CALL_ARGUMENT d)   \
            CALL_BODY(number, NULL, 4, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c, CALL_VALUE d)
#define CALL_WRITE_5(number, name, z, a, b, c, d, e)                                               \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,        \
                                         CALL_ARGUMENT d, CALL_ARGUMENT e, word_t *result)         \
        CALL_BODY(number, result, 5, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c, CALL_VALUE d,    \
                  CALL_VALUE e)                                                                    \
            CPU_INLINE enum err exo_##name(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,      \
                                           CALL_ARGUMENT d, CALL_ARGUMENT e)                       \
                CALL_BODY(number, NULL, 5, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c,            \
                          CALL_VALUE d, CALL_VALUE e)
#define CALL_WRITE_6(number, name, z, a, b, c, d, e, f)                                            \
    CPU_INLINE enum err exo_##name##_get(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,        \
                                         CALL_ARGUMENT d, CALL_ARGUMENT e, CALL_ARGUMENT f,        \
                                         word_t *result)                                           \
        CALL_BODY(number, result, 6, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c, CALL_VALUE d,    \
                  CALL_VALUE e, CALL_VALUE f)                                                      \
            CPU_INLINE enum err exo_##name(CALL_ARGUMENT a, CALL_ARGUMENT b, CALL_ARGUMENT c,      \
                                           CALL_ARGUMENT d, CALL_ARGUMENT e, CALL_ARGUMENT f)      \
                CALL_BODY(number, NULL, 6, 0, CALL_VALUE a, CALL_VALUE b, CALL_VALUE c,            \
                          CALL_VALUE d, CALL_VALUE e, CALL_VALUE f)

#define ARG(type, field)            , (type, field)
#define SYSCALL(number, name, args) CALL_WRITE(number, name, 0 args)
#include "exo/abi/syscalls.def"
#undef SYSCALL
#undef ARG

/* These two would lose registers that the compiler keeps values in. */
#pragma GCC poison exo_pct_call exo_pct_call_get exo_pct_return exo_pct_return_get
