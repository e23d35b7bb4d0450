/* Prototypes of what init.def runs. */
#pragma once

#define INIT(function) void function(void);
#include "exo/entry/init.def"
#undef INIT
