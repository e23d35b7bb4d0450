/* Error codes in words, made from errors.def. */
#include "libos/error.h"

#include <stddef.h>

static const char *const texts[] = {
#define ERR(name, number, text) [number] = text,
#include "exo/abi/errors.def"
#undef ERR
};

const char *error_text(enum err e)
{
    size_t i = (size_t)e;

    return i < sizeof texts / sizeof texts[0] && texts[i] ? texts[i] : "unknown error";
}
