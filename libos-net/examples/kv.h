/*
 * A key-value store that speaks memcached's binary protocol in UDP datagrams (its
 * doc/protocol-binary and doc/protocol.txt): one request and one answer a datagram. Pure logic, for
 * programs on sockets and on bare packets.
 *
 * Where items lie is said in kv_table.h. When all places of a set are taken, the one not asked for
 * the longest makes room.
 */
#pragma once

#include "libos-net/answer.h"
#include "libos-net/examples/kv_table.h"

#define KV_ANSWER_MOST (KV_HEADS + 4 + KV_KEY_MOST + KV_VALUE_MOST) /* bytes of contents */

/* Writes the answer to what a datagram contains, `length` bytes aligned to 2, into `to`, which is
 * aligned so, too, and has room for KV_ANSWER_MOST. Returns its length; 0: it gets none. */
uint32_t kv_answer(struct kv *kv, const uint8_t *contents, uint32_t length, uint8_t *to);

/* The same with a whole packet, of `length` bytes, and room for a whole one. me->port is the
 * store's. */
uint32_t kv_answer_packet(struct kv *kv, const struct answer_host *me, const uint8_t *packet,
                          uint32_t length, uint8_t *to);
