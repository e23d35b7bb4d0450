/* lwIP in the arena: its memory, its time, its start, and serving it. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/process/task.h"
#include "libos-posix/process/timer.h"

#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#define RESTING_MOST 512u /* closed connections whose ports rest */

/* Sums that packets within this machine do not have. */
#define WITHIN                                                                                     \
    (NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_CHECK_TCP |                  \
     NETIF_CHECKSUM_CHECK_UDP)

struct inet_socket *inet_sockets;
static bool begun;
static uint64_t told; /* when the keeper will look, as it was told */

struct block {
    size_t bytes;
    uint64_t pad; /* what follows is aligned to 16 bytes, as the heap is */
    uint8_t contents[];
};

void *inet_malloc(size_t bytes)
{
    const size_t whole = sizeof(struct block) + bytes;
    struct block *b = whole <= HEAP_MOST ? core_heap_take(&arena_get()->heap, whole) : NULL;

    if (!b)
        return NULL;
    b->bytes = whole;
    return b->contents;
}

void *inet_calloc(size_t count, size_t bytes)
{
    size_t whole;
    void *memory = __builtin_mul_overflow(count, bytes, &whole) ? NULL : inet_malloc(whole);

    return memory ? memset(memory, 0, whole) : NULL;
}

void inet_free(void *memory)
{
    struct block *b = (struct block *)((uint8_t *)memory - sizeof *b);

    core_heap_free(&arena_get()->heap, b, b->bytes);
}

void *inet_take(size_t bytes)
{
    return core_heap_alloc(&arena_get()->heap, bytes);
}

uint32_t inet_random(void)
{
    uint32_t value;

    port_entropy(&value, sizeof value);
    return value;
}

/* Milliseconds since some moment; wraps, as lwIP expects. */
u32_t sys_now(void)
{
    return (u32_t)(port_monotonic_ns() / NS_PER_MILLISECOND);
}

long inet_error(err_t e)
{
    switch (e) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return -ENOMEM;
    case ERR_TIMEOUT:
        return -ETIMEDOUT;
    case ERR_RTE:
        return -ENETUNREACH;
    case ERR_INPROGRESS:
        return -EINPROGRESS;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_ISCONN:
    case ERR_ALREADY:
        return -EISCONN;
    case ERR_CONN:
    case ERR_CLSD:
        return -ENOTCONN;
    case ERR_ABRT:
    case ERR_RST:
        return -ECONNRESET;
    case ERR_IF:
        return -ENETDOWN;
    default:
        return -EINVAL;
    }
}

long stack_begin(void)
{
    if (begun)
        return 0;
    begun = true;
    told = PORT_FOREVER;
    lwip_init();
    netif_list->chksum_flags =
        (u16_t)(NETIF_CHECKSUM_ENABLE_ALL & ~WITHIN); /* the loop, which is the first */
    datagram_watch();
    interface_watch();
    return 0;
}

/* The oldest is last. */
static void let_oldest_go(void)
{
    struct tcp_pcb *last = tcp_tw_pcbs;
    unsigned count = 0;

    for (struct tcp_pcb *pcb = last; pcb; pcb = pcb->next, count++)
        last = pcb;
    if (count > RESTING_MOST)
        tcp_abort(last);
}

/* On a whole millisecond, as lwIP counts: so that it is the same until a timer changes. */
static uint64_t next_due(void)
{
    const uint32_t pause = sys_timeouts_sleeptime();

    return pause == SYS_TIMEOUTS_SLEEPTIME_INFINITE
               ? PORT_FOREVER
               : (port_monotonic_ns() / NS_PER_MILLISECOND + pause) * NS_PER_MILLISECOND;
}

void stack_push(void)
{
    struct netif *n;

    NETIF_FOREACH(n)
    if (n->loop_first)
        netif_poll(n);
    card_flush();
}

/* No timer is due before the keeper is to look. */
static void serve(void)
{
    card_receive();
    if (port_monotonic_ns() >= told)
        sys_check_timeouts();
    stack_push();
}

/* Timers that lwIP has set meanwhile are the keeper's to look at. */
void stack_turn(void)
{
    serve();
    const uint64_t due = next_due();
    if (due < told) {
        told = due;
        timer_changed(arena_get());
    }
}

uint64_t stack_run(struct arena *a)
{
    (void)a;
    if (!begun)
        return PORT_FOREVER;
    serve();
    let_oldest_go();
    told = next_due();
    return told;
}

bool stack_is_busy(void)
{
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; begun && pcb; pcb = pcb->next)
        if (!pcb->callback_arg && (pcb->unsent || pcb->unacked))
            return true;
    return false;
}

static const char *check_socket(const struct inet_socket *s)
{
    size_t bytes = 0, pending = 0;

    if (s->tcp && s->tcp->callback_arg != s)
        return "I1: a connection does not know its socket";
    for (const struct pbuf *p = s->first; p; p = p->next)
        bytes += p->len;
    for (const struct packet *p = s->first_packet; p; p = p->next)
        bytes += p->bytes->tot_len;
    if (bytes - s->first_done != s->queued)
        return "I2: the bytes that wait at a socket are counted wrongly";
    for (const struct inet_socket *c = s->pending; c; c = c->pending_next)
        pending++;
    return pending == s->pending_count ? NULL : "I3: connections that wait are counted wrongly";
}

const char *stack_check(const struct arena *a)
{
    const char *broken = NULL;

    (void)a;
    for (const struct inet_socket *s = inet_sockets; s && !broken; s = s->next)
        broken = check_socket(s);
    return broken;
}

uint64_t inet_deadline(uint64_t ns)
{
    return ns ? port_monotonic_ns() + ns : PORT_FOREVER;
}

long inet_wait(struct file *f, uint32_t flags, uint64_t deadline)
{
    if ((f->flags & O_NONBLOCK) || (flags & MSG_DONTWAIT))
        return -EAGAIN;
    const long e = task_sleep(task_current(), f->buffer, deadline);
    return e == -ETIMEDOUT ? -EAGAIN : e;
}

void inet_wake(struct inet_socket *s)
{
    if (s->file)
        epoll_tell(s->file);
    task_wake_pollers(arena_get(), s);
}
