/*
 * Starting a program in an environment of its own, and learning how it ended. What the program is
 * given follows exo/abi/boot.h; libos/exit.h says how it hands its status back.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"

/* A set of capabilities to hand on, by slot: SPAWN_GIVE(SLOT_CONSOLE) | ... Those that the starter
 * does not hold itself are left out. */
#define SPAWN_GIVE(slot) (1u << (slot))
#define SPAWN_GIVE_ALL                                                                             \
    (SPAWN_GIVE(SLOT_CPU) | SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_MACHINE) |                  \
     SPAWN_GIVE(SLOT_INSPECT) | SPAWN_GIVE(SLOT_NIC) | SPAWN_GIVE(SLOT_ARCHIVE) |                  \
     SPAWN_GIVE(SLOT_DISK) | SPAWN_GIVE(SLOT_PCI) | SPAWN_GIVE(SLOT_PORTS) | SPAWN_GIVE(SLOT_IRQ))

struct spawn_args {
    const void *image; /* a static ELF program, whole */
    size_t image_bytes;
    const char *name;               /* for people; its first 16 characters are kept  */
    const char *const *arguments;   /* NULL-terminated; NULL: none                    */
    const char *const *environment; /* NULL-terminated; NULL: none                   */
    uint32_t give;                  /* SPAWN_GIVE()                                   */
    uint32_t memory_frames;         /* of its SLOT_MEMORY; 0: none                    */
    pfn_t memory_first;             /* which, free ones; 0: region_promise() chooses  */
    uint32_t cpu;                   /* home CPU, THREAD_CPU_HERE for the starter's    */
    uint32_t priority;              /* 0: THREAD_PRIORITY                             */
    uint32_t number;                /* of its first thread; 0: any                    */
};

/* A program that was started. */
struct spawn_child {
    slot_t env, thread, image, watch; /* env is watched by bit 0 of `watch`         */
    uint32_t number;                  /* of its environment                         */
    uint64_t thread_id;               /* global ID of its first thread              */
    vaddr_t entry;
    pfn_t image_first;
    uint32_t image_frames;
    vaddr_t utcb; /* where its UTCB page is seen here                                */
    pfn_t memory_first;
    bool has_memory, started;
};

/* How a program ended. */
struct spawn_end {
    bool exited;     /* by libos_exit(); else by a fault or by losing its last thread */
    int status;      /* when it exited: 0 to 255                                       */
    uint32_t vector; /* else: of the fault                                             */
    uint64_t ip, address;
};

/* Makes everything but lets nothing run: more capabilities can be copied into slots from SLOT_FREE
 * on. BAD_ARG: the image is not a static program whose pages can be writable or executable but not
 * both, or the strings do not fit the start page. NO_MEM. After an error nothing is left. */
enum err spawn_prepare(struct spawn_child *child, const struct spawn_args *args);

/* Runs what was prepared. Errors of thread_start. */
enum err spawn_run(struct spawn_child *child);

/* Both. */
enum err spawn_start(struct spawn_child *child, const struct spawn_args *args);

/* Waits for the end. The environment stays for inspection until spawn_destroy(). BAD_STATE: the
 * end could not be observed. */
enum err spawn_wait(struct spawn_child *child, struct spawn_end *end);

/* For who starts programs in another way. An empty environment, made of SLOT_MEMORY's frames; after
 * an error *env is SLOT_NONE. Errors of slot_take, region_find and env_create. Page tables for
 * [low, high) of an environment, from SLOT_MEMORY; `count` frames from `pfn` on, which are in
 * `frames`, bound there at `va`. Errors of table_create and page_bind; NO_MEM. */
enum err spawn_env(slot_t *env, uint32_t *number);
enum err spawn_tables(slot_t env, vaddr_t low, vaddr_t high);
enum err spawn_bind(slot_t env, slot_t frames, vaddr_t va, pfn_t pfn, uint32_t count,
                    rights_t rights);

/* Takes back all that the program had, whether it runs or not. */
void spawn_destroy(struct spawn_child *child);
