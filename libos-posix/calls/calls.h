/* Prototypes of all handlers, made from calls.def. */
#pragma once

#include "libos-posix/base/arena.h"

#define CALL_PARAMETERS_0
#define CALL_PARAMETERS_1 , word_t
#define CALL_PARAMETERS_2 , word_t, word_t
#define CALL_PARAMETERS_3 , word_t, word_t, word_t
#define CALL_PARAMETERS_4 , word_t, word_t, word_t, word_t
#define CALL_PARAMETERS_5 , word_t, word_t, word_t, word_t, word_t
#define CALL_PARAMETERS_6 , word_t, word_t, word_t, word_t, word_t, word_t

#define CALL(number, name, arguments)                                                              \
    long call_##name(struct process *p CALL_PARAMETERS_##arguments);
#include "libos-posix/calls/calls.def"
#undef CALL
