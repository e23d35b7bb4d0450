/*
 * A pipe in shared memory between two environments: one writes, one reads; the kernel is called
 * only to wake a side that waits. Neither trusts the other: what the partner writes into the shared
 * words is checked at each use.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define SHM_PIPE_SLOTS 3u /* that shm_pipe_give() fills */

struct shm_pipe_shared {
    uint64_t written, read; /* bytes since the beginning */
    uint32_t reader_waits, writer_waits;
};

struct shm_pipe {
    struct shm_pipe_shared *shared; /* a page; the bytes are behind it */
    uint8_t *data;
    uint64_t size;
    slot_t frames, readable, writable;
    bool made; /* by shm_pipe_make(), not shm_pipe_take() */
};

/* A pipe for `pages` pages, a power of two. BAD_ARG; NO_MEM. */
enum err shm_pipe_make(struct shm_pipe *pipe, uint32_t pages);

/* Puts it into an environment's slots from `first` on. Errors of cap_copy. */
enum err shm_pipe_give(const struct shm_pipe *pipe, slot_t env, slot_t first);

/* Takes it up from there. BAD_CAP: nothing of the kind is in the slots; errors of vm_map_frames. */
enum err shm_pipe_take(struct shm_pipe *pipe, slot_t first);

/* Writes all bytes, and waits while there is no room. BAD_STATE: the reader broke the pipe; what
 * was written then is not known. */
enum err shm_pipe_write(struct shm_pipe *pipe, const void *bytes, uint64_t count);

/* Reads at least one byte, and waits for it, at most `count`, and says in *got how many.
 * BAD_ARG: `count` is 0. BAD_STATE: the writer broke the pipe. */
enum err shm_pipe_read(struct shm_pipe *pipe, void *bytes, uint64_t count, uint64_t *got);

/* Frees what this side has of it; with the maker's side the other's goes, too. */
void shm_pipe_destroy(struct shm_pipe *pipe);
