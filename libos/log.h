/* Lines of text to the serial ports. Without CAP_CONSOLE in SLOT_CONSOLE they go nowhere. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_PORT_CONSOLE 1u
#define LOG_PORT_ERROR   2u
#define LOG_PORT_KERNEL  3u /* where the kernel reports, too: what people who debug read */

/* Bytes as they are; all of them, however many. They must be bound memory, or be readable through
 * this thread's own fault handling. */
void log_bytes(uint32_t port, const void *bytes, size_t count);

/* A formatted line (libos/print.h), cut at 512 bytes, with its newline added. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_kernel_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
