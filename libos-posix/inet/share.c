/* Ports that several sockets share (SO_REUSEPORT): who gets what comes. */
#include "libos-posix/inet/inet.h"

/* Would the two addresses get the same packets? */
static bool overlaps(const ip_addr_t *a, const ip_addr_t *b)
{
    if (IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b))
        return true;
    return IP_GET_TYPE(a) == IP_GET_TYPE(b) &&
           (ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_cmp(a, b));
}

/* May two sockets have the port, one of which would share it? */
static bool agree(const struct inet_socket *a, const struct inet_socket *b)
{
    if (a->reuse_port && b->reuse_port && a->owner == b->owner)
        return true;
    return a->reuse && b->reuse &&
           (a->type != SOCK_STREAM || (a->state != STREAM_LISTENS && b->state != STREAM_LISTENS));
}

bool share_allows(const struct inet_socket *s, const ip_addr_t *address, uint16_t port)
{
    for (const struct inet_socket *o = inet_sockets; o; o = o->next) {
        if (o == s || o->type != s->type || !o->bound || o->local_port != port)
            continue;
        if ((o->reuse_port || s->reuse_port) && overlaps(&o->local, address) && !agree(s, o))
            return false;
    }
    return true;
}

static bool is_member(const struct inet_socket *s, const struct inet_socket *o)
{
    return o->reuse_port && o->bound && o->type == s->type && o->local_port == s->local_port &&
           o->state == s->state && o->owner == s->owner && ip_addr_cmp(&o->local, &s->local) &&
           IP_GET_TYPE(&o->local) == IP_GET_TYPE(&s->local);
}

struct inet_socket *share_next(const struct inet_socket *s, struct inet_socket *after)
{
    struct inet_socket *o = after ? after->next : inet_sockets;

    while (o && (o == s || !is_member(s, o)))
        o = o->next;
    return o;
}

/* Connections, and packets, of one peer always go to the same socket, while the sockets are the
 * same ones. */
struct inet_socket *share_pick(struct inet_socket *s, const ip_addr_t *from, uint16_t port)
{
    const uint8_t *bytes = (const uint8_t *)&from->u_addr;
    const size_t count = IP_IS_V6(from) ? 16 : 4;
    uint32_t hash = 2166136261u ^ port, members = 1; /* FNV-1a */
    struct inet_socket *o = NULL;

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    hash = (hash ^ port >> 8) * 16777619u;
    while ((o = share_next(s, o)) != NULL)
        members++;
    for (hash = (hash ^ hash >> 16) % members; hash; hash--)
        o = share_next(s, o);
    return o ? o : s;
}
