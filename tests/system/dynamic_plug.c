/* A plug-in of dynamic_program.c: with its own begin and end, and memory of each thread. */
#include <stdio.h>

int program_twice(int n);
int plug_call(int n);

static __thread int calls;
static int base;

__attribute__((constructor)) static void begin(void)
{
    base = 1;
    puts("plug-in: begin");
}

__attribute__((destructor)) static void end(void)
{
    printf("plug-in: end after %d\n", calls);
}

int plug_call(int n)
{
    return program_twice(n) + base + ++calls * 100;
}
