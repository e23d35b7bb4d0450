/*
 * The L4 X.2 system calls but Ipc and Lipc (l4/ipc.h), by the links of the kernel interface page,
 * with L4Ka::Pistachio's register convention for x86-64: a link keeps nothing but rsp. Each is
 * called below the red zone.
 */
#pragma once

#include <l4/types.h>
#include <l4/utcb.h>

/* exo4 shows the page here in every address space, beside wherever a SpaceControl put it. */
#define L4_KIP_WINDOW 0xffffff0000000000ul

/* Offsets of the links in the page. */
#define L4_KIP_SPACE_CONTROL      0x1a0u
#define L4_KIP_THREAD_CONTROL     0x1a8u
#define L4_KIP_PROCESSOR_CONTROL  0x1b0u
#define L4_KIP_MEMORY_CONTROL     0x1b8u
#define L4_KIP_IPC                0x1c0u
#define L4_KIP_LIPC               0x1c8u
#define L4_KIP_UNMAP              0x1d0u
#define L4_KIP_EXCHANGE_REGISTERS 0x1d8u
#define L4_KIP_SYSTEM_CLOCK       0x1e0u
#define L4_KIP_THREAD_SWITCH      0x1e8u
#define L4_KIP_SCHEDULE           0x1f0u

L4_INLINE L4_Word_t L4_KipWord(L4_Word_t offset)
{
    return *(const volatile L4_Word_t *)(L4_KIP_WINDOW + offset);
}

/* Calls the link whose address is in rcx. */
#define L4_CALL_LINK                                                                               \
    "leaq -128(%%rsp), %%rsp\n\t"                                                                  \
    "pushq %%rbp\n\t"                                                                              \
    "call *%%rcx\n\t"                                                                              \
    "popq %%rbp\n\t"                                                                               \
    "leaq 128(%%rsp), %%rsp"

/* Not of X.2: most calls have this form. Returns rax; `*second`, unless NULL, gets rdx. */
L4_INLINE L4_Word_t L4_CallLink(L4_Word_t offset, L4_Word_t rdi, L4_Word_t rsi, L4_Word_t rdx,
                                L4_Word_t r8_in, L4_Word_t r9_in, L4_Word_t *second)
{
    L4_Word_t rax, link = L4_KipWord(offset);
    register L4_Word_t r8 __asm__("r8") = r8_in;
    register L4_Word_t r9 __asm__("r9") = r9_in;

    __asm__ volatile(L4_CALL_LINK
                     : "=a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+c"(link), "+r"(r8), "+r"(r9)
                     :
                     : "rbx", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    if (second)
        *second = rdx;
    return rax;
}

/* KernelInterface: the one call that needs no link. Returns the page's address in this space. */
L4_INLINE void *L4_KernelInterface(L4_Word_t *version, L4_Word_t *flags, L4_Word_t *kernel_id)
{
    L4_Word_t base;

    __asm__ volatile(".byte 0xf0, 0x90" /* lock; nop */
                     : "=a"(base), "=c"(*version), "=d"(*flags), "=S"(*kernel_id)
                     :
                     : "memory");
    return (void *)base;
}

L4_INLINE L4_Word_t L4_ThreadControl(L4_ThreadId_t dest, L4_ThreadId_t space,
                                     L4_ThreadId_t scheduler, L4_ThreadId_t pager, void *utcb)
{
    return L4_CallLink(L4_KIP_THREAD_CONTROL, dest.raw, pager.raw, scheduler.raw, space.raw,
                       (L4_Word_t)utcb, NULL);
}

L4_INLINE L4_Word_t L4_SpaceControl(L4_ThreadId_t space, L4_Word_t control, L4_Fpage_t kip_area,
                                    L4_Fpage_t utcb_area, L4_ThreadId_t redirector,
                                    L4_Word_t *old_control)
{
    return L4_CallLink(L4_KIP_SPACE_CONTROL, space.raw, control, kip_area.raw, utcb_area.raw,
                       redirector.raw, old_control);
}

L4_INLINE L4_Word_t L4_Schedule(L4_ThreadId_t dest, L4_Word_t time, L4_Word_t processor,
                                L4_Word_t priority, L4_Word_t preemption, L4_Word_t *old_time)
{
    return L4_CallLink(L4_KIP_SCHEDULE, dest.raw, priority, time, processor, preemption, old_time);
}

L4_INLINE L4_Clock_t L4_SystemClock(void)
{
    return L4_ClockOf(L4_CallLink(L4_KIP_SYSTEM_CLOCK, 0, 0, 0, 0, 0, NULL));
}

L4_INLINE void L4_ThreadSwitch(L4_ThreadId_t dest)
{
    L4_CallLink(L4_KIP_THREAD_SWITCH, dest.raw, 0, 0, 0, 0, NULL);
}

L4_INLINE L4_Word_t L4_ProcessorControl(L4_Word_t processor, L4_Word_t internal_khz,
                                        L4_Word_t external_khz, L4_Word_t voltage)
{
    return L4_CallLink(L4_KIP_PROCESSOR_CONTROL, processor, internal_khz, external_khz, voltage, 0,
                       NULL);
}

/* Not of X.2: what ExchangeRegisters takes and gives. */
typedef struct {
    L4_Word_t control, sp, ip, flags, handle;
    L4_ThreadId_t pager;
} L4_Exregs_t;

L4_INLINE L4_ThreadId_t L4_ExchangeRegisters(L4_ThreadId_t dest, L4_Word_t control, L4_Word_t sp,
                                             L4_Word_t ip, L4_Word_t flags, L4_Word_t handle,
                                             L4_ThreadId_t pager, L4_Word_t *old_control,
                                             L4_Word_t *old_sp, L4_Word_t *old_ip,
                                             L4_Word_t *old_flags, L4_Word_t *old_handle,
                                             L4_ThreadId_t *old_pager)
{
    L4_Word_t rax = dest.raw, rdi = pager.raw, link = L4_KipWord(L4_KIP_EXCHANGE_REGISTERS);
    register L4_Word_t r8 __asm__("r8") = ip;
    register L4_Word_t r9 __asm__("r9") = flags;
    register L4_Word_t r10 __asm__("r10") = handle;

    __asm__ volatile(L4_CALL_LINK
                     : "+a"(rax), "+D"(rdi), "+S"(control), "+d"(sp), "+c"(link), "+r"(r8),
                       "+r"(r9), "+r"(r10)
                     :
                     : "rbx", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    *old_control = control;
    *old_sp = sp;
    *old_ip = r8;
    *old_flags = r9;
    *old_handle = r10;
    old_pager->raw = rdi;
    return L4_ThreadIdOf(rax);
}

/* MR0 to MR7 between the UTCB, whose address is in rdi, and the registers that links want. */
#define L4_MRS_TO_REGISTERS                                                                        \
    "movq 0(%%rdi), %%r9\n\t"                                                                      \
    "movq 8(%%rdi), %%rax\n\t"                                                                     \
    "movq 16(%%rdi), %%rbx\n\t"                                                                    \
    "movq 24(%%rdi), %%r10\n\t"                                                                    \
    "movq 32(%%rdi), %%r12\n\t"                                                                    \
    "movq 40(%%rdi), %%r13\n\t"                                                                    \
    "movq 48(%%rdi), %%r14\n\t"                                                                    \
    "movq 56(%%rdi), %%r15\n\t"
#define L4_MRS_STORE                                                                               \
    "movq %%r9, 0(%%rdi)\n\t"                                                                      \
    "movq %%rax, 8(%%rdi)\n\t"                                                                     \
    "movq %%rbx, 16(%%rdi)\n\t"                                                                    \
    "movq %%r10, 24(%%rdi)\n\t"                                                                    \
    "movq %%r12, 32(%%rdi)\n\t"                                                                    \
    "movq %%r13, 40(%%rdi)\n\t"                                                                    \
    "movq %%r14, 48(%%rdi)\n\t"                                                                    \
    "movq %%r15, 56(%%rdi)"
#define L4_MRS_FROM_REGISTERS "\n\tmovq %%gs:0, %%rdi\n\t" L4_MRS_STORE

/* Unmap: the fpages are in MR0 to MR[control & 63], and come back with status bits. */
L4_INLINE void L4_Unmap(L4_Word_t control)
{
    L4_Word_t link = L4_KipWord(L4_KIP_UNMAP), *utcb = L4_Utcb();

    __asm__ volatile(L4_MRS_TO_REGISTERS L4_CALL_LINK L4_MRS_FROM_REGISTERS
                     : "+d"(control), "+c"(link), "+D"(utcb)
                     :
                     : "rax", "rbx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "memory", "cc");
}

/* MemoryControl: the fpages are in MR0 to MR[control]; `attributes` has four words, chosen by the
 * low two bits of each fpage. */
L4_INLINE L4_Word_t L4_MemoryControl(L4_Word_t control, const L4_Word_t *attributes)
{
    L4_Word_t result, link = L4_KipWord(L4_KIP_MEMORY_CONTROL), *utcb = L4_Utcb();
    L4_Word_t attribute0 = attributes[0], attribute1 = attributes[1];
    register L4_Word_t r8 __asm__("r8") = attributes[2];
    register L4_Word_t r11 __asm__("r11") = attributes[3];

    /* The link's address goes over the stack: rcx is taken. */
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %[link]\n\t" L4_MRS_TO_REGISTERS "call *(%%rsp)\n\t"
                     "leaq 8(%%rsp), %%rsp\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "=a"(result), "+d"(control), "+c"(attribute0), "+S"(attribute1), "+r"(r8),
                       "+r"(r11), "+D"(utcb)
                     : [link] "r"(link)
                     : "rbx", "r9", "r10", "r12", "r13", "r14", "r15", "memory", "cc");
    return result;
}
