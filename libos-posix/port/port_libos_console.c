/*
 * The console of the port to libos. Standard input comes on serial port 1; that it has ended after
 * N bytes is said by the line "eof N" on port 3 (exo/tools/README.md). It is a terminal where the
 * command line of the kernel says `terminal=ROWSxCOLUMNS`; lines "size ROWS COLUMNS" on port 3 say
 * what has become of it.
 */
#include "libos-posix/port.h"
#include "libos-posix/port/port_libos_console.h"
#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/log.h"
#include "libos/string.h"

#define PORT_STREAM  1u
#define PORT_CONTROL 3u
#define PORT_ERRORS  2u
#define NO_END       UINT64_MAX
#define OPTION       "terminal="
#define OPTION_BYTES (sizeof OPTION - 1)

/* In the program's image, whose pages are bound: the kernel writes here. */
static uint8_t ahead[4096];
static size_t ahead_first, ahead_count; /* bytes of `ahead` that were not read yet */
static uint64_t received;               /* bytes of port 1 in all */
static uint64_t end_after = NO_END;     /* the input ends when so many have come */
static uint8_t control[64];
static char line[32]; /* of port 3, as far as it has come */
static size_t line_bytes;
static struct port_terminal resized; /* the last "size" line, until it is taken */

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

/* Two numbers of 1 to 65535 with `between` in between: a size. False: it is none. */
static bool size_of(const char *text, size_t bytes, char between, struct port_terminal *size)
{
    size_t at = 0;

    while (at < bytes && text[at] != between)
        at++;
    if (at == bytes)
        return false;
    uint64_t rows = number_of(text, at), columns = number_of(text + at + 1, bytes - at - 1);
    if (!rows || rows > UINT16_MAX || !columns || columns > UINT16_MAX)
        return false;
    *size = (struct port_terminal){true, (uint16_t)rows, (uint16_t)columns};
    return true;
}

static bool line_begins(const char *word)
{
    const size_t bytes = strlen(word);

    return line_bytes > bytes && line_bytes < sizeof line && !memcmp(line, word, bytes);
}

/* A line that is too long is none of ours; it is cut, and then means nothing. */
static void take_control_byte(char c)
{
    if (c != '\n') {
        line_bytes += line_bytes < sizeof line;
        line[line_bytes - 1] = c;
        return;
    }
    if (line_begins("eof ") && end_after == NO_END)
        end_after = number_of(line + 4, line_bytes - 4);
    if (line_begins("size "))
        size_of(line + 5, line_bytes - 5, ' ', &resized);
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

/* A terminal has one stream for both: then what came first is seen first. */
void port_console_write(int stream, const void *bytes, size_t count)
{
    struct port_terminal terminal;

    port_terminal_get(&terminal);
    log_bytes(stream == (int)PORT_ERRORS && !terminal.is_terminal ? PORT_ERRORS : PORT_STREAM,
              bytes, count);
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

/* Found once; the line does not change. Without the word: a plain stream. */
void port_terminal_get(struct port_terminal *out)
{
    static struct port_terminal found;
    static bool looked;
    const char *text = KINFO->cmdline, *end = text + CMDLINE_MAX;

    for (; !looked && text < end && *text; text++) {
        size_t bytes = 0;
        while (text + bytes < end && text[bytes] && text[bytes] != ' ')
            bytes++;
        if (bytes > OPTION_BYTES && !memcmp(text, OPTION, OPTION_BYTES))
            size_of(text + OPTION_BYTES, bytes - OPTION_BYTES, 'x', &found);
        text += bytes;
        if (text == end || !*text)
            break;
    }
    looked = true;
    *out = found;
}

bool port_libos_resized(struct port_terminal *size)
{
    *size = resized;
    resized = (struct port_terminal){0};
    return size->is_terminal;
}
