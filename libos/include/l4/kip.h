/* The L4 X.2 kernel interface page: where its fields are, and the call links in it. */
#pragma once

#include <l4/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* exo4 shows the page here in every address space, beside wherever a SpaceControl put it. */
#define L4_KIP_WINDOW 0xffffff0000000000ul

/* Offsets in the page. */
#define L4_KIP_MAGIC              0x000
#define L4_KIP_API_VERSION        0x008
#define L4_KIP_API_FLAGS          0x010
#define L4_KIP_KERNEL_DESC        0x018
#define L4_KIP_MEMORY_INFO        0x0a8
#define L4_KIP_UTCB_INFO          0x150
#define L4_KIP_AREA_INFO          0x158
#define L4_KIP_BOOT_INFO          0x170
#define L4_KIP_PROCESSOR_DESC     0x178
#define L4_KIP_CLOCK_INFO         0x180
#define L4_KIP_THREAD_INFO        0x188
#define L4_KIP_PAGE_INFO          0x190
#define L4_KIP_PROCESSOR_INFO     0x198
#define L4_KIP_SPACE_CONTROL      0x1a0
#define L4_KIP_THREAD_CONTROL     0x1a8
#define L4_KIP_PROCESSOR_CONTROL  0x1b0
#define L4_KIP_MEMORY_CONTROL     0x1b8
#define L4_KIP_IPC                0x1c0
#define L4_KIP_LIPC               0x1c8
#define L4_KIP_UNMAP              0x1d0
#define L4_KIP_EXCHANGE_REGISTERS 0x1d8
#define L4_KIP_SYSTEM_CLOCK       0x1e0
#define L4_KIP_THREAD_SWITCH      0x1e8
#define L4_KIP_SCHEDULE           0x1f0

L4_INLINE L4_Word_t L4_KipWord(L4_Word_t offset)
{
    return *(const volatile L4_Word_t *)(L4_KIP_WINDOW + offset);
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

L4_INLINE L4_Word_t L4_ThreadIdBits(void)
{
    return L4_KipWord(L4_KIP_THREAD_INFO) & 0xff;
}

L4_INLINE L4_Word_t L4_ThreadIdSystemBase(void)
{
    return L4_KipWord(L4_KIP_THREAD_INFO) >> 8 & 0xfff;
}

L4_INLINE L4_Word_t L4_ThreadIdUserBase(void)
{
    return L4_KipWord(L4_KIP_THREAD_INFO) >> 20 & 0xfff;
}

#ifdef __cplusplus
}
#endif
