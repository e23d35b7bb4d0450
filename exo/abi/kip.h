/* The L4 kernel interface page, 64-bit. L4 X.2 reference manual, "Kernel Interface Page"; offsets
 * as L4Ka::Pistachio lays it out. It lies at WINDOW_KIP in every space. */
#pragma once

#include "exo/abi/types.h"

#define KIP_MAGIC       0x4be6344cu /* "L4" 0xe6 "K" */
#define KIP_API_VERSION 0x84050000u /* X.2, revision 5 */
#define KIP_API_FLAGS   4u          /* 64 bits, little endian */
#define KIP_KERNEL_ID   0x65340000u /* id 'e', sub-id '4' */

/* Order of the links in the page of links. */
enum kip_link {
    LINK_THREAD_SWITCH,
    LINK_SYSTEM_CLOCK,
    LINK_UNMAP,
    LINK_THREAD_CONTROL,
    LINK_SPACE_CONTROL,
    LINK_EXCHANGE_REGISTERS,
    LINK_SCHEDULE,
    LINK_PROCESSOR_CONTROL,
    LINK_MEMORY_CONTROL,
    LINK_IPC, /* these two last, so that one comparison tells an IPC from all else */
    LINK_LIPC,
    LINK_COUNT
};
#define LINK_STRIDE     16u /* bytes from one to the next in that page */
#define LINK_ADDRESS(l) (WINDOW_LINKS + (uint64_t)(l)*LINK_STRIDE)

/* Words that say where an initial server begins, and its memory. */
enum { KIP_SERVER_SP, KIP_SERVER_IP, KIP_SERVER_LOW, KIP_SERVER_HIGH, KIP_SERVER_WORDS };

#define KIP_MEMORY_CONVENTIONAL 1u
#define KIP_MEMORY_RESERVED     2u /* the kernel's, or nobody's           */
#define KIP_MEMORY_DEDICATED    3u /* a device's                          */
#define KIP_MEMORY_SHARED       4u
#define KIP_MEMORY_LOADER       0xeu /* the boot loader's: archive, modules */

struct kip {
    uint64_t magic;
    uint64_t api_version, api_flags;
    uint64_t kernel_desc; /* offset in the page */
    uint64_t kdebug[4];
    uint64_t sigma0[KIP_SERVER_WORDS], sigma1[KIP_SERVER_WORDS], root[KIP_SERVER_WORDS];
    uint64_t unused0;
    uint64_t memory_info; /* offset << 32 | count */
    uint64_t unused1[20];
    uint64_t utcb_info;
    uint64_t kip_area_info;
    uint64_t unused2[2];
    uint64_t boot_info;
    uint64_t processor_desc; /* offset */
    uint64_t clock_info;
    uint64_t thread_info;
    uint64_t page_info;
    uint64_t processor_info;
    uint64_t space_control, thread_control, processor_control, memory_control;
    uint64_t ipc, lipc, unmap, exchange_registers;
    uint64_t system_clock, thread_switch, schedule;
    uint64_t unused3[5];
    uint64_t arch_call[4];
};
_Static_assert(offsetof(struct kip, memory_info) == 0xa8, "KIP layout");
_Static_assert(offsetof(struct kip, utcb_info) == 0x150, "KIP layout");
_Static_assert(offsetof(struct kip, boot_info) == 0x170, "KIP layout");
_Static_assert(offsetof(struct kip, space_control) == 0x1a0, "KIP layout");
_Static_assert(offsetof(struct kip, arch_call) == 0x220 && sizeof(struct kip) == 0x240,
               "KIP layout");
