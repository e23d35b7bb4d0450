/*
 * What guest tests share: set-up, accesses that may fault, and environments made by hand, each with
 * one thread that runs a few instructions (tests/qemu/x86_64/blobs.S).
 */
#pragma once

#include "exo/abi/batch.h"
#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/utcb.h"
#include "libos/archive.h"

/* Addresses that libos leaves alone; no page table serves them at first. */
#define GUEST_FREE ((vaddr_t)0x720000000000)

/* libos_setup() and the hook of probes; a failure ends the program with a line. */
void guest_begin(void);

/* The boot archive, mapped at the first use. */
const struct archive *guest_archive(void);

/* Starts this program again as `role`, the string that its main() gets as argv[1]. */
struct spawn_child;
enum err guest_spawn(struct spawn_child *child, const char *program, const char *role,
                     uint32_t memory_frames, uint32_t cpu, uint32_t priority);

/* Level-1 page table, and those above, for `va` of this environment or of `env`. */
enum err guest_tables(slot_t env, vaddr_t va);

/* A free slot; the test ends when there is none. */
slot_t guest_slot(void);

/* `count` frames as memory of this program. */
slot_t guest_frames(uint32_t count, pfn_t *first);

/* Batches of one. */
enum err guest_bind(slot_t env, slot_t frames, vaddr_t va, pfn_t pfn, rights_t rights);
enum err guest_protect(slot_t env, vaddr_t va, rights_t rights);
enum err guest_unbind(slot_t env, vaddr_t va);

/* Sleeps for so many microseconds. */
void guest_sleep(uint64_t micros);

/* The fault that the last probe met. */
struct guest_fault {
    uint64_t vector, error, address, ip;
};
extern struct guest_fault guest_fault;

/* Waits until *word is at least `least`, at most five seconds; what it is then. For what another
 * does, maybe on another CPU, whose share of the host's time nobody knows. */
uint64_t guest_await(const volatile uint64_t *word, uint64_t least);

/* Runs `run(argument)`. True: it met a fault or an exception, and was left there. */
bool probe_run(void (*run)(void *), void *argument);
bool probe_read(vaddr_t at);
bool probe_write(vaddr_t at);
bool probe_jump(vaddr_t at);

/* Waits until *word is at least `least`. False: a register, the stack pointer or the red zone
 * changed meanwhile. One thread at a time. */
bool guest_spin(volatile uint64_t *word, uint64_t least); /* blobs.S */

/* Any kernel call, or any other number, with registers as they are. */
struct guest_regs {
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
};
void guest_syscall(struct guest_regs *regs); /* blobs.S; rax and rdx come back, and the others */

/* An environment made by hand. Its pages: instructions, UTCB, stack, data. */
#define RAW_CODE      ((vaddr_t)0x400000)
#define RAW_UTCB      ((vaddr_t)0x401000)
#define RAW_STACK_TOP ((vaddr_t)0x403000)
#define RAW_DATA      ((vaddr_t)0x403000)
#define RAW_PAGES     4u

struct raw {
    slot_t env, thread, frames, watch;
    pfn_t first;
    uint32_t number; /* of the environment */
    uint64_t id;     /* global thread ID   */
    vaddr_t view;    /* where its pages are seen here */
};

/* Makes one whose first page holds `code` up to `end`; its thread is stopped. Bit 0 of `watch` is
 * raised at its end. */
enum err raw_make(struct raw *r, const char *code, const char *end);

/* Starts it with `value` in rdi. */
enum err raw_start(struct raw *r, uint64_t value);

/* Waits for its end, at most two seconds: TIMEOUT. */
enum err raw_wait(struct raw *r);
void raw_destroy(struct raw *r);

volatile uint64_t *raw_mr(const struct raw *r);
volatile struct utcb_exo *raw_exo(const struct raw *r);
volatile uint64_t *raw_data(const struct raw *r);

/* Programs for raw_make(): each with its end. */
#define RAW_BLOB(name) extern const char blob_##name[], blob_##name##_end[];
#define BLOB(name)     blob_##name, blob_##name##_end
RAW_BLOB(spin)                /* for ever: [data]++                                  */
RAW_BLOB(load)                /* reads the word at rdi into [data], then spins       */
RAW_BLOB(store)               /* writes to rdi, then spins                           */
RAW_BLOB(writer)              /* for ever: the word at rdi, and [data], ++         */
RAW_BLOB(jump)                /* goes to rdi                                         */
RAW_BLOB(undefined)           /* ud2                                                 */
RAW_BLOB(halt)                /* hlt                                                 */
RAW_BLOB(cli)                 /* cli                                                 */
RAW_BLOB(load_cr3)            /* mov %rax, %cr3                                      */
RAW_BLOB(read_msr)            /* rdmsr                                               */
RAW_BLOB(read_counter)        /* rdpmc                                               */
RAW_BLOB(deny_all)            /* rdi to PKRU, waits, reads [data], which is then denied */
RAW_BLOB(write_msr)           /* wrmsr                                               */
RAW_BLOB(port_in)             /* in                                                  */
RAW_BLOB(port_out)            /* out to 0xf4, which would end the machine            */
RAW_BLOB(read_clock)          /* reads port 0x70, then [data] = 1, then spins        */
RAW_BLOB(load_idt)            /* lidt                                                */
RAW_BLOB(swapgs)              /* swapgs                                              */
RAW_BLOB(interrupt)           /* int $0x80                                           */
RAW_BLOB(timer_vector)        /* int $0x20                                          */
RAW_BLOB(double_fault_vector) /* int $8                                      */
RAW_BLOB(bad_stack_call)      /* rsp = rdi, then the null call, then [data] = 1   */
RAW_BLOB(bad_stack_fault)     /* rsp = rdi, then a push                          */
RAW_BLOB(linux_call)          /* `syscall` with rax = 39; [data] = rax, then spins   */
RAW_BLOB(align_check)         /* sets the AC flag and spins                          */
RAW_BLOB(wait_ipc)            /* receives from anyone for ever                       */
RAW_BLOB(call_ipc)            /* calls thread rdi for ever with an empty message     */
RAW_BLOB(unmap_all)           /* Unmap of everything, 64 times in one call; [data] = 1 */
RAW_BLOB(sse)                 /* clears xmm0, then [data] = 1, then spins            */
RAW_BLOB(pct_serve)           /* pct_return for ever                                 */
