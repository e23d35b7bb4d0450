/* HTTP/1.1 connections on lwIP's raw TCP API. */
#include "libos-net/examples/http_server.h"

#include "libos-net/examples/http_text.h"

#include <string.h>

#include <lwip/sys.h>
#include <lwip/tcp.h>

#define HEAD_ROOM   4096u /* an answer's head, with the longest Location */
#define POLL_EVERY  2u    /* half seconds                                */
#define WRITE_LEAST 512u  /* bytes: smaller pieces are not tried         */

struct connection {
    struct tcp_pcb *pcb; /* NULL: this record is free */
    uint32_t since;      /* sys_now() when it last got on */
    uint32_t begun;      /* sys_now() when the answer began */

    struct pbuf *pending;    /* received, not taken yet */
    uint16_t pending_offset; /* bytes of it taken */
    char request[HTTP_HEAD_MAX];
    size_t request_count;
    uint32_t skip; /* bytes of a request's body still to be dropped */
    bool ended;    /* the client sends no more */
    bool closing;  /* no further request is read */

    bool answering;
    char head[HEAD_ROOM];
    size_t head_count, head_sent;
    struct http_content content;
    size_t body_left;
    uint32_t unacked; /* bytes given to TCP that have not arrived */
};

static struct connection connections[HTTP_CONNECTIONS];
static struct http_figures figures;

const struct http_figures *http_figures(void)
{
    return &figures;
}

/* Gives the record back. The pcb is gone, or on its way. */
static void release(struct connection *c)
{
    if (c->pending)
        pbuf_free(c->pending);
    if (c->content.page)
        http_release(c->content.page);
    c->pending = NULL;
    c->content.page = NULL;
    c->pcb = NULL;
    figures.connections--;
}

static void detach(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

static void turn_out(struct connection *c)
{
    struct tcp_pcb *pcb = c->pcb;

    detach(pcb);
    release(c);
    figures.turned_out++;
    tcp_abort(pcb);
}

/* All was sent and has arrived. When lwIP is out of memory the poll tries again. */
static void close_connection(struct connection *c)
{
    struct tcp_pcb *pcb = c->pcb;

    if (c->pending) { /* what is not read would turn the end into a reset */
        tcp_recved(pcb, (u16_t)(c->pending->tot_len - c->pending_offset));
        pbuf_free(c->pending);
        c->pending = NULL;
    }
    if (tcp_close(pcb) != ERR_OK)
        return;
    detach(pcb);
    release(c);
}

static void write_head(struct connection *c, enum http_status status, bool keep_alive,
                       const char *path)
{
    struct http_text t = {c->head, sizeof c->head, 0};

    http_put(&t, "HTTP/1.1 ");
    http_put_number(&t, status);
    http_put(&t, " ");
    http_put(&t, http_reason(status));
    http_put(&t, "\r\nDate: ");
    http_put_date(&t, http_seconds());
    http_put(&t, "\r\nServer: exo4\r\nContent-Type: ");
    http_put(&t, c->content.type);
    http_put(&t, "\r\nContent-Length: ");
    http_put_number(&t, c->content.count);
    if (status == HTTP_BAD_METHOD)
        http_put(&t, "\r\nAllow: GET, HEAD");
    if (status == HTTP_MOVED) {
        http_put(&t, "\r\nLocation: ");
        http_put_url(&t, path);
        http_put(&t, "/");
    }
    http_put(&t,
             keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
    LWIP_ASSERT("a head fits its room", !http_text_is_cut(&t));
    c->head_count = t.used;
    c->head_sent = 0;
}

/* Begins the answer to what http_parse said of a request. */
static void begin_answer(struct connection *c, enum http_status status,
                         const struct http_request *r)
{
    bool keep_alive = status == HTTP_OK && r->keep_alive;

    c->content = (struct http_content){0};
    if (status == HTTP_OK)
        status = http_is_hidden(r->path) ? HTTP_NOT_FOUND : http_find(r->path, &c->content);
    if (status != HTTP_OK)
        c->content = (struct http_content){http_reason(status), strlen(http_reason(status)),
                                           "text/plain; charset=utf-8", NULL};
    write_head(c, status, keep_alive, r->path);
    c->body_left = r->head ? 0 : c->content.count;
    c->closing = !keep_alive;
    c->answering = true;
    c->begun = c->since = sys_now();
    figures.answered++;
}

/* Gives TCP as much of `count` bytes as it takes; returns how much. What is not copied must stay
 * until it has arrived. */
static size_t write_some(struct connection *c, const char *bytes, size_t count, uint8_t flags)
{
    size_t part = LWIP_MIN(count, (size_t)tcp_sndbuf(c->pcb));

    part = LWIP_MIN(part, 0xffffu);
    while (part > 0) {
        uint8_t more = part < count ? TCP_WRITE_FLAG_MORE : 0;
        if (tcp_write(c->pcb, bytes, (u16_t)part, (u8_t)(flags | more)) == ERR_OK) {
            c->unacked += (uint32_t)part;
            return part;
        }
        if (part <= WRITE_LEAST)
            return 0; /* out of memory: again when something has arrived, or at the poll */
        part /= 2;
    }
    return 0;
}

static void send_answer(struct connection *c)
{
    if (c->head_sent < c->head_count)
        c->head_sent += write_some(c, c->head + c->head_sent, c->head_count - c->head_sent,
                                   TCP_WRITE_FLAG_COPY | (c->body_left ? TCP_WRITE_FLAG_MORE : 0));
    while (c->head_sent == c->head_count && c->body_left > 0) {
        size_t sent =
            write_some(c, c->content.bytes + (c->content.count - c->body_left), c->body_left, 0);
        if (sent == 0)
            break;
        c->body_left -= sent;
    }
    tcp_output(c->pcb);
    if (c->head_sent < c->head_count || c->body_left > 0)
        return;
    if (c->content.page) { /* TCP sends from it: it stays until all has arrived */
        if (c->unacked > 0)
            return;
        http_release(c->content.page);
        c->content.page = NULL;
    }
    c->answering = false;
    c->since = sys_now();
}

/* Moves received bytes into the request. True when there were any. */
static bool take_bytes(struct connection *c)
{
    bool took = false;

    while (c->pending) {
        size_t left = (size_t)c->pending->tot_len - c->pending_offset;
        size_t part = c->closing ? left : c->skip;
        bool keep = part == 0;

        if (keep)
            part = HTTP_HEAD_MAX - c->request_count;
        part = LWIP_MIN(part, left);
        if (part == 0)
            break;
        if (keep) {
            pbuf_copy_partial(c->pending, c->request + c->request_count, (u16_t)part,
                              c->pending_offset);
            c->request_count += part;
            took = true;
        } else if (!c->closing) {
            c->skip -= (uint32_t)part;
        }
        c->pending_offset = (u16_t)(c->pending_offset + part);
        tcp_recved(c->pcb, (u16_t)part);
        if (c->pending_offset == c->pending->tot_len) {
            pbuf_free(c->pending);
            c->pending = NULL;
            c->pending_offset = 0;
        }
    }
    return took;
}

/* Takes a request out of the bytes that are there. False: it is not complete. */
static bool next_request(struct connection *c)
{
    struct http_request r;
    enum http_status status = http_parse(c->request, c->request_count, &r);

    if (status == HTTP_MORE)
        return false;
    size_t gone = r.head_size;
    if (status == HTTP_OK) {
        size_t body = LWIP_MIN(c->request_count - gone, (size_t)r.body);
        gone += body;
        c->skip = r.body - (uint32_t)body;
    } else {
        gone = c->request_count;
    }
    c->request_count -= gone;
    memmove(c->request, c->request + gone, c->request_count);
    begin_answer(c, status, &r);
    return true;
}

/* Does all that can be done now. The record may be free afterwards. */
static void go_on(struct connection *c)
{
    for (;;) {
        take_bytes(c);
        if (c->answering)
            send_answer(c);
        if (c->answering)
            return;
        if (!c->closing && next_request(c))
            continue;
        if (!c->closing && take_bytes(c))
            continue;
        break;
    }
    if ((c->closing || c->ended) && c->unacked == 0)
        close_connection(c);
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct connection *c = arg;

    (void)pcb;
    (void)error;
    if (!p)
        c->ended = true;
    else if (c->pending)
        return ERR_MEM; /* lwIP keeps it and offers it again */
    else
        c->pending = p;
    go_on(c);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t count)
{
    struct connection *c = arg;

    (void)pcb;
    c->unacked -= count;
    c->since = sys_now();
    go_on(c);
    return ERR_OK;
}

static void on_error(void *arg, err_t error)
{
    struct connection *c = arg;

    (void)error;
    if (c)
        release(c); /* the pcb is gone already */
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct connection *c = arg;
    uint32_t quiet = sys_now() - c->since;

    (void)pcb;
    if (c->answering || c->unacked > 0) {
        if (quiet > HTTP_SEND_PATIENCE) {
            turn_out(c);
            return ERR_ABRT;
        }
    } else if (quiet > HTTP_READ_PATIENCE) {
        if (c->request_count > 0 && !c->closing)
            begin_answer(c, HTTP_TIMEOUT, &(struct http_request){.path = "/"});
        c->closing = true;
    }
    go_on(c);
    return ERR_OK;
}

/* A free record; when there is none, that of the connection with the least claim to it. */
static struct connection *find_record(void)
{
    struct connection *idle = NULL, *slow = NULL;
    uint32_t now = sys_now();

    for (unsigned i = 0; i < HTTP_CONNECTIONS; i++) {
        struct connection *c = &connections[i];
        if (!c->pcb)
            return c;
        if (!c->answering && (!idle || now - c->since > now - idle->since))
            idle = c;
        if (c->answering && now - c->begun > HTTP_TURN &&
            (!slow || now - c->begun > now - slow->begun))
            slow = c;
    }
    struct connection *victim = idle ? idle : slow;
    if (victim)
        turn_out(victim);
    return victim;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    if (error != ERR_OK || !pcb)
        return ERR_VAL;

    struct connection *c = find_record();
    if (!c) {
        figures.refused++;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    memset(c, 0, sizeof *c);
    c->pcb = pcb;
    c->since = sys_now();
    figures.connections++;
    figures.accepted++;
    tcp_nagle_disable(pcb); /* an answer's last piece waits for nothing */
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, POLL_EVERY);
    return ERR_OK;
}

bool http_serve(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb)
        return false;

    struct tcp_pcb *listener = tcp_bind(pcb, IP_ADDR_ANY, port) == ERR_OK
                                   ? tcp_listen_with_backlog(pcb, HTTP_HALF_OPEN)
                                   : NULL;
    if (!listener) {
        tcp_close(pcb);
        return false;
    }
    tcp_accept(listener, on_accept);
    return true;
}
