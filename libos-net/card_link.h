/* A link on a card of one's own. */
#pragma once

#include "libos-net/card.h"
#include "libos-net/link.h"

struct card_link {
    struct link link; /* first */
    struct card_pair *pair;
    uint16_t next; /* buffer for the next packet to send */
    bool has_next;
    uint32_t unpushed; /* packets sent that the card was not shown */
};

/* On a pair of an open card, which the link uses from now on. */
void card_link_open(struct card_link *l, struct card_pair *pair);

/* A packet more was handed to the pair beside the link. */
void card_link_sent(struct card_link *l);
