/* Packets from the lab's dedicated card to the kernel's card, and waiting for what becomes of them
 * (echo.c). */
#pragma once

#include "tests/lab/lab.h"
#include "tests/qemu/rig.h"

/* Lays `count` packets ready, each WIRE_PACKET bytes behind the one before, when earlier ones are
 * sent. */
#define WIRE_PACKET 2048u
void wire_lay(const uint8_t *packets, uint32_t bytes, uint32_t count);

/* Rings the bell for them. */
void wire_push(void);

/* Lays one question for the echo's port ready. */
void wire_lay_one(void);

/* Has QEMU's devices work: reads a register of one. */
void wire_turn(void);

/* Takes a packet that the dedicated card has received. False: there is none. */
bool wire_take(void);

/* The ring's owner answers what has come. False: nothing had. */
bool wire_answer(void);

/* Waits for a counter, which `what` names; returns the price of the waiting. */
uint64_t wire_wait(const volatile uint32_t *counter, uint32_t want, const char *what);

/* The heads of a datagram without contents, from the dedicated card to the ring's. */
void wire_head(uint8_t *packet);

/* What it costs that the contents of datagrams are put somewhere by handlers (contents.c). */
void lab_contents(const struct archive *a, slot_t ring);
