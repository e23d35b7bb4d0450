/* L4 X.2 clock and processor: SystemClock, ThreadSwitch. */
#pragma once

#include <l4/kip.h>

#ifdef __cplusplus
extern "C" {
#endif

L4_INLINE L4_Clock_t L4_SystemClock(void)
{
    L4_Clock_t clock;
    L4_Word_t link = L4_KipWord(L4_KIP_SYSTEM_CLOCK);

    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "call *%%rcx\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "=a"(clock.raw), "+c"(link)
                     :
                     : "rbx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc");
    return clock;
}

L4_INLINE void L4_ThreadSwitch(L4_ThreadId_t to)
{
    L4_Word_t destination = to.raw, link = L4_KipWord(L4_KIP_THREAD_SWITCH);

    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "call *%%rcx\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "+D"(destination), "+c"(link)
                     :
                     : "rax", "rbx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc");
}

L4_INLINE void L4_Yield(void)
{
    L4_ThreadSwitch(L4_nilthread);
}

#ifdef __cplusplus
}
#endif
