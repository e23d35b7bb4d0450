/* host: the inline half of exo/arch/io.h. No device answers: reads give ones, writes are lost. */
#pragma once

#define ARCH_PORT(bits, type)                                                                      \
    static inline type arch_port_in##bits(uint16_t port)                                           \
    {                                                                                              \
        (void)port;                                                                                \
        return (type) ~(type)0;                                                                    \
    }                                                                                              \
    static inline void arch_port_out##bits(uint16_t port, type value)                              \
    {                                                                                              \
        (void)port;                                                                                \
        (void)value;                                                                               \
    }

ARCH_PORT(8, uint8_t)
ARCH_PORT(16, uint16_t)
ARCH_PORT(32, uint32_t)
#undef ARCH_PORT
