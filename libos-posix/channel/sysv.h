/*
 * System V IPC: what segments of memory, sets of semaphores and queues of messages have in common:
 * keys, numbers, owners. Each kind puts `struct sysv` first into what it keeps.
 *
 * Invariants. sysv_check() tests them all and names the broken one.
 *   V1  numbers and keys are one object's of their kind, but for the key 0
 *   V2  a semaphore is between 0 and SEMAPHORE_MOST
 *   V3  a queue counts its messages and their bytes
 *
 * Locking: the caller holds the arena's lock. Who sleeps asks for the object by its number again.
 */
#pragma once

#include "libos-posix/base/arena.h"

#define IPC_CREAT   01000u
#define IPC_EXCL    02000u
#define IPC_NOWAIT  04000u
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_PRIVATE 0

#define SEMAPHORE_MOST 32767

enum sysv_kind { SYSV_MEMORY, SYSV_SEMAPHORES, SYSV_MESSAGES, SYSV_KINDS };

struct sysv {
    struct sysv *next; /* of its kind */
    int32_t id, key;
    uint32_t uid, gid, made_by_uid, made_by_gid;
    uint32_t mode;
    bool doomed;      /* memory: goes with the last who has it in his memory */
    uint64_t changed; /* ns since 1970 */
};

struct linux_ipc_perm {
    int32_t key;
    uint32_t uid, gid, made_by_uid, made_by_gid, mode;
    uint16_t sequence, pad;
    uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "struct ipc64_perm of x86-64");

struct semaphore {
    int32_t value, last_pid;
    uint32_t wait_more, wait_zero; /* tasks that sleep until it is greater, or 0 */
};

/* What a process' operations with SEM_UNDO are to be taken back by at its end. */
struct semaphore_undo {
    struct semaphore_undo *next;
    int32_t pid;
    int32_t by[];
};

struct semaphore_set {
    struct sysv object;
    uint64_t used; /* ns since 1970 */
    uint32_t count;
    struct semaphore_undo *undos;
    struct semaphore at[];
};

struct sysv_message {
    struct sysv_message *next;
    int64_t type;
    size_t bytes;
    uint8_t data[];
};

struct message_queue {
    struct sysv object;
    uint64_t sent, received; /* ns since 1970 */
    uint64_t bytes, bytes_most, count;
    int32_t last_sender, last_receiver;
    struct sysv_message *first, *last;
};

struct memory_segment {
    struct sysv object;
    struct node *node; /* holds one `opens` of it */
    uint64_t bytes;
    uint64_t attached, detached; /* ns since 1970 */
    int32_t made_by, last_pid;
};

/* The object with that number that the process may use so (0400 read, 0200 write). EINVAL: there is
 * none; EACCES. */
long sysv_get(const struct process *p, enum sysv_kind kind, word_t id, uint32_t wanted,
              struct sysv **out);

/* After a sleep: is it still there? */
struct sysv *sysv_find(const struct arena *a, enum sysv_kind kind, int32_t id);

/* What semget and its kin do first: *out is the object, or NULL where one is to be made. ENOENT,
 * EEXIST, EACCES. */
long sysv_look(const struct process *p, enum sysv_kind kind, word_t key, word_t flags,
               struct sysv **out);

/* Enters a new object of the caller's; its number. */
long sysv_enter(struct process *p, enum sysv_kind kind, word_t key, word_t flags, struct sysv *o);

/* Takes it out; its memory is the caller's. */
void sysv_leave(struct arena *a, enum sysv_kind kind, struct sysv *o);

/* For IPC_SET and IPC_RMID. EINVAL; EPERM: neither owner nor maker. */
long sysv_own(const struct process *p, enum sysv_kind kind, word_t id, struct sysv **out);

struct linux_ipc_perm sysv_perm(const struct sysv *o);
void sysv_set(struct sysv *o, const struct linux_ipc_perm *to);

/* The process ends: its operations on semaphores are taken back. */
void sysv_process_ends(struct process *p);

/* NULL when V1 to V3 hold, else a sentence that begins with the broken invariant's name. */
const char *sysv_check(const struct arena *a);
