/*
 * The simulated machine: memory, CPUs, translation caches, timers and the console, as plain data
 * that a test reads and sets. One process simulates all CPUs; the one in `host.cpu` runs.
 *
 * A translation cache here is the worst that a CPU may have: host_tlb_fill puts everything in that
 * is mapped, and only an invalidation takes it out. So host_tlb_stale finds a missing one.
 */
#pragma once

#include "exo/abi/kinfo.h"
#include "exo/abi/types.h"

struct arch_cpu;

#define HOST_TLB_MAX 8192u
#define HOST_LOG_MAX 4096u

struct host_translation {
    vaddr_t va;
    uint64_t entry; /* as it stood when it was cached */
};

struct host_mmu {
    paddr_t root;              /* 0: none loaded since boot          */
    unsigned long switches;    /* times that a root was loaded       */
    unsigned long pages, alls; /* invalidations                   */
    uint32_t cached;
    struct host_translation tlb[HOST_TLB_MAX];
};

struct host_machine {
    uint8_t *memory; /* physical address 0        */
    paddr_t bytes;
    struct arch_cpu *cpu; /* the CPU that runs                                 */
    uint64_t ticks;       /* what arch_ticks reads; moved by arch_idle too     */
    vaddr_t fault_address, thread_pointer;
    struct host_mmu mmu[CPU_MAX];
    uint64_t timer[CPU_MAX];    /* ticks when it interrupts; 0: off                  */
    unsigned long kicks;        /* interrupts sent to other CPUs                     */
    unsigned long cache_drops;  /* caches written back, on all CPUs                    */
    unsigned long idles;        /* times that a CPU waited for its timer             */
    bool deaf;                  /* an interrupt sent to another CPU comes when it looks    */
    unsigned long spins;        /* waits for another CPU since the last progress     */
    void (*relax)(void);        /* what another CPU does while this one waits, once  */
    void (*interrupt)(void);    /* what happens before interrupts are taken, once    */
    bool no_code_only;          /* the CPU has no such pages                         */
    bool slow;                  /* entries go the general way, as if it were the only    */
    bool off;                   /* power                                             */
    void (*console)(void);      /* handler of port 1                                 */
    void (*lines[16])(void);    /* handlers of interrupt lines; the console's is 4    */
    unsigned long releases[16]; /* of each line */
    /* A device that answers at its ports; NULL: reads give ones, writes are lost. */
    uint32_t (*port_in)(uint16_t port, unsigned bytes);
    void (*port_out)(uint16_t port, unsigned bytes, uint32_t value);
    const char *input;      /* bytes that port 1 has yet to give; NULL: none     */
    char log[HOST_LOG_MAX]; /* what port 3 was sent; the rest is dropped         */
    uint32_t logged;
    char output[HOST_LOG_MAX]; /* what ports 1 and 2 were sent                      */
    uint32_t put;
    const uint8_t *program; /* the initial program                               */
    size_t program_bytes;
};

extern struct host_machine host;

/* Makes `bytes` of zeroed memory and everything else as at power-on. Once a process. */
void host_begin(paddr_t bytes);

/* Physical memory at `pa`, and back. Panics outside of it. */
void *host_memory(paddr_t pa);
paddr_t host_memory_address(const void *p);

/* Waits for this CPU's timer, by moving `ticks` to it. Panics when it is off: for ever. */
void host_idle(void);

/* Runs `interrupt`, then this CPU's timer if it is due. */
void host_interrupts_take(void);

/* Panics after so many turns that no other CPU can be meant. */
void host_relax(void);

/* The address space of the CPU that runs, and its cached translations. */
void host_root_load(paddr_t root);
paddr_t host_root(void);
void host_tlb_drop(vaddr_t va);
void host_tlb_drop_all(void);

/* Caches whatever is mapped for the user on CPU `number`. */
void host_tlb_fill(unsigned number);

/* True, and the address in `*va`, when CPU `number` holds a translation that shows another frame
 * than the tables do, or more rights. */
bool host_tlb_stale(unsigned number, vaddr_t *va);

/* What user code there is at `va` (exo/arch/cpu.h). */
uint32_t host_user_code(vaddr_t va);

struct regs;

/* What entry.S does for a `syscall` with these registers: which kind it is, and the reply. */
void host_call(struct regs *r);

/* And for an exception or interrupt, whose `vector` and `error` are in them. */
void host_trap(struct regs *r);
