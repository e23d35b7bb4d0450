/* What tests of a card of one's own share: questions to QEMU's user network, and its answers. */
#pragma once

#include "libos-net/card.h"

/* Entries of this program into the kernel until now, but for interrupts, which the clock makes. */
uint64_t card_entries(void);

/* Has the card not interrupted since it was asked this, or waited for, last? */
bool card_was_silent(struct card *c);

/* Sends up to `count` questions for the gateway; returns how many there were buffers for. */
unsigned card_ask(struct card_pair *p, unsigned count);

/* Takes packets until `count` answers have come, polling; returns how many came in five seconds. */
unsigned card_hear(struct card_pair *p, unsigned count);
