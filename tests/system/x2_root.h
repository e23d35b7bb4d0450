/* What x2_root.c knows of the binary interface, from the reference alone: nothing of this tree's
 * headers is used, so that both cannot be wrong in the same way. */
#pragma once

typedef unsigned long word;
typedef unsigned char byte;

#define NIL         0ul
#define ANY         (~0ul)
#define ANY_LOCAL   (~63ul)
#define NEVER       0ul
#define ZERO        0x400ul
#define MILLISECOND 0x3e8ul

/* Kernel interface page: offsets. */
#define KIP_API_VERSION    0x08
#define KIP_API_FLAGS      0x10
#define KIP_KERNEL         0x18
#define KIP_ROOT           0x80
#define KIP_MEMORY         0xa8
#define KIP_UTCB           0x150
#define KIP_AREA           0x158
#define KIP_BOOT           0x170
#define KIP_PROC           0x178
#define KIP_CLOCK          0x180
#define KIP_THREADS        0x188
#define KIP_PAGES          0x190
#define KIP_PROCESSORS     0x198
#define KIP_SPACE_CONTROL  0x1a0
#define KIP_THREAD_CONTROL 0x1a8
#define KIP_IPC            0x1c0
#define KIP_LIPC           0x1c8
#define KIP_UNMAP          0x1d0
#define KIP_EXREGS         0x1d8
#define KIP_SYSTEM_CLOCK   0x1e0
#define KIP_THREAD_SWITCH  0x1e8
#define KIP_SCHEDULE       0x1f0

/* Thread control registers: words from the address that %gs:0 holds. */
#define TCR_VIRTUAL_SENDER -6
#define TCR_ERROR          -9
#define TCR_PAGER          -12
#define TCR_HANDLE         -13
#define TCR_PROCESSOR      -14
#define TCR_ID             -15
#define TCR_BR0            -16

#define TAG(label, u, t)     (((word)(label) << 16) | (t) << 6 | (u))
#define TAG_LABEL(tag)       ((tag) >> 16)
#define TAG_U(tag)           ((tag)&63)
#define TAG_T(tag)           ((tag) >> 6 & 63)
#define TAG_ERROR            0x8000ul
#define LABEL(protocol)      (((word)(protocol) << 4) & 0xffffffffffff)
#define FPAGE(base, log2)    ((base) | (word)(log2) << 4)
#define RWX                  7ul
#define RW                   6ul
#define IO_FPAGE(port, log2) ((word)(port) << 16 | (word)(log2) << 10 | 2ul << 4)
#define MAP_ITEM             8ul
#define COMPLETE             0x10ul

struct message {
    word mr[8]; /* MR0 to MR7; the others are in the UTCB */
};

extern word kip;

static inline word kip_word(word offset)
{
    return *(volatile word *)(kip + offset);
}

/* The UTCB's MR0, which is the local ID. */
static inline volatile word *utcb(void)
{
    word u;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(u));
    return (volatile word *)u;
}

/* Ipc: registers as the reference has them. Returns `from`; MRs are exchanged in `m`. */
word ipc(word to, word from, word timeouts, struct message *m);

/* Calls of the form rdi, rsi, rdx, r8, r9 -> rax, rdx. */
word call(word link, word rdi, word rsi, word *rdx, word r8, word r9);

/* ExchangeRegisters: rax, rsi, rdx, r8, r9, r10, rdi in `r`, and back. */
struct exregs {
    word id, control, sp, ip, flags, handle, pager;
};
void exregs(struct exregs *x);

/* Unmap of one fpage; flush: control bit 6. Returns the fpage with the status bits. */
word unmap(word fpage, word flush);

void out8(unsigned short port, byte value);
byte in8(unsigned short port);

/* The second thread and the other task begin here, on stacks of their own. */
extern char second_entry[], second_stack[], task_entry[], task_stack[], image_end[];
