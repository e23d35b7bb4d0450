/*
 * GETs of libos-net/examples/kv.c, 16 in flight, of a key of 16 bytes and a value of 100, from a
 * store that has 256 of them. Each request is a datagram of its own, and so is its answer, whose
 * contents and sums are checked. What the client does is not counted.
 */
#include "tests/lab/kv.h"

#include "exo/abi/graft.h"
#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv_kernel.h"
#include "libos-net/examples/kv_serve.h"
#include "libos/call.h"
#include "libos/heap.h"
#include "libos/string.h"
#include "tests/lab/web.h"

#define IN_FLIGHT  16u
#define ANSWERS    8u /* in flight where a graft answers: it has room for so many */
#define AGAIN_MOST 20000u
#define KEYS       256u
#define KEY_BYTES  16u
#define VALUE      100u
#define UDP        17u
#define UDP_AT     (ETHERNET_BYTES + IP_BYTES)
#define FRAME_AT   (UDP_AT + 8u)
#define MAGIC_AT   (FRAME_AT + 8u)
#define BODY_AT    (MAGIC_AT + 24u)
#define FROM_PORT  4660u
#define GET        0u
#define SET        1u
#define EXTRAS     8u /* of a SET; an answer to GET has 4 */

static struct kv *kv;
static struct served form;
static struct answer_host me = {.port = KV_PORT, .address = WEB_SERVER};
static struct lab_series series, user_series;
static uint32_t in_flight;
static uint64_t turn_entries; /* into the kernel, in the last turn */

static void serve(void)
{
    kv_serve(kv, &me, form.link);
}

static void put(uint8_t *at, uint32_t value, uint32_t bytes)
{
    for (; bytes; value >>= 8)
        at[--bytes] = (uint8_t)value;
}

static uint32_t get(const uint8_t *at, uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* The key's number in its last digits, and in each byte of the value. */
static void write_key(uint8_t *at, uint32_t number)
{
    memset(at, '0', KEY_BYTES);
    for (uint32_t i = KEY_BYTES; number; number /= 10)
        at[--i] = (uint8_t)('0' + number % 10);
}

static void lay(uint8_t opcode, uint32_t number)
{
    const uint32_t extras = opcode == SET ? EXTRAS : 0, value = opcode == SET ? VALUE : 0;
    const uint32_t body = extras + KEY_BYTES + value, bytes = BODY_AT + body - UDP_AT;
    static const uint8_t head[] = {8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP};
    struct card_pair *pair = &form.client->pairs[0];
    uint16_t buffer;

    if (!card_take(pair, &buffer))
        lab_fail(form.name, ERR_NO_MEM);
    uint8_t *p = card_packet(pair, buffer);
    memset(p, 0, BODY_AT + extras);
    memcpy(p, me.mac, sizeof me.mac);
    memcpy(p + 6, form.client->mac, 6);
    memcpy(p + 12, head, sizeof head);
    put(p + 16, IP_BYTES + bytes, 2);
    put(p + 26, WEB_ADDRESS, 4);
    put(p + 30, WEB_SERVER, 4);
    uint16_t sum = (uint16_t)~sum_fold(sum_bytes(p + ETHERNET_BYTES, IP_BYTES, 0));
    memcpy(p + 24, &sum, sizeof sum);
    put(p + UDP_AT, FROM_PORT, 2);
    put(p + UDP_AT + 2, KV_PORT, 2);
    put(p + UDP_AT + 4, bytes, 2);
    put(p + FRAME_AT, number, 2);
    put(p + FRAME_AT + 4, 1, 2);
    p[MAGIC_AT] = 0x80;
    p[MAGIC_AT + 1] = opcode;
    put(p + MAGIC_AT + 2, KEY_BYTES, 2);
    p[MAGIC_AT + 4] = (uint8_t)extras;
    put(p + MAGIC_AT + 8, body, 4);
    write_key(p + BODY_AT + extras, number);
    memset(p + BODY_AT + extras + KEY_BYTES, (uint8_t)number, value);
    sum = (uint16_t)~sum_fold(
        sum_bytes(p + UDP_AT - 8, bytes + 8, (uint64_t)net16(UDP) + net16(bytes)));
    memcpy(p + UDP_AT + 6, &sum, sizeof sum);
    card_send(pair, buffer, BODY_AT + body);
}

static bool is_answer(const uint8_t *p, uint32_t length, uint8_t opcode)
{
    const uint32_t bytes = get(p + UDP_AT + 4, 2), value = opcode == GET ? VALUE : 0;

    if (length < BODY_AT || p[23] != UDP || get(p + UDP_AT + 2, 2) != FROM_PORT ||
        p[MAGIC_AT] != 0x81 || p[MAGIC_AT + 1] != opcode || get(p + MAGIC_AT + 6, 2) ||
        get(p + MAGIC_AT + 8, 4) != value + p[MAGIC_AT + 4] || UDP_AT + bytes > length ||
        sum_fold(sum_bytes(p + UDP_AT - 8, bytes + 8, (uint64_t)net16(UDP) + net16(bytes))) !=
            0xffff)
        return false;
    for (uint32_t i = 0; i < value; i++)
        if (p[BODY_AT + p[MAGIC_AT + 4] + i] != p[FRAME_AT + 1])
            return false;
    return true;
}

static uint32_t collect(uint8_t opcode)
{
    struct card_pair *pair = &form.client->pairs[0];
    uint32_t length, count = 0;
    uint16_t buffer;

    for (; card_receive(pair, &buffer, &length); count++) {
        if (!is_answer(card_packet(pair, buffer), length, opcode))
            lab_fail(form.name, ERR_BAD_STATE);
        card_free(pair, buffer);
    }
    card_push(pair);
    return count;
}

static uint64_t exchange(uint8_t opcode, uint32_t first, uint64_t *user)
{
    for (uint32_t i = 0; i < in_flight; i++) /* all over the table */
        lay(opcode, (first + 67 * i) % KEYS);
    const uint64_t entries = lab_counters().entries, ticks = served_turn(user);
    turn_entries = lab_counters().entries - entries;
    uint32_t got = collect(opcode);
    for (uint64_t i = 0; got < in_flight && i < SERVED_PATIENCE; i++) {
        (void)virtio_pci_is_broken(&form.client->pci);
        got += collect(opcode);
    }
    if (got != in_flight)
        lab_fail(form.name, ERR_TIMEOUT);
    return ticks;
}

static void begin(const char *key, struct served what)
{
    what.name = key;
    what.serve = serve;
    form = what;
    memcpy(me.mac, form.link ? form.link->mac : KINFO->nic_mac, sizeof me.mac);
    served_use(&form);
}

static void fill(void)
{
    uint64_t user = 0;

    for (uint32_t i = 0; i < KEYS; i++) /* some of them more than once */
        exchange(SET, i, &user);
}

void lab_kv(const char *key, struct served what, uint64_t empty)
{
    static char more[32];
    const size_t length = strlen(key);
    uint64_t user = 0;

    kv = heap_alloc(sizeof *kv);
    if (!kv)
        lab_fail(key, ERR_NO_MEM);
    memset(kv, 0, sizeof *kv);
    begin(key, what);
    in_flight = IN_FLIGHT;
    fill();
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = served_begin();
        user = 0;
        uint64_t ticks = exchange(GET, 0, &user);
        served_keep(&series, i, ticks, before);
        served_keep(&user_series, i, user, before);
    }
    lab_report(key, &series, empty, IN_FLIGHT, IN_FLIGHT);
    if (!form.ring || length + sizeof ".user" > sizeof more)
        return;
    memcpy(more, key, length);
    memcpy(more + length, ".user", sizeof ".user");
    lab_report(more, &user_series, empty, IN_FLIGHT, IN_FLIGHT);
}

/* How many interrupts the card needs is its own business: a round counts when there was one. */
static void measure_handler(const char *key, uint64_t empty)
{
    uint32_t again = 0;
    uint64_t user = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        struct lab_sample before = served_begin();
        const uint64_t ticks = exchange(GET, 0, &user);
        if (turn_entries == 1)
            served_keep(&series, i++, ticks, before);
        else
            again++;
    }
    if (again == AGAIN_MOST)
        lab_fail(key, ERR_TIMEOUT);
    lab_report(key, &series, empty, ANSWERS, ANSWERS);
}

void lab_kv_graft(const char *key, struct served what, slot_t ring, uint64_t empty)
{
    struct archive archive;
    slot_t map;
    enum err e = archive_map(&archive);

    if (e == ERR_OK)
        e = kv_kernel_table(&kv, &map);
    begin(key, what);
    in_flight = IN_FLIGHT;
    fill();
    if (e == ERR_OK)
        e = kv_kernel_bind(kv, map, &me, &archive, ring);
    if (e)
        lab_fail(key, e);
    form.handled = lab_handled();
    served_use(&form);
    in_flight = ANSWERS;
    measure_handler(key, empty);
    if (kv->handled < (LAB_WARM + LAB_ROUNDS) * ANSWERS)
        lab_fail(key, ERR_BAD_STATE);
    exo_graft_bind(SLOT_NONE, ring, GRAFT_HOOK_PACKET_HANDLER);
}
