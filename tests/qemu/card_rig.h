/* What tests of a card of one's own share: questions to QEMU's user network, and its answers. */
#pragma once

#include "libos-net/card.h"

/* Sends up to `count` questions for the gateway; returns how many there were buffers for. */
unsigned card_ask(struct card *c, unsigned count);

/* Takes packets until `count` answers have come, polling; returns how many came in five seconds. */
unsigned card_hear(struct card *c, unsigned count);
