/*
 * A key-value store that speaks memcached's binary protocol in UDP datagrams (its
 * doc/protocol-binary and doc/protocol.txt): one request and one answer a datagram. Pure logic, for
 * programs on bare packets.
 *
 * Where items lie is said in kv_table.h. When all places of a set are taken, the one not asked for
 * the longest makes room.
 */
#pragma once

#include "libos-net/answer.h"
#include "libos-net/examples/kv_table.h"

/* Writes the answer to a packet of `length` bytes into `to`, which has room for a whole one.
 * Returns its length; 0: it gets none. me->port is the store's. */
uint32_t kv_answer(struct kv *kv, const struct answer_host *me, const uint8_t *packet,
                   uint32_t length, uint8_t *to);
