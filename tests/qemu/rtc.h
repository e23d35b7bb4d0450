/* The battery clock, by capabilities for its ports: a device that interrupts when it is told to. */
#pragma once

#include "libos/call.h"
#include "libos/libos.h"

#define RTC_INDEX    0x70u
#define RTC_DATA     0x71u
#define RTC_LINE     8u
#define RTC_A        0x0au /* registers */
#define RTC_B        0x0bu
#define RTC_C        0x0cu /* why it interrupted; it does not again until this is read */
#define RTC_8HZ      0x2du /* in RTC_A */
#define RTC_PERIODIC 0x40u /* in RTC_B */

static inline word_t rtc_read(uint32_t reg)
{
    word_t value = ~(word_t)0;

    exo_port_write(SLOT_PORTS, RTC_INDEX, 1, reg);
    exo_port_read_get(SLOT_PORTS, RTC_DATA, 1, &value);
    return value;
}

static inline void rtc_write(uint32_t reg, uint32_t value)
{
    exo_port_write(SLOT_PORTS, RTC_INDEX, 1, reg);
    exo_port_write(SLOT_PORTS, RTC_DATA, 1, value);
}
