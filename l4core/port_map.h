/*
 * IO fpages: I/O ports mapped, granted and taken back by messages, as pages are.
 * exo/doc/decisions/0026-io-ports.md.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

struct env;
struct thread;

/* As map_item (map.h), for an IO fpage. A window that is the complete space, or an IO fpage, takes
 * it. */
word_t port_item(struct thread *from, struct thread *to, word_t header, word_t fpage,
                 word_t window);

/* Takes the ports of an IO fpage from what was mapped from `e`; with `flush` also those that were
 * mapped to it. */
void port_unmap(struct env *e, word_t fpage, bool flush);
