/* What tests of packet rings share: a ring with all that belongs to it, and a question to QEMU's
 * user network that is answered at once. */
#pragma once

#include "libos-net/ring.h"
#include "libos/call.h"

#define RIG_BIT      ((word_t)1)
#define RIG_ADDRESS  0x0a00020fu /* 10.0.2.15, what the user network expects here */
#define RIG_GATEWAY  0x0a000202u
#define RIG_PACKET   42u /* bytes of a question */
#define RIG_ARP_FROM 22u /* where the sender's link address stands in it */

struct rig {
    slot_t slot, frames, notification;
    struct ring ring;
};

slot_t new_slot(void);

/* A capability weaker than `src`, or for a part of its range. */
slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count);

pfn_t free_frame(void);

/* Memory and notification for a ring, in use by nobody yet; then the ring. */
void rig_prepare(struct rig *r);
enum err rig_create(const struct rig *r);

/* By a part of the card. */
enum err rig_create_by(const struct rig *r, slot_t nic);

/* Writes the question who has `asked`, from `mac` and `address`: RIG_PACKET bytes. */
void rig_question(uint8_t *packet, const uint8_t mac[6], uint32_t address, uint32_t asked);

/* Posts: who has the gateway's address, tell `address`. Returns the packet, which can still be
 * spoilt. */
uint8_t *rig_ask(struct rig *r, uint32_t address);

/* Waits for an answer. */
bool rig_hears(struct rig *r);

/* Asks as RIG_ADDRESS. */
bool rig_ask_and_hear(struct rig *r);
