/*
 * The key-value store's packet handler: what it answers is byte for byte what the program would,
 * what it does not go to the ring, and what it says is never half of one value and half of another,
 * whoever changes it meanwhile. Another card on the wire asks.
 */
#include "exo/abi/graft.h"
#include "libos-net/card.h"
#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv_kernel.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define PATIENCE   ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define UDP_AT     (ETHERNET_BYTES + IP_BYTES)
#define HEADS_END  ((uint32_t)sizeof(struct kv_packet))
#define PORT       11211u
#define CLIENT     0x0a000210u
#define EXTRAS     8u /* of a SET */
#define LONG_AGO   1u /* second */
#define PACKET     1514u
#define CHANGES    20000u /* of one item, while it is asked for */
#define CHANGED    "which"
#define VALUE      500u
#define MANY       12u /* at once: more than may be on their way */
#define AT_KEY     HEADS_END
#define AT_TYPE    12u
#define AT_VERSION 14u
#define AT_PIECES  20u
#define AT_IP_SUM  24u
#define AT_FROM    26u
#define AT_PORT    36u
#define AT_UDP_SUM 40u
#define AT_NUMBER  46u
#define AT_MAGIC   50u
#define AT_OPCODE  51u
#define AT_EXTRAS  54u
#define AT_BODY    61u

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct rig rig;
static struct kv *kv;
static struct answer_host me = {.port = PORT, .address = RIG_ADDRESS};
static uint8_t request[PACKET], answer[PACKET], want[PACKET];
static uint32_t bytes; /* of the request */

static void put(uint8_t *at, uint64_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        at[i] = (uint8_t)(value >> 8 * (count - 1 - i));
}

static void put_sums(void)
{
    const uint32_t udp = bytes - UDP_AT;

    memset(request + AT_IP_SUM, 0, 2);
    memset(request + AT_UDP_SUM, 0, 2);
    uint16_t sum = (uint16_t)~sum_fold(sum_bytes(request + ETHERNET_BYTES, IP_BYTES, 0));
    memcpy(request + AT_IP_SUM, &sum, 2);
    sum = (uint16_t)~sum_fold(
        sum_bytes(request + AT_FROM, udp + 8, (uint64_t)net16(17) + net16(udp)));
    memcpy(request + AT_UDP_SUM, &sum, 2);
}

static void make(uint8_t opcode, const void *key, uint32_t key_bytes, uint32_t value_bytes)
{
    static const uint8_t head[] = {8, 0, IP_PLAIN, 0, 0, 0, 0, 0, 0, 0, 64, 17};
    const uint32_t extras = opcode == KV_SET ? EXTRAS : 0, body = extras + key_bytes + value_bytes;

    bytes = HEADS_END + body;
    memset(request, 0, sizeof request);
    memcpy(request, me.mac, 6);
    memcpy(request + 6, card.mac, 6);
    memcpy(request + AT_TYPE, head, sizeof head);
    put(request + 16, bytes - ETHERNET_BYTES, 2);
    put(request + AT_FROM, CLIENT, 4);
    put(request + 30, RIG_ADDRESS, 4);
    put(request + 34, 4660, 2);
    put(request + AT_PORT, PORT, 2);
    put(request + 38, bytes - UDP_AT, 2);
    put(request + 42, 0xabcd, 2);
    put(request + AT_NUMBER, 1, 2);
    request[AT_MAGIC] = KV_REQUEST;
    request[AT_OPCODE] = opcode;
    put(request + 52, key_bytes, 2);
    request[AT_EXTRAS] = (uint8_t)extras;
    put(request + 58, body, 4);
    put(request + 62, 0x12345678, 4);
    memcpy(request + AT_KEY + extras, key, key_bytes);
}

/* What the program does with a SET: all bytes of the value are `fill`, and so are the flags. */
static void set(const void *key, uint32_t key_bytes, uint32_t value_bytes, uint8_t fill,
                uint32_t ends)
{
    make(KV_SET, key, key_bytes, value_bytes);
    memset(request + AT_KEY, fill, 4);
    put(request + AT_KEY + 4, ends, 4);
    memset(request + AT_KEY + EXTRAS + key_bytes, fill, value_bytes);
    put_sums();
    kv_answer_packet(kv, &me, request, bytes, want);
}

static void send(void)
{
    uint16_t buffer;

    card_take(pair, &buffer);
    memcpy(card_packet(pair, buffer), request, bytes < 60 ? 60 : bytes);
    card_send(pair, buffer, bytes < 60 ? 60 : bytes);
}

/* Takes an answer; its length, or 0. */
static uint32_t take_answer(void)
{
    uint32_t length;
    uint16_t buffer;

    if (!card_receive(pair, &buffer, &length))
        return 0;
    memcpy(answer, card_packet(pair, buffer), length < PACKET ? length : PACKET);
    card_free(pair, buffer);
    card_push(pair);
    return length;
}

static bool take_from_ring(void)
{
    uint32_t at, length;

    if (!ring_receive(&rig.ring, &at, &length))
        return false;
    ring_rx_free(&rig.ring, at);
    return true;
}

/* Sends the request and waits for its answer: its length; or 0, and it was for the ring. */
static uint32_t ask(void)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    uint32_t length = 0;

    send();
    card_push(pair);
    while (!(length = take_answer()) && !take_from_ring())
        if (cpu_ticks() > deadline)
            return UINT32_MAX;
    return length;
}

/* The kernel's answer is the program's; but for what the program counts. */
static bool is_answered_alike(uint8_t opcode, const void *key, uint32_t key_bytes)
{
    static const uint8_t idle[] = {15, 18, 19, 22, 48, 55, 57}; /* what no request is known by */

    make(opcode, key, key_bytes, 0);
    for (uint32_t i = 0; i < sizeof idle; i++)
        request[idle[i]] = (uint8_t)(opcode + i);
    put_sums();
    const uint32_t length = ask(), wanted = kv_answer_packet(kv, &me, request, bytes, want);

    return length && length == wanted && !memcmp(answer, want, length);
}

static void test_answers(void)
{
    static const uint32_t keys[] = {1, 7, 8, 9, 16, 37, KV_KEY_MOST},
                          values[] = {0, 1, 2, 99, KV_VALUE_MOST};
    static uint8_t key[KV_KEY_MOST];
    const uint64_t before = kv->handled;
    bool good = true;

    for (uint32_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 5 + 1);
    for (uint32_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        for (uint32_t n = 0; n < sizeof values / sizeof values[0]; n++) {
            set(key, keys[i], values[n], (uint8_t)(16 * i + n), 0);
            for (uint8_t code = KV_GET; code <= KV_GET_KEY_QUIET; code++)
                if (code == KV_GET || code == KV_GET_QUIET || code >= KV_GET_KEY)
                    good = good && is_answered_alike(code, key, keys[i]);
        }
    tap_ok(good, "keys and values of all lengths are answered as the program would");
    tap_is((long)(kv->handled - before), 7 * 5 * 4, "by the kernel, and counted");
    set("sum", 3, 0, 0, 0);
    make(KV_GET, "sum", 3, 0);
    memset(request + AT_UDP_SUM, 0, 2);
    put(request + AT_IP_SUM, 0, 2);
    const uint16_t ip = (uint16_t)~sum_fold(sum_bytes(request + ETHERNET_BYTES, IP_BYTES, 0));
    memcpy(request + AT_IP_SUM, &ip, 2);
    tap_is(ask(), HEADS_END + 4, "and who makes no sum is");
}

/* Asks for what is there, with one byte of the request changed, and its sums right if `summed`. */
static bool goes_to_ring(uint32_t at, uint8_t changes, bool summed)
{
    make(KV_GET, "there", 5, 0);
    put_sums();
    request[at] ^= changes;
    if (summed)
        put_sums();
    return ask() == 0;
}

static void test_ring(void)
{
    static const struct {
        uint32_t at;
        uint8_t changes;
        bool summed;
        const char *what;
    } rows[] = {
        {AT_KEY, 1, true, "a key that is not there"},
        {AT_KEY + 4, 1, true, "and one that differs at its end"},
        {AT_KEY, 1, false, "a wrong sum"},
        {AT_IP_SUM, 1, false, "a wrong sum of IP"},
        {AT_VERSION, 3, true, "options"},
        {AT_PIECES, 0x20, true, "a piece"},
        {AT_FROM, 0xe0, true, "a sender that is many"},
        {AT_PORT, 1, true, "another port"},
        {AT_NUMBER, 1, true, "a request of several datagrams"},
        {AT_MAGIC, 1, true, "an answer"},
        {AT_OPCODE, 4, true, "a DELETE"},
        {AT_EXTRAS, 1, true, "extras"},
        {AT_BODY, 1, true, "lengths that do not agree"},
        {53, 1, true, "nor here"},
        {53, 0xff, true, "a key that the packet has not"},
        {6, 1, true, "a link address that is many"},
    };

    set("there", 5, 10, 1, 0);
    tap_ok(is_answered_alike(KV_GET, "there", 5), "what is there is answered");
    const uint64_t before = kv->handled;
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tap_ok(goes_to_ring(rows[i].at, rows[i].changes, rows[i].summed), rows[i].what);
    make(KV_GET, "there", 5, 0);
    bytes -= 2; /* the packet ends within the key */
    put_sums();
    tap_is(ask(), 0, "a packet that is cut short");
    tap_is((long)(kv->handled - before), 0, "are the ring's");
}

static struct kv_item *item_of(const char *key)
{
    for (unsigned i = 0; i < KV_SETS * KV_PLACES; i++)
        if (kv->items[0][i].version && !memcmp(kv->items[0][i].bytes, key, strlen(key)))
            return &kv->items[0][i];
    return NULL;
}

static void test_times(void)
{
    const uint64_t now = clock_realtime_ns() / CLOCK_NS_PER_S;
    struct kv_item *item;

    kv->second = now;
    set("late", 4, 10, 1, (uint32_t)now + 1000000);
    tap_ok(is_answered_alike(KV_GET, "late", 4), "what ends later is answered");
    item = item_of("late");
    item->ends = LONG_AGO;
    make(KV_GET, "late", 4, 0);
    put_sums();
    tap_is(ask(), 0, "what has ended is the ring's");
    item->ends = 0;
    item->turn++;
    tap_is(ask(), 0, "and what is being changed");
    item->turn++;
    const uint64_t asked = item->asked;
    tap_is(ask(), HEADS_END + 4 + 10, "until it is done");
    tap_ok(item->asked > asked && item->asked == kv->asked, "that it was asked for is known");
    item->value_bytes = KV_VALUE_MOST + 1;
    tap_is(ask(), 0, "lengths that cannot be are believed by nobody");
    item->value_bytes = 10;
}

static volatile bool changing;

/* Writes its item again and again, each time of another byte and length. */
static void change(void *unused)
{
    static uint8_t own[PACKET], to[PACKET];
    const uint32_t length = bytes;

    (void)unused;
    memcpy(own, request, length);
    for (uint32_t i = 0; i < CHANGES; i++) {
        memset(own + AT_KEY, (int)(i & 0xff), 4);
        memset(own + AT_KEY + EXTRAS + sizeof CHANGED - 1, (int)(i & 0xff), VALUE);
        memset(own + AT_UDP_SUM, 0, 2);
        kv_answer_packet(kv, &me, own, length, to);
    }
    __atomic_store_n(&changing, false, __ATOMIC_RELEASE);
}

/* All bytes are one, and the sum is right. */
static bool is_whole(uint32_t length)
{
    const uint32_t udp = length - UDP_AT;

    for (uint32_t i = HEADS_END; i < length; i++)
        if (answer[i] != answer[HEADS_END])
            return false;
    return length == HEADS_END + 4 + VALUE &&
           sum_fold(sum_bytes(answer + AT_FROM, udp + 8, (uint64_t)net16(17) + net16(udp))) ==
               0xffff;
}

static void test_changes(void)
{
    static struct thread t;
    uint32_t length, whole = 0, wrong = 0, odd = 0;

    set(CHANGED, sizeof CHANGED - 1, VALUE, 0, 0);
    changing = true;
    tap_is(
        thread_run(&t, change, NULL, KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE, THREAD_PRIORITY),
        ERR_OK, "somebody changes an item without end");
    while (request[AT_OPCODE] != KV_GET || __atomic_load_n(&changing, __ATOMIC_ACQUIRE)) {
        make(KV_GET, CHANGED, sizeof CHANGED - 1, 0);
        put_sums();
        length = ask();
        whole += length && is_whole(length);
        wrong += length && !is_whole(length);
        odd += !length;
    }
    thread_join(&t);
    tap_ok(whole > 0, "it is answered meanwhile");
    tap_is(wrong, 0, "each answer is one value");
    tap_note("%u answers, %u for the ring", whole, odd);
}

static void test_many(void)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    uint32_t answered = 0, passed = 0;

    set("many", 4, KV_VALUE_MOST, 7, 0);
    make(KV_GET, "many", 4, 0);
    put_sums();
    for (uint32_t i = 0; i < MANY; i++)
        send();
    card_push(pair);
    while (answered + passed < MANY && cpu_ticks() < deadline) {
        answered += take_answer() == HEADS_END + 4 + KV_VALUE_MOST;
        passed += take_from_ring();
    }
    tap_is(answered + passed, MANY,
           "what finds no room for its answer is the ring's, none is lost");
}

static bool open_both(void)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    uint32_t function = 0;

    if (virtio_pci_find(VIRTIO_NET, 0, &function) || card_open(&card, SLOT_PCI, function))
        return false;
    memcpy(me.mac, KINFO->nic_mac, sizeof me.mac);
    rig_prepare(&rig);
    return rig_create(&rig) == ERR_OK && exo_ring_keys(rig.slot, (vaddr_t)&all, 1) == ERR_OK;
}

int main(void)
{
    struct archive archive;
    slot_t map;

    if (libos_setup() != ERR_OK || archive_map(&archive) != ERR_OK)
        return 1;
    tap_ok(open_both(), "two cards on one wire");
    tap_is(kv_kernel_table(&kv, &map), ERR_OK, "a table that grafts see");
    tap_is(kv_kernel_bind(kv, map, &me, &archive, rig.slot), ERR_OK, "bind the handler");
    test_answers();
    test_ring();
    test_times();
    test_many();
    test_changes();
    return tap_done();
}
