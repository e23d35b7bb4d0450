/* Serial ports (16550), battery clock and the way out. */
#include "exo/arch/console.h"

#include "exo/arch/io.h"
#include "exo/arch/irq.h"
#include "exo/base/print.h"

#define UART_DATA    0u
#define UART_IER     1u
#define UART_FIFO    2u
#define UART_LINE    3u
#define UART_MODEM   4u
#define UART_STATUS  5u
#define STATUS_READY 0x01u
#define STATUS_EMPTY 0x20u
#define FIFO_BYTES   16u

#define UART_LINE_NUMBER 4u /* of ports 1 and 3 */

#define DEBUG_EXIT 0xf4u
#define RTC_INDEX  0x70u
#define RTC_DATA   0x71u

static const uint16_t uart[] = {0, 0x3f8, 0x2f8, 0x3e8};
static unsigned room[4]; /* bytes that the port's buffer surely takes */

void arch_console_init(void)
{
    for (unsigned port = 1; port <= 3; port++) {
        uint16_t base = uart[port];

        arch_port_out8(base + UART_IER, 0);
        arch_port_out8(base + UART_LINE, 0x83); /* divisor 1: 115,200 baud */
        arch_port_out8(base + UART_DATA, 1);
        arch_port_out8(base + UART_IER, 0);
        arch_port_out8(base + UART_LINE, 0x03); /* 8 bits, no parity */
        arch_port_out8(base + UART_FIFO, 0xc7); /* clear; interrupt at 14 bytes or a pause */
        arch_port_out8(base + UART_MODEM, 0x0b);
    }
}

void arch_console_put(unsigned port, char c)
{
    uint16_t base = uart[port];

    if (!room[port]) {
        while (!(arch_port_in8(base + UART_STATUS) & STATUS_EMPTY))
            __asm__ volatile("pause");
        room[port] = FIFO_BYTES;
    }
    room[port]--;
    arch_port_out8(base + UART_DATA, (uint8_t)c);
}

int arch_console_get(unsigned port)
{
    if (!(arch_port_in8(uart[port] + UART_STATUS) & STATUS_READY))
        return -1;
    return arch_port_in8(uart[port] + UART_DATA);
}

static void (*listener)(void);

static void heard(void)
{
    listener();
    arch_line_release(UART_LINE_NUMBER);
}

void arch_console_listen(void (*handler)(void))
{
    listener = handler;
    arch_line_route(UART_LINE_NUMBER, heard);
    arch_port_out8(uart[1] + UART_IER, 1);
    arch_port_out8(uart[3] + UART_IER, 1);
}

void print_char(char c)
{
    arch_console_put(CONSOLE_LOG, c);
}

static uint8_t rtc_read(uint8_t reg)
{
    arch_port_out8(RTC_INDEX, reg);
    return arch_port_in8(RTC_DATA);
}

static unsigned rtc_field(uint8_t reg, bool binary)
{
    unsigned v = rtc_read(reg);

    return binary ? v : (v >> 4) * 10 + (v & 15);
}

/* Days from 1970 to the first of March of `year`, then months of 30.6 days. */
static uint64_t days_before(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned m = month <= 2 ? month + 9 : month - 3;

    return (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

uint64_t arch_realtime(void)
{
    while (rtc_read(0x0a) & 0x80) /* an update is in progress */
        ;
    uint8_t mode = rtc_read(0x0b);
    bool binary = mode & 4;
    unsigned hour = rtc_read(4);
    unsigned h = binary ? hour & 0x7f : ((hour & 0x70) >> 4) * 10 + (hour & 15);

    if (!(mode & 2)) /* 12-hour clock: bit 7 is p.m. */
        h = h % 12 + (hour & 0x80 ? 12 : 0);
    uint64_t days =
        days_before(2000 + rtc_field(9, binary), rtc_field(8, binary), rtc_field(7, binary));
    return ((days * 24 + h) * 60 + rtc_field(2, binary)) * 60 + rtc_field(0, binary);
}

_Noreturn void arch_power_off(void)
{
    for (unsigned port = 1; port <= 3; port++)
        while (!(arch_port_in8(uart[port] + UART_STATUS) & 0x40))
            ;
    arch_port_out8(DEBUG_EXIT, 0x10);
    arch_port_out16(0x604, 0x2000); /* where there is no debug port: ACPI S5 of QEMU's q35 */
    for (;;)
        __asm__ volatile("cli; hlt");
}
