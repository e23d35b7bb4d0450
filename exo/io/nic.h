/*
 * The network card as the kernel's other parts see it: whole Ethernet packets in and out, no
 * policy. One card is driven, in the shared form: its queues are the kernel's, and who gets a
 * packet is decided above (hook_nic_received).
 *
 * Locking: the caller of everything but nic_init holds the kernel lock that serialises devices;
 * the hooks are called with it. Nothing here blocks.
 */
#pragma once

#include "exo/abi/offload.h"

#define NIC_PACKET_MAX   1514u /* bytes: Ethernet header and payload, no checksum          */
#define NIC_PACKET_MIN   14u   /* bytes: an Ethernet header                                */
#define NIC_SEGMENTS_MAX 3u

/* A piece of a packet in physical memory, which stays as it is until hook_nic_sent. */
struct nic_segment {
    paddr_t address; /* bytes */
    uint32_t length; /* bytes, not 0 */
};

/* Finds the card and starts it; where there is none, or it cannot be driven, nic_present stays
 * false. Before user space starts; the memory of the queues is reserved here for ever. */
void nic_init(void);

bool nic_present(void);
void nic_mac(uint8_t mac[6]); /* zeros when there is no card               */
uint16_t nic_mtu(void);       /* bytes of payload in a packet; at most 1500 */

/* Gives a packet to the card without copying; `cookie` comes back once, by hook_nic_sent. False
 * when the queue is full or there is no card: nothing was taken. Pre: 1 to NIC_SEGMENTS_MAX
 * segments, NIC_PACKET_MIN to NIC_PACKET_MAX bytes in all. The card may sleep until nic_flush. */
bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie);

/* What the card can do besides, NIC_* of offload.h. Stays as it is. */
uint32_t nic_offloads(void);

/* As nic_send, with work for the card. Pre: nic_offloads() has it; if it is to be cut, `heads` are
 * the bytes of all its headers, and it has up to TSO_PACKET_MAX bytes. */
bool nic_send_offload(const struct nic_segment *segments, unsigned count, uint32_t work,
                      uint32_t heads, uint32_t cookie);

/* What the card says of a received packet's checksum: that it was tested; or that it is partial, as
 * CSUM_PARTIAL of offload.h, is to go from byte `start` on, and its field, which lies inside the
 * packet, `offset` bytes behind that. */
struct nic_csum {
    bool is_valid;
    uint16_t start, offset;
};

/* Tells the card of what nic_send gave it. */
void nic_flush(void);

/* Takes what the card has finished, by calling the hooks: at the interrupt, and for who cannot wait
 * for it. It takes at most one queue's length of packets each way, so
 * that a flood cannot keep the kernel: what comes later raises an interrupt of its own. */
void nic_poll(void);

/* Stops the card and starts it again. On return it reads and writes no memory that it was given
 * before, and every packet in flight was reported by hook_nic_sent, sent or not. */
void nic_restart(void);

/* How often the card broke its contract and was started again; for the curious. */
uint32_t nic_restarts(void);

/* Decided by the layer above (exo/entry/hooks.def). The interrupt is passed on, so that whoever
 * owns the lock takes it and calls nic_poll. `packet` is the card's memory: a card that misbehaves
 * may change it at any time, so it is read once; it is the hook's until it returns. `csum` is NULL
 * where the card says nothing, else the hook's, too. A hook calls
 * neither nic_poll nor nic_restart. */
void hook_nic_interrupt(void);
void hook_nic_received(uint8_t *packet, uint32_t length, struct nic_csum *csum);
void hook_nic_sent(uint32_t cookie);
