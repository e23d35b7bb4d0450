/* Lines of the kernel's log: serial port 3. */
#pragma once

/* A small printf: %s %c %d %u %x %lu %lx %%, no widths. Pre: `format` matches the arguments. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where the characters go. The CPU's folder defines it. */
void print_char(char c);
