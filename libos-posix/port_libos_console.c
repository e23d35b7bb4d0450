/*
 * The console of the port to libos. Standard input comes on serial port 1; that it has ended after
 * N bytes is said by the line "eof N" on port 3 (exo/tools/README.md).
 */
#include "libos-posix/port.h"
#include "libos-posix/port_libos_console.h"
#include "exo/abi/cap.h"
#include "libos/call.h"
#include "libos/log.h"
#include "libos/string.h"

#define PORT_STREAM  1u
#define PORT_CONTROL 3u
#define NO_END       UINT64_MAX

/* In the program's image, whose pages are bound: the kernel writes here. */
static uint8_t ahead[4096];
static size_t ahead_first, ahead_count; /* bytes of `ahead` that were not read yet */
static uint64_t received;               /* bytes of port 1 in all */
static uint64_t end_after = NO_END;     /* the input ends when so many have come */
static uint8_t control[64];
static char line[32]; /* of port 3, as far as it has come */
static size_t line_bytes;

/* A number of decimal digits and nothing else, or NO_END. */
static uint64_t number_of(const char *text, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || number > NO_END / 16)
            return NO_END;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return bytes ? number : NO_END;
}

/* A line that is too long is none of ours; it is cut, and then means nothing. */
static void take_control_byte(char c)
{
    if (c != '\n') {
        line_bytes += line_bytes < sizeof line;
        line[line_bytes - 1] = c;
        return;
    }
    if (line_bytes > 4 && line_bytes < sizeof line && !memcmp(line, "eof ", 4) &&
        end_after == NO_END)
        end_after = number_of(line + 4, line_bytes - 4);
    line_bytes = 0;
}

/* Bytes taken from a serial port. Without a console there is no input. */
static size_t take(uint32_t port, uint8_t *bytes, size_t capacity)
{
    word_t count = 0;

    if (exo_console_read_get(SLOT_CONSOLE, port, (vaddr_t)bytes, (uint32_t)capacity, &count)) {
        end_after = received;
        return 0;
    }
    return count;
}

bool port_libos_console_take(void)
{
    size_t count;

    while ((count = take(PORT_CONTROL, control, sizeof control)) != 0)
        for (size_t i = 0; i < count; i++)
            take_control_byte((char)control[i]);
    if (!ahead_count) {
        ahead_first = 0;
        ahead_count = take(PORT_STREAM, ahead, sizeof ahead);
        received += ahead_count;
    }
    return ahead_count || received >= end_after;
}

void port_console_write(int stream, const void *bytes, size_t count)
{
    log_bytes((uint32_t)stream, bytes, count);
}

size_t port_console_read(void *bytes, size_t capacity)
{
    while (!port_libos_console_take())
        port_sleep(PORT_FOREVER, true);
    size_t count = ahead_count < capacity ? ahead_count : capacity;
    memcpy(bytes, ahead + ahead_first, count);
    ahead_first += count;
    ahead_count -= count;
    return count;
}

bool port_console_ready(void)
{
    return port_libos_console_take();
}

/* What is at the other end of the line cannot be known: a plain stream. */
void port_terminal_get(struct port_terminal *out)
{
    *out = (struct port_terminal){.is_terminal = false};
}
