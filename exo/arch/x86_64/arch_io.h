/* x86-64: the inline half of exo/arch/io.h. */
#pragma once

#define ARCH_PORT(bits, type)                                                                      \
    static inline type arch_port_in##bits(uint16_t port)                                           \
    {                                                                                              \
        type value;                                                                                \
        __asm__ volatile("in %1, %0" : "=a"(value) : "Nd"(port));                                  \
        return value;                                                                              \
    }                                                                                              \
    static inline void arch_port_out##bits(uint16_t port, type value)                              \
    {                                                                                              \
        __asm__ volatile("out %0, %1" : : "a"(value), "Nd"(port));                                 \
    }

ARCH_PORT(8, uint8_t)
ARCH_PORT(16, uint16_t)
ARCH_PORT(32, uint32_t)
#undef ARCH_PORT
