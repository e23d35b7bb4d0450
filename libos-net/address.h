/* Addresses and ports as people write them. */
#pragma once

#include "exo/abi/types.h"

/* A number of four parts with dots between, such as 10.0.2.15; 0 when `s` is none. */
uint32_t address_read(const char *s);

/* 1 to 65535; 0 when `s` is no port. */
uint16_t address_read_port(const char *s);
