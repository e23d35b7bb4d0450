/* TCP: the bytes that go through a connection. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"

#define PIECE    (4 * TCP_MSS) /* copied in at a time */
#define MSG_MORE 0x8000u

/* Pieces that were put behind one another are counted anew, for lwIP frees by chains. */
struct pbuf *stream_take_first(struct inet_socket *s)
{
    struct pbuf *p = s->first;

    s->first = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    return p;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Bytes that can be put in now: segments are as short as the peer wants them, half of its window
 * or its maximum, and each is up to two of what lwIP counts. */
static size_t room_of(const struct inet_socket *s)
{
    const size_t used = tcp_sndqueuelen(s->tcp) + 2u, half = s->tcp->snd_wnd_max / 2;
    const size_t segments = used < TCP_SND_QUEUELEN ? (TCP_SND_QUEUELEN - used) / 2 : 0;
    const size_t bytes = half ? least(s->tcp->mss, half) : s->tcp->mss;

    return least(tcp_sndbuf(s->tcp), segments * bytes);
}

/* Copies a piece in, and has lwIP keep it. 0: there is no room now. */
static long put_piece(struct inet_socket *s, struct io *io, bool more)
{
    uint8_t piece[PIECE];
    const size_t n = least(least(room_of(s), sizeof piece), io->left);

    if (!n)
        return 0;
    const long got = io_get(io, piece, n);
    if (got <= 0)
        return got;
    const err_t e = tcp_write(s->tcp, piece, (u16_t)got,
                              (u8_t)(TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0)));
    return e == ERR_OK ? got : -ENOMEM;
}

/* May `s` send: -EPIPE and the like. */
static long check_sender(struct inet_socket *s)
{
    if (s->error)
        return socket_take_error(s);
    if (s->state == STREAM_CONNECTED && s->tcp && !s->write_shut)
        return 0;
    return s->state == STREAM_NEW || s->state == STREAM_LISTENS ? -ENOTCONN
           : s->state == STREAM_CONNECTS                        ? -EAGAIN
                                                                : -EPIPE;
}

long stream_send(struct file *f, struct io *io, uint32_t flags)
{
    struct inet_socket *s = f->buffer;
    const uint64_t deadline = inet_deadline(s->send_ns);
    const bool hold = s->corked || (flags & MSG_MORE);
    long done = 0, e = check_sender(s);

    while (!e && io->left) {
        const long n = put_piece(s, io, hold || io->left > PIECE);
        if (n > 0) {
            done += n;
            continue;
        }
        if (n < 0) {
            e = n;
            break;
        }
        tcp_output(s->tcp);
        stack_turn();
        e = check_sender(s);
        if (e || room_of(s))
            continue;
        s->is_wanted = true;
        e = inet_wait(f, flags, deadline);
        if (!e)
            e = check_sender(s);
    }
    if (s->tcp && s->state == STREAM_CONNECTED) {
        s->is_wanted |= !stream_is_writable(s);
        if (!hold)
            tcp_output(s->tcp);
    }
    stack_turn();
    return done ? done : e;
}

/* Bytes out of what waits. */
static long take(struct inet_socket *s, struct io *io, bool peek)
{
    struct pbuf *p = s->first;
    size_t skip = s->first_done;
    long done = 0;

    while (p && io->left) {
        const long n = io_put(io, (const uint8_t *)p->payload + skip, p->len - skip);
        if (n < 0)
            return done ? done : n;
        done += n;
        skip += (size_t)n;
        if (skip < p->len)
            break;
        skip = 0;
        p = p->next;
        if (!peek)
            pbuf_free(stream_take_first(s));
    }
    if (peek)
        return done;
    s->first_done = skip;
    s->queued -= (size_t)done;
    for (long left = done; s->tcp && left > 0; left -= UINT16_MAX)
        tcp_recved(s->tcp, (u16_t)(left < UINT16_MAX ? left : UINT16_MAX));
    return done;
}

/* Is there nothing more to come? Then *result says what reading gives. */
static bool is_over(struct inet_socket *s, long *result)
{
    *result = 0;
    if (s->error)
        *result = socket_take_error(s);
    else if (s->state == STREAM_NEW || s->state == STREAM_LISTENS)
        *result = -ENOTCONN;
    else if (s->state == STREAM_CONNECTS || (!s->got_end && !s->read_shut && s->tcp))
        return false;
    return true;
}

long stream_receive(struct file *f, struct io *io, uint32_t flags)
{
    struct inet_socket *s = f->buffer;
    const uint64_t deadline = inet_deadline(s->receive_ns);
    const bool peek = flags & MSG_PEEK;
    long done = 0, e = 0;

    for (bool looked = false; io->left;) {
        if (s->first) {
            const long n = take(s, io, peek);
            if (n < 0)
                return done ? done : n;
            done += n;
            if (peek || !(flags & MSG_WAITALL))
                break;
            continue;
        }
        if (is_over(s, &e))
            break;
        if (!looked) {
            stack_turn();
            looked = true;
            continue;
        }
        e = inet_wait(f, flags, deadline);
        if (e)
            break;
        looked = false;
    }
    if (done && !peek)
        stack_push(); /* says that there is room again */
    return done ? done : e;
}
