/*
 * For authors of grafts, in eBPF C: where a program and its maps stand, and the helper functions of
 * the kernel (exo/abi/graft_helpers.def). Contexts of the hooks are in exo/abi/graft.h, and so are
 * their budgets: the longest path may have GRAFT_BUDGET_PACKET_FILTER (1,024) eBPF instructions, or
 * GRAFT_BUDGET_PACKET_HANDLER (8,192), and so on; a turn of a loop over bytes takes 6 to 9 of them.
 * `graft prove -v` says how many a graft takes, and which of its loops are bounded by fuel instead.
 *
 *     MAP(counts, GRAFT_MAP_ARRAY, uint32_t, uint64_t, 16);
 *
 *     GRAFT(packet_filter) uint64_t count(const struct graft_packet *packet)
 *     {
 *         uint32_t key = packet->nic & 15;
 *         uint64_t *n = map_lookup_elem(&counts, &key);
 *         if (n)
 *             *n += 1;
 *         return 0;
 *     }
 */
#pragma once

#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"

#define SEC(name) __attribute__((section(name), used))

/* The function is a program for the hook of this name, in small letters, as graft_hooks.def has it.
 */
#define GRAFT(hook) SEC(#hook)

/* A map of `entries` entries; a ring buffer of so many bytes has neither key nor value. */
#define MAP(name, kind, key, value, count)                                                         \
    SEC(".maps") struct graft_map_def name = {kind, sizeof(key), sizeof(value), count}
#define RING_BUFFER(name, bytes)                                                                   \
    SEC(".maps") struct graft_map_def name = {GRAFT_MAP_RINGBUF, 0, 0, bytes}

/* How arguments and results of helpers look in C: the first argument, and those after it. */
#define GRAFT_TYPE_NUMBER      uint64_t
#define GRAFT_TYPE_CONTEXT     const void *
#define GRAFT_TYPE_MAP         const struct graft_map_def *
#define GRAFT_TYPE_RING        const struct graft_map_def *
#define GRAFT_TYPE_KEY         const void *
#define GRAFT_TYPE_VALUE       const void *
#define GRAFT_TYPE_MEMORY      const void *
#define GRAFT_TYPE_MEMORY_OUT  void *
#define GRAFT_TYPE_SIZE        uint64_t
#define GRAFT_TYPE_RECORD_SIZE uint64_t
#define GRAFT_TYPE_RECORD      void *

#define GRAFT_FIRST_NONE       void
#define GRAFT_FIRST_NUMBER     GRAFT_TYPE_NUMBER
#define GRAFT_FIRST_CONTEXT    GRAFT_TYPE_CONTEXT
#define GRAFT_FIRST_MAP        GRAFT_TYPE_MAP
#define GRAFT_FIRST_RING       GRAFT_TYPE_RING
#define GRAFT_FIRST_MEMORY     GRAFT_TYPE_MEMORY
#define GRAFT_FIRST_MEMORY_OUT GRAFT_TYPE_MEMORY_OUT
#define GRAFT_FIRST_RECORD     GRAFT_TYPE_RECORD

#define GRAFT_NEXT_NONE
#define GRAFT_NEXT_NUMBER      , GRAFT_TYPE_NUMBER
#define GRAFT_NEXT_KEY         , GRAFT_TYPE_KEY
#define GRAFT_NEXT_VALUE       , GRAFT_TYPE_VALUE
#define GRAFT_NEXT_MEMORY      , GRAFT_TYPE_MEMORY
#define GRAFT_NEXT_MEMORY_OUT  , GRAFT_TYPE_MEMORY_OUT
#define GRAFT_NEXT_SIZE        , GRAFT_TYPE_SIZE
#define GRAFT_NEXT_RECORD_SIZE , GRAFT_TYPE_RECORD_SIZE

#define GRAFT_RESULT_NONE              void
#define GRAFT_RESULT_NUMBER            uint64_t
#define GRAFT_RESULT_MAP_VALUE_OR_NULL void *
#define GRAFT_RESULT_RECORD_OR_NULL    void *

#define HELPER(number, name, result, a1, a2, a3, a4, a5)                                           \
    static GRAFT_RESULT_##result (*const name)(                                                    \
        GRAFT_FIRST_##a1 GRAFT_NEXT_##a2 GRAFT_NEXT_##a3 GRAFT_NEXT_##a4 GRAFT_NEXT_##a5)          \
        __attribute__((unused)) = (void *)(number);
#include "exo/abi/graft_helpers.def"
#undef HELPER

/* Packets are big-endian, eBPF here is little-endian. */
#define graft_host16(x) __builtin_bswap16(x)
#define graft_host32(x) __builtin_bswap32(x)
