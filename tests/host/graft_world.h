/*
 * A world in which a graft runs for tests: all that it may touch, with room around it, and helpers
 * that keep account of records. Whatever is not its own is refused.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "grafts/interp.h"

#define WORLD_MAX_PACKET 96u
#define WORLD_RECORDS    9u
#define WORLD_GAP        64u

/* The maps that programs may name. */
static const struct graft_map_def world_maps[] = {
    {GRAFT_MAP_ARRAY, 4, 64, 16},
    {GRAFT_MAP_HASH, 8, 16, 100},
    {GRAFT_MAP_RINGBUF, 0, 0, 4096},
    {GRAFT_MAP_WINDOW, 4, 8192, 1},
};
#define WORLD_MAPS (sizeof world_maps / sizeof world_maps[0])

struct world {
    struct graft_packet context;
    uint8_t *packet; /* [context.length] */
    _Alignas(16) uint8_t stack[GRAFT_STACK_BYTES];
    uint8_t gap0[WORLD_GAP];
    _Alignas(
        16) uint8_t value[WORLD_MAPS][8192]; /* of each map one; only value_bytes are in reach */
    uint8_t gap1[WORLD_GAP];
    _Alignas(16) uint8_t record[WORLD_RECORDS][4096];
    uint32_t record_bytes[WORLD_RECORDS]; /* 0: not held */
    uint64_t calls;                       /* decides what helpers answer */
};

static bool lies_in(const void *base, uint64_t size, uint64_t address, uint32_t bytes)
{
    uint64_t offset = address - (uintptr_t)base;
    return offset < size && bytes <= size - offset;
}

static bool world_allows(void *self, uint64_t address, uint32_t bytes, bool write)
{
    const struct world *w = self;

    if (lies_in(w->stack, sizeof w->stack, address, bytes))
        return true;
    for (uint32_t i = 0; i < WORLD_MAPS; i++)
        if (lies_in(w->value[i], world_maps[i].value_bytes, address, bytes))
            return true;
    for (uint32_t i = 0; i < WORLD_RECORDS; i++)
        if (lies_in(w->record[i], w->record_bytes[i], address, bytes))
            return true;
    return !write && (lies_in(&w->context, sizeof w->context, address, bytes) ||
                      lies_in(w->packet, w->context.length, address, bytes));
}

/* What a 64-bit load of map `map` gives. It is no memory. */
static inline uint64_t world_map(const struct world *w, uint32_t map)
{
    return (uintptr_t)w->gap0 + map * 8;
}

static uint32_t world_held(const struct world *w)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i < WORLD_RECORDS; i++)
        held += w->record_bytes[i] != 0;
    return held;
}

static uint64_t reserve(struct world *w, uint32_t bytes)
{
    for (uint32_t i = 0; i < WORLD_RECORDS && w->calls % 3 != 0; i++)
        if (w->record_bytes[i] == 0) {
            w->record_bytes[i] = bytes;
            return (uintptr_t)w->record[i];
        }
    return 0;
}

static bool give_back(struct world *w, uint64_t address)
{
    for (uint32_t i = 0; i < WORLD_RECORDS; i++)
        if (w->record_bytes[i] != 0 && address == (uintptr_t)w->record[i]) {
            w->record_bytes[i] = 0;
            return true;
        }
    return false;
}

/* Calls a helper. False: an argument is not what the helper wants. */
static bool world_call(struct world *w, int32_t number, uint64_t *reg)
{
    uint64_t map = (reg[1] - world_map(w, 0)) / 8;
    bool is_map = reg[1] >= world_map(w, 0) && map < WORLD_MAPS && map != 2;

    switch (number) {
    case 1:
    case 2:
    case 3:
        if (!is_map || !world_allows(w, reg[2], world_maps[map].key_bytes, false) ||
            (number == 2 && !world_allows(w, reg[3], world_maps[map].value_bytes, false)))
            return false;
        reg[0] = number == 1 && w->calls % 3 != 0 ? (uintptr_t)w->value[map] : 0;
        return true;
    case 28:
        for (unsigned n = 1; n <= 3; n += 2)
            if (reg[n + 1] != 0 && !world_allows(w, reg[n], (uint32_t)reg[n + 1], false))
                return false;
        reg[0] = 28;
        return true;
    case 0x10000: /* to r1 from r3 */
        for (unsigned n = 1; n <= 3; n += 2)
            if (reg[n + 1] != 0 && !world_allows(w, reg[n], (uint32_t)reg[n + 1], n == 1))
                return false;
        if (reg[2] != 0)
            memset((void *)(uintptr_t)reg[1], 28, reg[2]);
        reg[0] = 28;
        return true;
    case 0x10002: /* from r2 */
        reg[0] = 28;
        return reg[3] == 0 || world_allows(w, reg[2], (uint32_t)reg[3], false);
    case 130:
        reg[0] = 0;
        return reg[1] == world_map(w, 2) &&
               (reg[3] == 0 || world_allows(w, reg[2], (uint32_t)reg[3], false));
    case 131:
        reg[0] = reserve(w, (uint32_t)reg[2]);
        return reg[1] == world_map(w, 2) && reg[2] > 0 && reg[2] <= 4096;
    case 132:
    case 133:
        reg[0] = (uintptr_t)w; /* lost as well */
        return give_back(w, reg[1]);
    default:
        reg[0] = (uint64_t)number;
        return number == 5 || number == 8;
    }
}

static bool world_helper(void *self, int32_t number, uint64_t *reg, bool *done)
{
    struct world *w = self;

    (void)done;
    w->calls = w->calls * 6364136223846793005u + 1442695040888963407u;
    w->calls ^= w->calls >> 29;
    bool good = world_call(w, number, reg);
    for (unsigned n = 1; n <= 5; n++)
        reg[n] = (uintptr_t)self + n; /* lost: whoever reads it tells two worlds apart */
    return good;
}

/* Puts this world's addresses where the code names maps. */
static void world_link(const struct world *w, struct insn *code, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        unsigned source = insn_src(&code[i]);
        if (code[i].opcode != 0x18)
            continue;
        uint32_t map = (uint32_t)code[i].imm;
        uint64_t to = source == INSN_MAP
                          ? world_map(w, map)
                          : (uintptr_t)w->value[source ? map : 0] + (uint32_t)code[i + 1].imm;
        if (source != 0) {
            code[i].registers = (uint8_t)insn_dst(&code[i]);
            code[i].imm = (int32_t)to;
            code[i + 1].imm = (int32_t)(to >> 32);
        }
        i++;
    }
}

/* A new run: the packet, and `garbage` wherever nothing was written. The caller frees w->packet. */
static void world_begin(struct world *w, struct interp *m, const uint8_t *packet, uint32_t length,
                        uint8_t garbage, uint64_t calls)
{
    w->packet = malloc(length + 1);
    if (!w->packet)
        abort();
    memcpy(w->packet, packet, length);
    w->context =
        (struct graft_packet){(uintptr_t)w->packet, (uintptr_t)w->packet + length, length, 3};
    memset(w->stack, garbage, sizeof w->stack);
    memset(w->value, 7, sizeof w->value);
    memset(w->record, 7, sizeof w->record);
    memset(w->record_bytes, 0, sizeof w->record_bytes);
    w->calls = calls;
    memset(m->reg, garbage ^ 0x5a, sizeof m->reg);
    m->reg[1] = (uintptr_t)&w->context;
    m->reg[INSN_FRAME] = (uintptr_t)w->stack + sizeof w->stack;
}
