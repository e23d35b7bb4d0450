/* Memory and strings, as in the C standard; the compiler calls the first four by itself. */
#pragma once

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);

/* A copy of few bytes, and how many is known, is made on the spot: such are on every hot path. */
#define memcpy(to, from, bytes)                                                                    \
    (__builtin_constant_p(bytes) && (bytes) <= 32 ? __builtin_memcpy((to), (from), (bytes))        \
                                                  : (memcpy)((to), (from), (bytes)))
