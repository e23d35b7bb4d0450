/* How an L4 example begins as the root task: with nothing but what X.2 says, and the first serial
 * port for what it prints. */
#include "libos/examples/l4/example.h"

#include <l4/sigma0.h>

#include "libos/print.h"

#define STACK_BYTES 65536u
#define UART        ((uint16_t)0x3f8)
#define UART_STATUS 5u
#define HAS_ROOM    0x20u
#define LINE_MAX    256u

/* A root task has no stack at its start. */
static unsigned char stack[STACK_BYTES] __attribute__((aligned(16), used));
__asm__(".pushsection .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start: leaq stack + 65536(%rip), %rsp\n"
        "xorl %ebp, %ebp\n"
        "call root_main\n"
        ".popsection");
_Static_assert(STACK_BYTES == 65536, "_start knows it");

L4_Word_t root_utcbs;

static void put(char c)
{
    unsigned char status;

    do
        __asm__ volatile("inb %1, %0" : "=a"(status) : "d"((uint16_t)(UART + UART_STATUS)));
    while (!(status & HAS_ROOM));
    __asm__ volatile("outb %0, %1" : : "a"(c), "d"(UART));
}

void say(const char *format, ...)
{
    char line[LINE_MAX];
    va_list list;

    va_start(list, format);
    print_format_list(line, sizeof line, format, list);
    va_end(list);
    for (const char *c = line; *c; c++)
        put(*c);
    put('\n');
}

static _Noreturn void end(int status)
{
    for (;;)
        L4_Sigma0_PowerOff((L4_Word_t)status);
}

_Noreturn void fail(const char *what)
{
    say("%s: error %lu", what, L4_ErrorCode());
    end(1);
}

/* Its own UTCB is the first of the root space's area. */
_Noreturn void root_main(void);
_Noreturn void root_main(void)
{
    const L4_Word_t size = L4_UtcbSize(L4_GetKernelInterface());

    root_utcbs = (L4_MyLocalId().raw & ~(size - 1)) + size;
    end(example());
}
