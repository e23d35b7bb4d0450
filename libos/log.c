/* Lines of text to the serial ports. */
#include "libos/log.h"

#include "libos/call.h"
#include "libos/print.h"

#include "exo/abi/cap.h"

#define LINE_MAX  512u
#define WRITE_MAX 4096u /* what console_write takes at a time */

void log_bytes(uint32_t port, const void *bytes, size_t count)
{
    const volatile uint8_t *next = bytes;

    while (count) {
        (void)*next; /* has the page bound, if it is not yet */
        uint32_t part = count < WRITE_MAX ? (uint32_t)count : WRITE_MAX;
        word_t sent;
        if (exo_console_write_get(SLOT_CONSOLE, port, (vaddr_t)next, part, &sent) || !sent)
            return;
        next += sent;
        count -= sent;
    }
}

static void log_list(uint32_t port, const char *format, va_list list)
{
    char line[LINE_MAX];
    size_t length = print_format_list(line, sizeof line, format, list);

    if (length > sizeof line - 1)
        length = sizeof line - 1;
    line[length] = '\n'; /* over the NUL */
    log_bytes(port, line, length + 1);
}

void log_line(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    log_list(LOG_PORT_CONSOLE, format, list);
    va_end(list);
}

void log_error_line(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    log_list(LOG_PORT_ERROR, format, list);
    va_end(list);
}

void log_kernel_line(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    log_list(LOG_PORT_KERNEL, format, list);
    va_end(list);
}
