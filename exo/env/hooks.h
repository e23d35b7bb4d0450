/* Prototypes of the events that a higher layer decides, made from hooks.def. */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/cpu.h"

struct env;
struct thread;

#define HOOK(result, name, arguments) result name arguments;
#include "exo/entry/hooks.def"
#undef HOOK
