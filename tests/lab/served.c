/*
 * A server's turns. On a card of its own nothing but the server works: that is counted. Of a ring
 * the kernel does a part, whenever the card interrupts: counted is from the client's bell until it
 * has all answers; from it is taken what was spent waiting, which is counted by loops. What the
 * card says of the answers the kernel takes in the next turn. Of a packet handler all is the
 * kernel's; after the answers there is time for what the card says of them.
 */
#include "tests/lab/served.h"

#include "exo/abi/ring.h"
#include "tests/lab/wait.h"

#define SERVED_LINGER 2000u /* looks */

static struct served form;

/* The kernel's part of sending, apart from the rest. */
static bool counted_flush(struct link *l)
{
    uint64_t begin = lab_stamp();
    bool any = form.flush(l);

    form.kicks += lab_stamp() - begin;
    return any;
}

void served_use(const struct served *what)
{
    bool (*own)(struct link * l) = NULL;

    if (what->link)
        own = what->link->flush == counted_flush ? form.flush : what->link->flush;
    form = *what;
    form.flush = own;
    if (form.ring)
        form.link->flush = counted_flush;
}

static uint64_t wait_until(const volatile uint32_t *counter, uint32_t want, uint64_t limit)
{
    return wait_loops(counter, want, form.client->pci.common + VIRTIO_AT_STATUS, limit);
}

/* So many packets have come to the client since its card's index was `before`. */
static uint64_t wait_for_answers(uint16_t before, uint32_t count)
{
    return wait_used(&form.client->pairs[0].rx.used->index, (uint16_t)(before + count),
                     form.client->pci.common + VIRTIO_AT_STATUS, SERVED_PATIENCE);
}

/* The card has sent what it was shown, and what came of it is there. */
static void settle(const struct card *c)
{
    const struct virtqueue *q = &c->pairs[0].tx;

    for (uint64_t i = 0; q->used->index != q->offered; i++)
        if (virtio_pci_is_broken(&c->pci) || i > SERVED_PATIENCE)
            lab_fail(form.name, ERR_TIMEOUT);
}

static uint64_t turn_ring(uint64_t *user)
{
    const volatile struct ring_header *h = form.ring;
    uint32_t packets = card_sending(&form.client->pairs[0]);
    const uint32_t want = h->rx_done + packets, posted = h->tx_posted;
    const uint16_t before = form.client->pairs[0].rx.used->index;
    uint64_t begin = lab_stamp(), waited = 0;

    card_push(&form.client->pairs[0]);
    waited += wait_until(&h->rx_done, want, SERVED_PATIENCE);
    form.kicks = 0;
    uint64_t serving = lab_stamp();
    form.serve();
    *user += lab_stamp() - serving - form.kicks;
    waited += wait_for_answers(before, h->tx_posted - posted);
    uint64_t ticks = lab_stamp() - begin - waited * WAIT_LOOP;
    if (waited > SERVED_PATIENCE)
        lab_fail(form.name, ERR_TIMEOUT);
    return ticks;
}

static uint64_t turn_handler(void)
{
    const uint32_t want = *form.handled + card_sending(&form.client->pairs[0]);
    uint64_t begin = lab_stamp();

    card_push(&form.client->pairs[0]);
    uint64_t waited = wait_until(form.handled, want, SERVED_PATIENCE);
    if (waited > SERVED_PATIENCE)
        lab_fail(form.name, ERR_TIMEOUT);
    waited += wait_until(form.handled, want + 1, SERVED_LINGER);
    return lab_stamp() - begin - waited * WAIT_LOOP;
}

/* The kernel, the program and what is between work as they like, while this thread waits. */
static uint64_t turn_other(void)
{
    const uint32_t packets = card_sending(&form.client->pairs[0]);
    const uint16_t before = form.client->pairs[0].rx.used->index;
    const uint64_t begin = lab_stamp();

    card_push(&form.client->pairs[0]);
    uint64_t waited = wait_for_answers(before, packets);
    const bool late = waited > SERVED_PATIENCE;
    waited += wait_used(&form.client->pairs[0].rx.used->index, (uint16_t)(before - 1),
                        form.client->pci.common + VIRTIO_AT_STATUS, SERVED_LINGER);
    const uint64_t ticks = lab_stamp() - begin - waited * WAIT_LOOP;
    if (late)
        lab_fail(form.name, ERR_TIMEOUT);
    return ticks;
}

/* Of this program alone: to read all counters takes so long that the clock's interrupt falls into
 * it now and then. */
static uint64_t own_entries(void)
{
    const struct env_counts c = book_env_counts((uint32_t)book_utcb()->env);

    return book_entries(&c);
}

static uint64_t turn_card(uint64_t *user)
{
    card_push(&form.client->pairs[0]);
    settle(form.client);
    const uint64_t entries = own_entries();
    uint64_t begin = lab_stamp();
    form.serve();
    uint64_t ticks = lab_stamp() - begin;
    form.entries += own_entries() - entries;
    settle(form.card);
    *user += ticks;
    return ticks;
}

uint64_t served_turn(uint64_t *user)
{
    if (form.handled)
        return turn_handler();
    if (!form.ring && !form.card)
        return turn_other();
    return form.ring ? turn_ring(user) : turn_card(user);
}

static void linger(void)
{
    for (uint64_t j = 0; j < SERVED_QUIET; j++)
        (void)virtio_pci_is_broken(&form.client->pci);
}

void served_turn_quietly(void)
{
    card_push(&form.client->pairs[0]);
    settle(form.client);
    linger();
    form.serve();
    linger();
}

struct lab_sample served_begin(void)
{
    form.entries = 0;
    return lab_counters();
}

/* Meanwhile the clock interrupts what the client does, which is longer than a millisecond when it
 * adds up a megabyte. */
void served_keep(struct lab_series *s, uint32_t round, uint64_t ticks, struct lab_sample before)
{
    lab_keep(s, round, ticks, before);
    if (form.card && round >= LAB_WARM)
        s->rounds[round - LAB_WARM].entries = form.entries;
}
