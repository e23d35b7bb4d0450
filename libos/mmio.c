/* Registers of a device, as the CPU reaches them. */
#include "libos/mmio.h"

uint8_t mmio_get8(const volatile uint8_t *at)
{
    return *at;
}

uint16_t mmio_get16(const volatile uint8_t *at)
{
    return *(const volatile uint16_t *)at;
}

uint32_t mmio_get32(const volatile uint8_t *at)
{
    return *(const volatile uint32_t *)at;
}

void mmio_put8(volatile uint8_t *at, uint8_t value)
{
    *at = value;
}

void mmio_put16(volatile uint8_t *at, uint16_t value)
{
    *(volatile uint16_t *)at = value;
}

void mmio_put32(volatile uint8_t *at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}
