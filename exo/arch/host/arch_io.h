/* host: the inline half of exo/arch/io.h: a device that a test describes. */
#pragma once

#include "exo/arch/host/machine.h"

#define ARCH_PORT(bits, type)                                                                      \
    static inline type arch_port_in##bits(uint16_t port)                                           \
    {                                                                                              \
        return host.port_in ? (type)host.port_in(port, (bits) / 8) : (type) ~(type)0;              \
    }                                                                                              \
    static inline void arch_port_out##bits(uint16_t port, type value)                              \
    {                                                                                              \
        if (host.port_out)                                                                         \
            host.port_out(port, (bits) / 8, value);                                                \
    }

ARCH_PORT(8, uint8_t)
ARCH_PORT(16, uint16_t)
ARCH_PORT(32, uint32_t)
#undef ARCH_PORT
