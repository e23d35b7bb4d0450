/* What an error code means, in words. */
#pragma once

#include "exo/abi/error.h"

/* The sentence of errors.def; "unknown error" for anything else. */
const char *error_text(enum err e);
