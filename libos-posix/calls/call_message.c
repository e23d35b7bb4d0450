/* Calls that send and receive on sockets; addresses, descriptors and credentials that come along.
 */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/process/process.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket_name.h"
#include "libos-posix/base/user.h"

#define FAMILY_BYTES    2u
#define SOL_SOCKET      1
#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define CONTROL_MOST    ((size_t)4096)

struct linux_msghdr {
    uint64_t name;
    uint32_t name_bytes, pad;
    uint64_t parts, part_count;
    uint64_t control, control_bytes;
    uint32_t flags, pad2;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct user_msghdr");

struct linux_cmsghdr {
    uint64_t bytes;
    int32_t level, type;
};

long socket_get(const struct process *p, word_t fd, struct file **out)
{
    *out = file_get(p, fd);
    if (!*out)
        return -EBADF;
    return (*out)->kind == FILE_SOCKET || (*out)->kind == FILE_INET ? 0 : -ENOTSOCK;
}

long socket_name_read(struct process *p, vaddr_t at, word_t bytes, struct socket_name *out)
{
    struct linux_sockaddr_un address;

    memset(&address, 0, sizeof address);
    if (bytes < FAMILY_BYTES || bytes > sizeof address)
        return -EINVAL;
    if (user_read(p, &address, at, bytes))
        return -EFAULT;
    if (address.family != AF_UNIX)
        return -EAFNOSUPPORT;
    size_t most = bytes - FAMILY_BYTES, n = most;
    if (address.path[0]) /* a path ends with its zero */
        for (n = 0; n < most && address.path[n];)
            n++;
    if (address.path[0] && n == SOCKET_PATH)
        return -EINVAL;
    *out = (struct socket_name){.bytes = n};
    memcpy(out->path, address.path, n);
    return 0;
}

long socket_name_write(struct process *p, const struct socket_name *name, vaddr_t at,
                       vaddr_t bytes_at)
{
    struct linux_sockaddr_un address = {.family = AF_UNIX};
    int32_t room;

    if (USER_GET(p, &room, bytes_at))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    memcpy(address.path, name->path, name->bytes);
    bool is_path = name->bytes && name->path[0];
    int32_t whole = (int32_t)(FAMILY_BYTES + name->bytes + is_path); /* with the zero of a path */
    size_t n = (size_t)(whole < room ? whole : room);
    return user_write(p, at, &address, n) || USER_PUT(p, bytes_at, &whole) ? -EFAULT : 0;
}

long socket_resolve(struct process *p, vaddr_t at, word_t bytes, uint32_t type, struct socket **out)
{
    struct socket_name name;
    struct walk w = {0};
    long e = socket_name_read(p, at, bytes, &name);

    if (e)
        return e;
    if (!name.bytes)
        return -ECONNREFUSED;
    if (name.path[0]) {
        char path[SOCKET_PATH + 1] = {0};
        memcpy(path, name.path, name.bytes);
        e = path_walk(p, (word_t)AT_FDCWD, path, WALK_FOLLOW, &w);
        if (e)
            return e;
        if (!w.node)
            return -ENOENT;
        if ((e = access_check(p, w.node, MAY_WRITE)) != 0)
            return e;
    }
    *out = socket_find(p->arena, &name, w.node, 0);
    if (!*out)
        return -ECONNREFUSED;
    return (*out)->type == type ? 0 : -EPROTOTYPE;
}

/* The descriptors that a control message hands over. */
static long files_read(struct process *p, const uint8_t *numbers, size_t bytes, struct file **files,
                       unsigned *count)
{
    for (size_t i = 0; i + sizeof(int32_t) <= bytes; i += sizeof(int32_t)) {
        int32_t fd;
        memcpy(&fd, numbers + i, sizeof fd);
        struct file *f = file_get(p, (word_t)(uint32_t)fd);
        if (!f)
            return -EBADF;
        if (*count == SOCKET_FILES)
            return -EINVAL;
        file_hold(f);
        files[(*count)++] = f;
    }
    return 0;
}

/* Credentials may be said, but only true ones. */
static long credentials_check(const struct process *p, const uint8_t *from, size_t bytes)
{
    struct linux_ucred said;

    if (bytes < sizeof said)
        return -EINVAL;
    memcpy(&said, from, sizeof said);
    bool is_true = said.pid == p->pid && said.uid == p->who.uid && said.gid == p->who.gid;
    return is_true || !p->who.euid ? 0 : -EPERM;
}

static long control_read(struct process *p, const struct linux_msghdr *h, struct file **files,
                         unsigned *count)
{
    uint8_t bytes[512];
    struct linux_cmsghdr c;
    size_t at = 0;
    long e = 0;

    if (h->control_bytes > sizeof bytes)
        return -EINVAL;
    if (user_read(p, bytes, h->control, h->control_bytes))
        return -EFAULT;
    while (!e && h->control_bytes - at >= sizeof c) {
        memcpy(&c, bytes + at, sizeof c);
        if (c.bytes < sizeof c || c.bytes > h->control_bytes - at)
            return -EINVAL;
        const uint8_t *data = bytes + at + sizeof c;
        if (c.level == SOL_SOCKET && c.type == SCM_RIGHTS)
            e = files_read(p, data, c.bytes - sizeof c, files, count);
        else if (c.level == SOL_SOCKET && c.type == SCM_CREDENTIALS)
            e = credentials_check(p, data, c.bytes - sizeof c);
        else
            return -EINVAL;
        size_t step = (c.bytes + 7) & ~(size_t)7;
        if (step > h->control_bytes - at)
            break;
        at += step;
    }
    return e;
}

static long send(struct process *p, struct file *f, struct io *io, vaddr_t name, word_t name_bytes,
                 uint32_t flags, struct file **files, unsigned count)
{
    struct socket *s = f->buffer, *to = NULL;
    long e = 0;

    if (f->kind == FILE_INET)
        return inet_send(p, f, io, name, name_bytes, flags);

    if (name && s->type != SOCK_DGRAM)
        e = s->peer ? -EISCONN : -EOPNOTSUPP;
    else if (name)
        e = socket_resolve(p, name, name_bytes, s->type, &to);
    if (e)
        return e;
    file_hold(f);
    if (to)
        to->refs++;
    e = socket_send(p, f, io, to, flags, files, count);
    if (to)
        socket_release(p->arena, to);
    file_release(p, f);
    return e;
}

long call_sendto(struct process *p, word_t fd, word_t base, word_t bytes, word_t flags, word_t name,
                 word_t name_bytes)
{
    struct file *f;
    struct io io;
    long e = socket_get(p, fd, &f);

    if (e)
        return e;
    io_init_user(&io, p, base, bytes < INT32_MAX ? bytes : INT32_MAX);
    return send(p, f, &io, name, name_bytes, (uint32_t)flags, NULL, 0);
}

/* The parts of a message, from the program. */
static long parts_read(struct process *p, const struct linux_msghdr *h, struct linux_iovec *parts,
                       struct io *io)
{
    if (h->part_count > IOV_MAX)
        return -EMSGSIZE;
    if (user_read(p, parts, h->parts, h->part_count * sizeof parts[0]))
        return -EFAULT;
    uint64_t sum = 0;
    for (size_t i = 0; i < h->part_count; i++) {
        if (parts[i].bytes > INT32_MAX - sum)
            return -EINVAL;
        sum += parts[i].bytes;
    }
    io_init_parts(io, p, parts, h->part_count);
    return 0;
}

/* The header at `at` and its parts, which message_end gives back. */
static long message_begin(struct process *p, vaddr_t at, struct linux_msghdr *h,
                          struct linux_iovec **parts, struct io *io)
{
    const size_t bytes = IOV_MAX * sizeof **parts;

    if (user_read(p, h, at, sizeof *h))
        return -EFAULT;
    *parts = core_heap_alloc(&p->arena->heap, bytes);
    if (!*parts)
        return -ENOMEM;
    long e = parts_read(p, h, *parts, io);
    if (e)
        core_heap_free(&p->arena->heap, *parts, bytes);
    return e;
}

static void message_end(struct process *p, struct linux_iovec *parts)
{
    core_heap_free(&p->arena->heap, parts, IOV_MAX * sizeof *parts);
}

long call_sendmsg(struct process *p, word_t fd, word_t at, word_t flags)
{
    struct linux_iovec *parts;
    struct linux_msghdr h;
    struct file *f, *files[SOCKET_FILES];
    unsigned count = 0;
    struct io io;
    long e = socket_get(p, fd, &f);

    if (!e)
        e = message_begin(p, at, &h, &parts, &io);
    if (e)
        return e;
    if (h.control_bytes && f->kind == FILE_INET) {
        e = inet_send_message(p, f, &io, h.name, h.name_bytes, (uint32_t)flags, h.control,
                              h.control_bytes);
        message_end(p, parts);
        return e;
    }
    if (h.control_bytes)
        e = control_read(p, &h, files, &count);
    if (!e)
        e = send(p, f, &io, h.name, h.name_bytes, (uint32_t)flags, files, count);
    if (e < 0)
        while (count)
            file_release(p, files[--count]);
    message_end(p, parts);
    return e;
}

long call_recvfrom(struct process *p, word_t fd, word_t base, word_t bytes, word_t flags,
                   word_t name, word_t name_bytes_at)
{
    struct received got;
    struct file *f;
    struct io io;
    long n = socket_get(p, fd, &f);

    if (n)
        return n;
    io_init_user(&io, p, base, bytes < INT32_MAX ? bytes : INT32_MAX);
    if (f->kind == FILE_INET)
        return inet_recvfrom(p, f, &io, (uint32_t)flags, name, name_bytes_at);
    file_hold(f);
    n = socket_receive(p, f, &io, (uint32_t)flags, &got);
    file_release(p, f);
    for (unsigned i = 0; i < got.file_count; i++)
        file_release(p, got.files[i]);
    if (n >= 0 && name && socket_name_write(p, &got.name, name, name_bytes_at))
        return -EFAULT;
    return n >= 0 && got.truncated && (flags & MSG_TRUNC) ? (long)got.whole : n;
}

/* Where control messages are put, one behind the other. */
struct control {
    vaddr_t at;
    uint64_t left, done;
};

/* False: there is no room, or the program's memory is not there. */
static bool control_put(struct process *p, struct control *c, int type, const void *data,
                        size_t bytes)
{
    struct linux_cmsghdr head = {sizeof head + bytes, SOL_SOCKET, type};
    size_t step = (head.bytes + 7) & ~(size_t)7;

    if (c->left < head.bytes || USER_PUT(p, c->at, &head) ||
        user_write(p, c->at + sizeof head, data, bytes))
        return false;
    step = step < c->left ? step : c->left;
    c->at += step;
    c->left -= step;
    c->done += step;
    return true;
}

/* Descriptors for as many of the files as there is room for; the others go. */
static bool files_put(struct process *p, struct control *c, struct received *got,
                      bool close_on_exec)
{
    int32_t numbers[SOCKET_FILES];
    uint64_t head = sizeof(struct linux_cmsghdr);
    unsigned room = c->left > head ? (unsigned)((c->left - head) / sizeof numbers[0]) : 0, used = 0;

    for (unsigned i = 0; i < got->file_count; i++) {
        if (used >= room) {
            file_release(p, got->files[i]);
            continue;
        }
        long fd = file_install(p, got->files[i], 0, close_on_exec);
        if (fd < 0)
            room = used;
        else
            numbers[used++] = (int32_t)fd;
    }
    bool all = used == got->file_count;
    return (!used || control_put(p, c, SCM_RIGHTS, numbers, used * sizeof numbers[0])) && all;
}

static long message_put(struct process *p, vaddr_t at, struct linux_msghdr *h,
                        const struct socket *s, struct received *got, uint32_t flags)
{
    struct control c = {h->control, h->control ? h->control_bytes : 0, 0};

    h->flags = got->truncated ? MSG_TRUNC : 0;
    if (s->wants_credentials && got->has_from &&
        !control_put(p, &c, SCM_CREDENTIALS, &got->from, sizeof got->from))
        h->flags |= MSG_CTRUNC;
    if (got->file_count && !files_put(p, &c, got, flags & MSG_CMSG_CLOEXEC))
        h->flags |= MSG_CTRUNC;
    h->control_bytes = c.done;
    if (h->name) {
        vaddr_t bytes_at = at + offsetof(struct linux_msghdr, name_bytes);
        if (socket_name_write(p, &got->name, h->name, bytes_at))
            return -EFAULT;
        USER_GET(p, &h->name_bytes, bytes_at);
        if (!got->name.bytes)
            h->name_bytes = 0;
    }
    return USER_PUT(p, at, h);
}

/* Bytes of the control messages that fit whole; *all: no message lacks. The last one needs no bytes
 * behind it up to where a next one would begin. */
static size_t control_fit(const struct inet_received *got, uint64_t room, bool *all)
{
    size_t at = 0;

    *all = true;
    while (*all && at < got->control_bytes) {
        struct linux_cmsghdr head;
        memcpy(&head, got->control + at, sizeof head);
        *all = head.bytes <= room - at;
        if (*all)
            at += (head.bytes + 7) & ~(size_t)7;
        if (at > room) {
            *all = at >= got->control_bytes;
            return room;
        }
    }
    return at;
}

/* The same of a socket of the Internet. */
static long inet_message(struct process *p, struct file *f, struct io *io, vaddr_t at,
                         struct linux_msghdr *h, uint32_t flags)
{
    const vaddr_t bytes_at = at + offsetof(struct linux_msghdr, name_bytes);
    struct inet_received got;
    long n = inet_receive(p, f, io, flags, &got);

    if (n < 0)
        return n;
    if (h->name &&
        (inet_name_put(p, &got.from, h->name, bytes_at) || USER_GET(p, &h->name_bytes, bytes_at)))
        return -EFAULT;
    const uint64_t room = h->control ? h->control_bytes : 0;
    bool all;
    h->control_bytes = control_fit(&got, room, &all);
    h->flags = (got.truncated ? MSG_TRUNC : 0) | (all ? 0 : MSG_CTRUNC);
    if (h->control_bytes && user_write(p, h->control, got.control, h->control_bytes))
        return -EFAULT;
    if (USER_PUT(p, at, h))
        return -EFAULT;
    return got.truncated && (flags & MSG_TRUNC) ? (long)got.whole : n;
}

long call_recvmsg(struct process *p, word_t fd, word_t at, word_t flags)
{
    struct linux_iovec *parts;
    struct linux_msghdr h;
    struct received got;
    struct file *f;
    struct io io;
    long n = socket_get(p, fd, &f);

    if (!n)
        n = message_begin(p, at, &h, &parts, &io);
    if (n)
        return n;
    if (f->kind == FILE_INET) {
        n = inet_message(p, f, &io, at, &h, (uint32_t)flags);
        message_end(p, parts);
        return n;
    }
    file_hold(f);
    n = socket_receive(p, f, &io, (uint32_t)flags, &got);
    if (n >= 0 && message_put(p, at, &h, f->buffer, &got, (uint32_t)flags))
        n = -EFAULT;
    else if (n >= 0 && got.truncated && (flags & MSG_TRUNC))
        n = (long)got.whole;
    file_release(p, f);
    message_end(p, parts);
    return n;
}

/* What one call of many does: a message, and behind its header the bytes that it moved. */
#define MANY_BYTES (sizeof(struct linux_msghdr) + 8)

static long many(struct process *p, word_t fd, vaddr_t at, word_t count, word_t flags,
                 uint64_t deadline_ns,
                 long (*one)(struct process *p, word_t fd, word_t at, word_t flags))
{
    uint32_t most = (uint32_t)count < IOV_MAX ? (uint32_t)count : IOV_MAX, done = 0;
    long n = 0;

    while (done < most) {
        vaddr_t here = at + done * MANY_BYTES;
        n = one(p, fd, here, flags);
        uint32_t moved = (uint32_t)n;
        if (n < 0)
            break;
        if (USER_PUT(p, here + sizeof(struct linux_msghdr), &moved)) {
            n = -EFAULT;
            break;
        }
        done++;
        if (deadline_ns != PORT_FOREVER && port_monotonic_ns() >= deadline_ns)
            break;
    }
    return done ? (long)done : n;
}

long call_sendmmsg(struct process *p, word_t fd, word_t at, word_t count, word_t flags)
{
    return many(p, fd, at, count, flags, PORT_FOREVER, call_sendmsg);
}

/* It waits for the first one only, unless it is to wait for all; the time limit is looked at
 * between two, as Linux does it, so that it cannot end a wait. */
long call_recvmmsg(struct process *p, word_t fd, word_t at, word_t count, word_t flags,
                   word_t timeout)
{
    const word_t wait_for_one = 0x10000;
    uint64_t deadline_ns = PORT_FOREVER;
    struct linux_timespec limit;

    if (timeout && USER_GET(p, &limit, timeout))
        return -EFAULT;
    if (timeout && clock_deadline(&limit, &deadline_ns))
        return -EINVAL;
    word_t plain = flags & ~wait_for_one;
    if (!(flags & wait_for_one) || !(uint32_t)count)
        return many(p, fd, at, count, plain, deadline_ns, call_recvmsg);
    long first = many(p, fd, at, 1, plain, PORT_FOREVER, call_recvmsg);
    if (first < 1)
        return first;
    long rest = many(p, fd, at + MANY_BYTES, (uint32_t)count - 1, plain | MSG_DONTWAIT, deadline_ns,
                     call_recvmsg);
    return rest > 0 ? first + rest : first;
}
