/* Routing netlink: programs ask by messages what interfaces, addresses and ways there are. */
#include "libos-posix/inet/netlink.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/process.h"

#define NETLINK_ROUTE  0u
#define QUEUE_BYTES    ((size_t)212992) /* as Linux's default */
#define QUESTION_BYTES ((size_t)4096)   /* of one send */

#define NLM_F_REQUEST 1u
#define NLM_F_ACK     4u
#define NLM_F_DUMP    0x300u
#define NLM_F_CAPPED  0x100u

#define NLMSG_ERROR   2u
#define NLMSG_DONE    3u
#define FIRST_TYPE    16u
#define LAST_TYPE     123u
#define KIND_OF(type) (((type)-FIRST_TYPE) & 3u)
#define KIND_GET      2u

#define ALIGNED(bytes) (((bytes) + 3) & ~(size_t)3)

struct netlink_name {
    uint16_t family, pad;
    uint32_t port_id, groups;
};
_Static_assert(sizeof(struct netlink_name) == 12, "struct sockaddr_nl");

struct netlink_error {
    int32_t error;
    struct netlink_head of;
};

long netlink_check(uint32_t type, uint32_t protocol)
{
    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    return protocol == NETLINK_ROUTE ? 0 : -EPROTONOSUPPORT;
}

long netlink_create(struct inet_socket *s)
{
    s->queue_most = QUEUE_BYTES;
    return 0;
}

static bool is_taken(uint32_t port_id)
{
    for (const struct inet_socket *s = inet_sockets; s; s = s->next)
        if (s->domain == AF_NETLINK && s->port_id == port_id)
            return true;
    return false;
}

/* The process' number, or for its further sockets some that no process has. */
static void take_name(const struct process *p, struct inet_socket *s)
{
    uint32_t port_id = (uint32_t)p->pid;

    for (uint32_t other = (uint32_t)-4097; is_taken(port_id); other--)
        port_id = other;
    s->port_id = port_id;
}

static long read_name(const struct inet_name *name, struct netlink_name *out)
{
    if (name->bytes < sizeof *out)
        return -EINVAL;
    memcpy(out, name->address, sizeof *out);
    return out->family == AF_NETLINK ? 0 : -EINVAL;
}

/* Groups tell of changes, of which there are none to tell. */
long netlink_bind(struct process *p, struct inet_socket *s, const struct inet_name *name)
{
    struct netlink_name n;
    const long e = read_name(name, &n);

    if (e)
        return e;
    if (n.groups)
        return -EOPNOTSUPP;
    if (s->port_id)
        return n.port_id == s->port_id ? 0 : -EINVAL;
    if (n.port_id && is_taken(n.port_id))
        return -EADDRINUSE;
    s->port_id = n.port_id;
    if (!n.port_id)
        take_name(p, s);
    return 0;
}

/* Only the kernel's side, which is number 0, is there to talk to. */
long netlink_connect(struct process *p, struct inet_socket *s, const struct inet_name *name)
{
    struct netlink_name n;
    const long e = read_name(name, &n);

    if (e)
        return e;
    if (n.port_id || n.groups)
        return p->who.euid ? -EPERM : -ECONNREFUSED;
    if (!s->port_id)
        take_name(p, s);
    return 0;
}

void netlink_name(const struct inet_socket *s, bool peer, struct inet_name *out)
{
    const struct netlink_name n = {AF_NETLINK, 0, peer ? 0 : s->port_id, 0};

    out->bytes = sizeof n;
    memcpy(out->address, &n, sizeof n);
}

void answer_send(struct answer *a)
{
    struct pbuf *p = a->used ? pbuf_alloc(PBUF_RAW, (u16_t)a->used, PBUF_RAM) : NULL;

    if (p)
        pbuf_take(p, a->bytes, (u16_t)a->used);
    if (a->used && (!p || !datagram_enqueue(a->to, p, IP4_ADDR_ANY, 0))) {
        a->to->error = ENOBUFS;
        inet_wake(a->to);
    }
    a->used = 0;
}

static void put(struct answer *a, const void *from, size_t bytes)
{
    memcpy(a->bytes + a->used, from, bytes);
    memset(a->bytes + a->used + bytes, 0, ALIGNED(bytes) - bytes);
    a->used += ALIGNED(bytes);
}

void answer_begin(struct answer *a, uint16_t type, const void *body, size_t bytes)
{
    const struct netlink_head h = {0, type, a->flags, a->sequence, a->to->port_id};

    if (a->used + ANSWER_MESSAGE > sizeof a->bytes)
        answer_send(a);
    a->message = a->used;
    put(a, &h, sizeof h);
    put(a, body, bytes);
}

void answer_add(struct answer *a, uint16_t type, const void *value, size_t bytes)
{
    const struct netlink_attribute head = {(uint16_t)(sizeof head + bytes), type};

    put(a, &head, sizeof head);
    put(a, value, bytes);
}

void answer_add_number(struct answer *a, uint16_t type, uint32_t value)
{
    answer_add(a, type, &value, sizeof value);
}

void answer_end(struct answer *a)
{
    const uint32_t bytes = (uint32_t)(a->used - a->message);

    memcpy(a->bytes + a->message, &bytes, sizeof bytes);
}

const void *attribute_find(const uint8_t *at, size_t bytes, uint16_t type, size_t least)
{
    struct netlink_attribute head;

    while (bytes >= sizeof head) {
        memcpy(&head, at, sizeof head);
        if (head.bytes < sizeof head || head.bytes > bytes)
            return NULL;
        if (head.type == type)
            return head.bytes - sizeof head >= least ? at + sizeof head : NULL;
        const size_t step = ALIGNED(head.bytes) < bytes ? ALIGNED(head.bytes) : bytes;
        at += step;
        bytes -= step;
    }
    return NULL;
}

/* What was wrong with a question, which comes back with it; 0: it is done. */
static void tell_result(struct answer *a, const uint8_t *question, const struct netlink_head *h,
                        long error)
{
    const struct netlink_error body = {(int32_t)error, *h};
    const size_t rest = h->bytes - sizeof *h;

    a->flags = (uint16_t)(error ? 0 : NLM_F_CAPPED);
    if (error && sizeof *h + sizeof body + rest > sizeof a->bytes)
        a->flags = NLM_F_CAPPED;
    answer_begin(a, NLMSG_ERROR, &body, sizeof body);
    if (error && !(a->flags & NLM_F_CAPPED))
        put(a, question + sizeof *h, rest);
    answer_end(a);
    answer_send(a);
}

/* All of a kind, and in a datagram of its own that it was all. */
static long tell_all(struct answer *a, const struct netlink_head *h, uint8_t family)
{
    const int32_t done = 0;

    a->flags = NLM_F_MULTI;
    const long e = netlink_dump(a, h->type, family);
    if (e)
        return e;
    answer_send(a);
    answer_begin(a, NLMSG_DONE, &done, sizeof done);
    answer_end(a);
    answer_send(a);
    return 0;
}

/* Answers a question of routing netlink; *told: there is no need to say that it is done. */
static long serve(const struct process *p, struct answer *a, const uint8_t *at,
                  const struct netlink_head *h, bool *told)
{
    const uint8_t *body = at + sizeof *h;
    const size_t bytes = h->bytes - sizeof *h;

    if (h->type < FIRST_TYPE || !(h->flags & NLM_F_REQUEST))
        return 0;
    if (h->type > LAST_TYPE)
        return -EOPNOTSUPP;
    if (!bytes)
        return 0;
    if (KIND_OF(h->type) != KIND_GET)
        return p->who.euid ? -EPERM : -EOPNOTSUPP;
    if (h->flags & NLM_F_DUMP) {
        *told = true;
        return tell_all(a, h, body[0]);
    }
    a->flags = 0;
    const long e = netlink_one(a, h->type, body, bytes);
    answer_send(a);
    return e;
}

static void serve_all(const struct process *p, struct answer *a, const uint8_t *at, size_t left)
{
    struct netlink_head h;

    while (left >= sizeof h) {
        bool told = false;
        memcpy(&h, at, sizeof h);
        if (h.bytes < sizeof h || h.bytes > left)
            return;
        a->sequence = h.sequence;
        const long e = serve(p, a, at, &h, &told);
        if (e || (!told && (h.flags & NLM_F_ACK)))
            tell_result(a, at, &h, e);
        const size_t step = ALIGNED(h.bytes) < left ? ALIGNED(h.bytes) : left;
        at += step;
        left -= step;
    }
}

/* The answers are there when this is over. */
long netlink_send(struct process *p, struct inet_socket *s, struct io *io,
                  const struct inet_name *to)
{
    uint8_t question[QUESTION_BYTES];
    const size_t bytes = io->left;
    struct netlink_name n;
    long e = to->bytes ? read_name(to, &n) : 0;

    if (e)
        return e;
    if (to->bytes && (n.port_id || n.groups))
        return p->who.euid ? -EPERM : -ECONNREFUSED;
    if (bytes > sizeof question)
        return -EMSGSIZE;
    const long got = bytes ? io_get(io, question, bytes) : 0;
    if (got < 0 || (size_t)got < bytes)
        return -EFAULT;
    struct answer *a = inet_take(sizeof *a);
    if (!a)
        return -ENOMEM;
    if (!s->port_id)
        take_name(p, s);
    a->to = s;
    serve_all(p, a, question, bytes);
    core_heap_free(&arena_get()->heap, a, sizeof *a);
    return got;
}

#define NETLINK_EXT_ACK 11

/* Answers may say more than a number; these do not. */
long netlink_option(int option, size_t bytes)
{
    if (option != NETLINK_EXT_ACK)
        return -ENOPROTOOPT;
    return bytes < sizeof(int32_t) ? -EINVAL : 0;
}
