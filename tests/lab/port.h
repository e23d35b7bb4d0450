/* An I/O port as a program's own instruction reads it. */
#pragma once

#include "exo/abi/types.h"

uint8_t lab_port_in(uint16_t port);
