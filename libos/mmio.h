/* Registers of a device: one access of the given width each, in the order written. For setting up;
 * what is done for each packet or block writes bells in place. */
#pragma once

#include "exo/abi/types.h"

uint8_t mmio_get8(const volatile uint8_t *at);
uint16_t mmio_get16(const volatile uint8_t *at);
uint32_t mmio_get32(const volatile uint8_t *at);
void mmio_put8(volatile uint8_t *at, uint8_t value);
void mmio_put16(volatile uint8_t *at, uint16_t value);
void mmio_put32(volatile uint8_t *at, uint32_t value);
