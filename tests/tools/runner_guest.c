/*
 * The smallest guest that keeps exo4's agreement with exo/tools/qemu.py, to test the host's side of
 * it without a kernel. The first word of the command line says what to do; test_runner.py knows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COM1 = 0x3f8, COM2 = 0x2f8, COM3 = 0x3e8, DEBUG_EXIT = 0xf4 };
enum { LSR_DATA = 1, LSR_ROOM = 0x20, LSR_IDLE = 0x40 };

void start_c(const uint32_t *info);

/* The PVH boot protocol: QEMU jumps to the address in this note in 32-bit mode, with the start
 * information's address in ebx (Xen, "x86/HVM direct boot ABI"). */
__asm__(".section .note.pvh, \"a\", @note\n"
        ".long 4, 4, 18\n"
        ".asciz \"Xen\"\n"
        ".long _start\n"
        ".text\n"
        ".globl _start\n"
        "_start: movl $stack_top, %esp\n"
        "pushl %ebx\n"
        "call start_c\n"
        ".bss\n"
        ".skip 4096\n"
        "stack_top:\n"
        ".text\n");

static uint8_t in(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void put(uint16_t com, char c)
{
    while (!(in((uint16_t)(com + 5)) & LSR_ROOM))
        ;
    out(com, (uint8_t)c);
}

static void say(uint16_t com, const char *text)
{
    while (*text)
        put(com, *text++);
}

static bool has_word(const char *text, const char *word)
{
    while (*word)
        if (*text++ != *word++)
            return false;
    return *text == ' ' || *text == '\0';
}

static void end_machine(void)
{
    const uint16_t coms[] = {COM1, COM2, COM3};

    for (size_t i = 0; i < 3; i++)
        while (!(in((uint16_t)(coms[i] + 5)) & LSR_IDLE))
            ;
    out(DEBUG_EXIT, 0x10);
}

static bool take(uint16_t com, char *c)
{
    if (!(in((uint16_t)(com + 5)) & LSR_DATA))
        return false;
    *c = (char)in(com);
    return true;
}

/* Copies COM1's input to its output until the `eof N` line says that all N bytes have come. */
static void echo(void)
{
    uint32_t got = 0, want = 0;
    bool in_number = false, known = false;
    char c;

    while (!known || got < want) {
        if (take(COM1, &c)) {
            put(COM1, c);
            got++;
        }
        if (!take(COM3, &c))
            continue;
        if (c == '\n')
            known = true;
        else if (in_number)
            want = want * 10 + (uint32_t)(c - '0');
        else
            in_number = c == ' ';
    }
}

/* The bytes of the first module (the archive), as they are. */
static void dump_module(const uint32_t *info)
{
    const uint64_t *module = (const uint64_t *)(uintptr_t)info[4];
    const char *bytes = (const char *)(uintptr_t)module[0];

    for (uint64_t i = 0; i < module[1]; i++)
        put(COM1, bytes[i]);
}

static void tap(bool good)
{
    say(COM1, good ? "TAP version 13\n1..2\nok 1 - one\nok 2 - two # SKIP no device\n"
                   : "TAP version 13\n1..3\nok 1 - one\nnot ok 2 - two\n# got 3, want 2\n");
    say(COM3, good ? "exit 0\n" : "exit 1\n");
}

/* The start information's fields by 32-bit word: 4 modules (low), 6 command line (low). */
void start_c(const uint32_t *info)
{
    const char *command = (const char *)(uintptr_t)info[6];
    const uint16_t coms[] = {COM1, COM2, COM3};
    static const char no_idt[6];

    for (size_t i = 0; i < 3; i++)
        out((uint16_t)(coms[i] + 2), 0xc7); /* FIFOs on, empty, up to 14 bytes at once */
    say(COM3, "a line of the log\nready\n");
    if (has_word(command, "exec"))
        echo();
    if (has_word(command, "archive"))
        dump_module(info);
    if (has_word(command, "run=tap-good") || has_word(command, "run=tap-bad"))
        tap(has_word(command, "run=tap-good"));
    else if (has_word(command, "panic"))
        say(COM3, "panic: on purpose\n");
    else if (has_word(command, "reset"))
        __asm__ volatile("lidt %0; int3" : : "m"(*no_idt));
    else if (!has_word(command, "silent") && !has_word(command, "hang"))
        say(COM2, "to standard error\n"), say(COM3, "exit 7\n");
    while (!has_word(command, "hang"))
        end_machine();
    for (;;)
        ;
}
