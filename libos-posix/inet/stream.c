/* TCP: connections, how they come about and end. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/process/task.h"

#define BACKLOG_MOST 4096 /* as /proc/sys/net/core/somaxconn says */

/* Of sockets that share a port one has lwIP's listener, for all. */
bool stream_has_room(const struct inet_socket *s)
{
    struct inet_socket *o = NULL;

    if (s->pending_count < s->pending_most)
        return true;
    while (s->reuse_port && (o = share_next(s, o)) != NULL)
        if (o->pending_count < o->pending_most)
            return true;
    return false;
}

/* Whose is a connection from there? One that has room. */
static struct inet_socket *choose(struct inet_socket *s, const struct tcp_pcb *pcb)
{
    struct inet_socket *chosen = share_pick(s, &pcb->remote_ip, pcb->remote_port), *o = NULL;

    if (chosen->pending_count < chosen->pending_most)
        return chosen;
    while (s->pending_count == s->pending_most && (o = share_next(s, o)) != NULL)
        if (o->pending_count < o->pending_most)
            return o;
    return s;
}

/* lwIP's listener goes to another that shares the port; false: there is none. */
static bool hand_on(struct inet_socket *s)
{
    struct inet_socket *o = s->reuse_port ? share_next(s, NULL) : NULL;

    if (!o || !s->tcp)
        return o;
    o->tcp = s->tcp;
    s->tcp = NULL;
    tcp_arg(o->tcp, o);
    return true;
}

/* Of a connection, not of a listener. */
static void forget_calls(struct inet_socket *s)
{
    tcp_arg(s->tcp, NULL);
    tcp_recv(s->tcp, NULL);
    tcp_sent(s->tcp, NULL);
    tcp_err(s->tcp, NULL);
    s->tcp = NULL;
}

static void forget(struct inet_socket *s)
{
    if (s->state != STREAM_LISTENS) {
        forget_calls(s);
        return;
    }
    tcp_arg(s->tcp, NULL);
    s->tcp = NULL;
}

/* When both have said that they send no more, lwIP ends the connection without a further word. */
static void end_if_both(struct inet_socket *s)
{
    if (s->tcp && s->got_end && s->write_shut)
        forget(s);
}

static void on_error(void *argument, err_t e)
{
    struct inet_socket *s = argument;

    if (!s)
        return;
    s->tcp = NULL;
    if (s->state == STREAM_CONNECTS)
        s->error = e == ERR_RST ? ECONNREFUSED : ETIMEDOUT;
    else if (e != ERR_CLSD)
        s->error = e == ERR_RST ? ECONNRESET : ETIMEDOUT;
    s->state = STREAM_OVER;
    inet_wake(s);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t e)
{
    struct inet_socket *s = argument;

    (void)e;
    if (!p) {
        s->got_end = true;
        end_if_both(s);
        inet_wake(s);
        return ERR_OK;
    }
    if (s->read_shut) { /* as if it had been read */
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    s->queued += p->tot_len;
    if (s->first)
        s->last->next = p;
    else
        s->first = p;
    while (p->next)
        p = p->next;
    s->last = p;
    inet_wake(s);
    return ERR_OK;
}

bool stream_is_writable(const struct inet_socket *s)
{
    const uint32_t third = s->send_most / 3;

    return tcp_sndbuf(s->tcp) >= (third < TCP_SNDLOWAT ? third : TCP_SNDLOWAT) &&
           tcp_sndqueuelen(s->tcp) < TCP_SNDQUEUELOWAT;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
    struct inet_socket *s = argument;

    (void)pcb, (void)bytes;
    if (s->is_wanted && stream_is_writable(s)) {
        s->is_wanted = false;
        inet_wake(s);
    }
    return ERR_OK;
}

/* Within this machine there is nothing to be gained by holding small pieces back. */
void stream_delay(struct inet_socket *s)
{
    if (!s->tcp || s->state == STREAM_LISTENS)
        return;
    if (s->no_delay || ip_addr_isloopback(&s->remote) || ip_addr_cmp(&s->remote, &s->local))
        tcp_nagle_disable(s->tcp);
    else
        tcp_nagle_enable(s->tcp);
}

static void take_names(struct inet_socket *s)
{
    s->local = s->tcp->local_ip;
    s->local_port = s->tcp->local_port;
    s->remote = s->tcp->remote_ip;
    s->remote_port = s->tcp->remote_port;
    stream_delay(s);
}

static void adopt(struct inet_socket *s, struct tcp_pcb *pcb)
{
    s->tcp = pcb;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t e)
{
    struct inet_socket *s = argument;

    (void)pcb, (void)e;
    s->state = STREAM_CONNECTED;
    take_names(s);
    inet_wake(s);
    return ERR_OK;
}

/* A connection to a listener has come about. */
static err_t on_accepted(void *argument, struct tcp_pcb *pcb, err_t e)
{
    struct inet_socket *s = argument, **end;

    if (!s || e != ERR_OK || !pcb)
        return ERR_VAL;
    struct inet_socket *made = socket_make(s->domain, SOCK_STREAM);
    if (!made)
        return ERR_MEM; /* lwIP aborts it */
    made->state = STREAM_CONNECTED;
    made->keep_alive = s->keep_alive;
    made->no_delay = s->no_delay;
    made->linger = s->linger;
    made->v6_only = s->v6_only;
    made->owner = s->owner;
    adopt(made, pcb);
    take_names(made);
    made->send_most = TCP_SND_BUF;
    if (s->send_most != TCP_SND_BUF)
        stream_send_most(made, s->send_most);
    if (s->reuse_port)
        s = choose(s, pcb);
    for (end = &s->pending; *end;)
        end = &(*end)->pending_next;
    *end = made;
    s->pending_count++;
    inet_wake(s);
    return ERR_OK;
}

long stream_create(struct inet_socket *s)
{
    const bool both = s->domain == AF_INET6 && !s->v6_only;
    struct tcp_pcb *pcb = tcp_new_ip_type(both                    ? IPADDR_TYPE_ANY
                                          : s->domain == AF_INET6 ? IPADDR_TYPE_V6
                                                                  : IPADDR_TYPE_V4);
    if (!pcb)
        return -ENOMEM;
    s->state = STREAM_NEW;
    s->got_end = s->write_shut = s->read_shut = false;
    adopt(s, pcb);
    option_apply(s);
    const uint32_t wanted = s->send_most;
    s->send_most = TCP_SND_BUF;
    if (wanted)
        stream_send_most(s, wanted);
    return 0;
}

/* What was written already stays. */
void stream_send_most(struct inet_socket *s, uint32_t bytes)
{
    bytes = bytes < TCP_SND_BUF ? bytes : TCP_SND_BUF;
    if (s->tcp && s->state != STREAM_LISTENS) {
        const uint32_t used = s->send_most - (uint32_t)s->tcp->snd_buf;
        bytes = bytes > used ? bytes : used;
        s->tcp->snd_buf = bytes - used;
    }
    s->send_most = bytes;
    inet_wake(s); /* there may be room now */
}

void stream_close(struct inet_socket *s)
{
    while (s->pending) {
        struct inet_socket *c = s->pending;
        s->pending = c->pending_next;
        s->pending_count--;
        c->linger = 0;
        stream_close(c);
        socket_forget(c);
    }
    while (s->first)
        pbuf_free(stream_take_first(s));
    s->queued = s->first_done = 0;
    const bool listens = s->state == STREAM_LISTENS;
    if (listens && hand_on(s))
        return;
    struct tcp_pcb *pcb = s->tcp;
    if (!pcb)
        return;
    forget(s);
    if (listens)
        tcp_accept(pcb, NULL);
    if (!listens && s->linger == 0)
        tcp_abort(pcb);
    else if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

long stream_bind(struct inet_socket *s, const ip_addr_t *address, uint16_t port)
{
    if (s->bound || s->state != STREAM_NEW)
        return -EINVAL;
    const err_t e = tcp_bind(s->tcp, address, port);
    if (e != ERR_OK)
        return inet_error(e);
    s->bound = true;
    s->local = s->tcp->local_ip;
    s->local_port = s->tcp->local_port;
    return 0;
}

long stream_listen(struct file *f, int backlog)
{
    struct inet_socket *s = f->buffer;
    const int most = backlog < 1 ? 1 : backlog > BACKLOG_MOST ? BACKLOG_MOST : backlog;
    err_t e = ERR_OK;

    if (s->state == STREAM_LISTENS) {
        s->pending_most = (unsigned)most;
        return 0;
    }
    if (s->state != STREAM_NEW)
        return -EINVAL;
    long bound =
        s->bound ? 0 : stream_bind(s, s->domain == AF_INET6 ? IP6_ADDR_ANY : IP4_ADDR_ANY, 0);
    if (bound)
        return bound;
    s->pending_most = (unsigned)most;
    s->state = STREAM_LISTENS;
    if (s->reuse_port && share_next(s, NULL)) { /* which has lwIP's listener */
        struct tcp_pcb *own = s->tcp;
        forget_calls(s);
        tcp_close(own);
        return 0;
    }
    struct tcp_pcb *pcb = tcp_listen_with_backlog_and_err(s->tcp, UINT8_MAX, &e);
    if (!pcb) {
        s->state = STREAM_NEW;
        return inet_error(e);
    }
    s->tcp = pcb;
    tcp_arg(pcb, s);
    tcp_accept(pcb, on_accepted);
    return 0;
}

long stream_accept(struct file *f, void **out)
{
    struct inet_socket *s = f->buffer;
    const uint64_t deadline = inet_deadline(s->receive_ns);

    if (s->state != STREAM_LISTENS)
        return -EINVAL;
    for (stack_turn(); !s->pending; stack_turn()) {
        const long e = inet_wait(f, 0, deadline);
        if (e)
            return e;
    }
    struct inet_socket *made = s->pending;
    s->pending = made->pending_next;
    s->pending_count--;
    made->pending_next = NULL;
    *out = made;
    return 0;
}

static long begin_connect(struct inet_socket *s, const ip_addr_t *address, uint16_t port)
{
    if (!s->tcp) { /* it failed before */
        const long e = stream_create(s);
        if (e)
            return e;
    }
    const err_t e = tcp_connect(s->tcp, address, port, on_connected);
    if (e == ERR_OK)
        take_names(s);
    return e == ERR_VAL ? -ENETUNREACH : inet_error(e);
}

long stream_connect(struct file *f, const ip_addr_t *address, uint16_t port)
{
    struct inet_socket *s = f->buffer;
    const uint64_t deadline = inet_deadline(s->send_ns);
    long e;

    if (s->state == STREAM_CONNECTED)
        return -EISCONN;
    if (s->state == STREAM_LISTENS)
        return -EISCONN;
    if (s->state == STREAM_OVER && s->error)
        return socket_take_error(s);
    if (s->state == STREAM_CONNECTS && (f->flags & O_NONBLOCK))
        return -EALREADY;
    if (s->state != STREAM_CONNECTS) {
        e = begin_connect(s, address, port);
        if (e)
            return e;
        s->state = STREAM_CONNECTS;
    }
    for (stack_turn(); s->state == STREAM_CONNECTS; stack_turn()) {
        e = inet_wait(f, 0, deadline);
        if (e)
            return e == -EAGAIN ? -EINPROGRESS : e;
    }
    return s->error ? socket_take_error(s) : 0;
}

long stream_shutdown(struct file *f, unsigned how)
{
    struct inet_socket *s = f->buffer;

    if (s->state == STREAM_LISTENS && how != 1) { /* who waits for a connection is told */
        const bool is_handed_on = hand_on(s);
        s->state = STREAM_OVER;
        struct tcp_pcb *pcb = s->tcp;
        s->tcp = NULL;
        if (!is_handed_on) {
            tcp_arg(pcb, NULL);
            tcp_close(pcb);
        }
        inet_wake(s);
        return 0;
    }
    if (s->state != STREAM_CONNECTED)
        return -ENOTCONN;
    s->read_shut |= how != 1;
    if (how && !s->write_shut) {
        s->write_shut = true;
        if (s->tcp)
            tcp_shutdown(s->tcp, 0, 1);
        end_if_both(s);
    }
    stack_turn();
    inet_wake(s);
    return 0;
}

/* May more be sent? Who asks is told when it may (on_sent). */
static bool has_room(struct inet_socket *s)
{
    const bool room = !s->tcp || s->write_shut || stream_is_writable(s);

    s->is_wanted |= !room;
    return room;
}

uint16_t stream_poll(struct inet_socket *s)
{
    const uint16_t in = POLLIN | POLLRDNORM, out = POLLOUT | POLLWRNORM;
    const bool ended = s->got_end || s->read_shut;

    switch (s->state) {
    case STREAM_LISTENS:
        return s->pending ? in : 0;
    case STREAM_NEW:
        return out | POLLHUP;
    case STREAM_CONNECTS:
        return 0;
    case STREAM_CONNECTED:
        return (uint16_t)((s->first || ended ? in : 0) | (ended ? POLLRDHUP : 0) |
                          (has_room(s) ? out : 0) | (s->write_shut && ended ? POLLHUP : 0));
    default:
        return (uint16_t)(in | out | POLLHUP | POLLRDHUP | (s->error ? POLLERR : 0));
    }
}
