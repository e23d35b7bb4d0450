/* L4 calls for tests of the kernel: messages in the registers and UTCBs of simulated threads. */
#pragma once

#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "tests/host/kernel_world.h"

#define TIMEOUTS(send, receive) ((word_t)(send) << 16 | (word_t)(receive))
#define TIME_1MS                0x3e8u /* 1000 * 2^0 microseconds */
#define TICKS_1MS               1000000u
#define IPC_IP                  (WINDOW_LINKS + LINK_IPC * LINK_STRIDE + 2)

/* Message register i of `t`, wherever the convention keeps it. */
word_t get_mr(struct thread *t, unsigned i);
void set_mr(struct thread *t, unsigned i, word_t value);

/* Makes every IPC take the general path (ipc_do), as after an interrupt, and none the fast one. */
extern bool ipc_always_slow;

/* The call by link `link` of the kernel interface page, with the registers of `t` as they are. */
void l4_enter(struct thread *t, enum kip_link link);

/* The Ipc call. Returns at once; whether it has ended is seen by `t`'s state. */
void ipc(struct thread *t, word_t to, word_t from, word_t timeouts);

/* The ThreadControl call; its result, and its error. */
#define NO_UTCB (~(word_t)0)
word_t thread_control(struct thread *t, word_t dest, word_t space, word_t scheduler, word_t pager,
                      word_t utcb);
word_t last_error(const struct thread *t);

/* A control call of `t` works; or fails with `error`, and nothing was made. */
#define CONTROL_WORKS(call) assert_int_equal((call), 1)
#define CONTROL_FAILS(t, error, call)                                                              \
    do {                                                                                           \
        uint32_t free_before = world_free();                                                       \
        assert_int_equal((call), 0);                                                               \
        assert_int_equal(last_error(t), (error));                                                  \
        assert_int_equal(world_free(), free_before);                                               \
    } while (0)

/* The boss gives `privileged` kernel memory, of `frames` frames by its slot `kmem`, and privilege.
 */
void give_privilege(const struct party *privileged, slot_t kmem, uint32_t frames);

/* As ipc, with a message of label `label` and `count` untyped words, which are `seed` and on. */
void ipc_words(struct thread *t, word_t to, word_t from, word_t timeouts, word_t label,
               unsigned count, word_t seed);

/* `t`'s IPC ended well, and it was told `from`. */
void assert_received(struct thread *t, word_t from);

/* `t`'s IPC ended with that error. */
void assert_failed(struct thread *t, unsigned code, unsigned phase);

word_t local_id(const struct thread *t);

/* The timer interrupts the boss's CPU, `ticks` from now. */
void pass_time(uint64_t ticks);

/* `t` runs into a page fault. */
void page_fault(struct thread *t, vaddr_t address, uint64_t error);

/* A map or grant item, and Unmap of one fpage, without interrupts. */
bool map_all(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window);
word_t unmap_all(struct thread *t, word_t fpage, bool flush);
