/* Error codes, made from errors.def. */
#pragma once

enum err {
#define ERR(name, number, text) ERR_##name = (number),
#include "exo/abi/errors.def"
#undef ERR
};
