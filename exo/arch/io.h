/* Port and device input and output, for drivers of raw devices. */
#pragma once

#include "exo/abi/types.h"

static inline uint8_t arch_port_in8(uint16_t port);
static inline uint16_t arch_port_in16(uint16_t port);
static inline uint32_t arch_port_in32(uint16_t port);
static inline void arch_port_out8(uint16_t port, uint8_t value);
static inline void arch_port_out16(uint16_t port, uint16_t value);
static inline void arch_port_out32(uint16_t port, uint32_t value);

/* Maps device memory uncached, for ever. Panics when the window for it is full. Boot only. */
void *arch_map_device(paddr_t base, size_t bytes);

#include <arch_io.h>
