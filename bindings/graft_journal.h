/*
 * The journal of a run that may be aborted: what it changes is noted first, and undone from the
 * end. Records of ring buffers are seen by nobody before the run has ended well.
 *
 * Values of maps are noted by key, because an entry may be another one when it is put back. What
 * LRU_HASH maps know of the order of use is not put back, nor what a WINDOW held: that is the
 * owner's memory, which he writes at the same time.
 */
#pragma once

#include "exo/abi/types.h"
#include "grafts/map.h"

struct journal {
    uint8_t *at;
    uint32_t bytes;
    uint32_t used;
    uint32_t last; /* where the last note begins; meaningful when used is not 0 */
    bool is_full;  /* the run has to be aborted: something was not noted        */
};

/* Notes memory. False: the journal is full. */
bool journal_memory(struct journal *j, void *at, uint32_t bytes);

/* Notes what a map holds for a key on a CPU, or that it holds nothing. */
bool journal_value(struct journal *j, struct graft_map *m, const void *key, uint32_t cpu);

/* Notes that a record was reserved, or is to be submitted or discarded when the run has ended. */
enum journal_record { JOURNAL_RESERVED, JOURNAL_SUBMIT, JOURNAL_DISCARD };
bool journal_record(struct journal *j, void *record, enum journal_record what);

/* Ends a run well; or undoes it. */
void journal_commit(struct journal *j);
void journal_undo(struct journal *j);
