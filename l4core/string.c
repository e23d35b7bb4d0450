/* String items: gathered from the sender's substrings, scattered over the receiver's buffers. */
#include "l4core/string.h"

#include "exo/abi/l4.h"
#include "exo/base/string.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/ipc.h"
#include "l4core/suspend.h"

/* A place in a string: in the sender's message registers, or the receiver's buffer registers. */
struct cursor {
    struct thread *thread;
    bool is_buffer;
    bool is_bad;     /* its description is malformed from here on                       */
    rights_t access; /* that its pages must allow                                       */
    unsigned end;    /* of the registers that describe it                               */
    unsigned group;  /* the register of the group's header                              */
    word_t header;
    unsigned next; /* the group's next substring                                      */
    vaddr_t va;    /* the next byte,                                                  */
    word_t left;   /* and how many follow in this substring                           */
};

static word_t register_at(const struct cursor *c, unsigned i)
{
    return c->is_buffer ? *thread_mr(c->thread, TCR_BR0 - (int)i) : ipc_message_word(c->thread, i);
}

/* Enters the group whose header is in register `at`. */
static void open_group(struct cursor *c, unsigned at)
{
    c->group = at;
    c->next = 0;
    c->left = 0;
    c->is_bad = at >= c->end;
    if (c->is_bad)
        return;
    c->header = register_at(c, at);
    c->is_bad = !ITEM_IS_STRING(c->header) || at + 1 + STRING_SUBSTRINGS(c->header) > c->end;
}

/* The register behind the group. */
static unsigned group_end(const struct cursor *c)
{
    return c->group + 1 + STRING_SUBSTRINGS(c->header);
}

/* Is there a next byte? False at the string's end and where its description is malformed. */
static bool has_bytes(struct cursor *c)
{
    while (!c->is_bad && c->left == 0) {
        if (c->next < STRING_SUBSTRINGS(c->header)) {
            c->va = register_at(c, c->group + 1 + c->next++);
            c->left = STRING_LENGTH(c->header);
        } else if (STRING_IS_COMPOUND(c->header)) {
            open_group(c, group_end(c));
        } else {
            return false;
        }
    }
    return !c->is_bad;
}

static void skip(struct cursor *c, word_t bytes)
{
    c->va += bytes;
    c->left -= bytes;
}

/* A cursor `done` bytes behind the begin of a string. */
static struct cursor begin(struct thread *t, bool is_buffer, unsigned at, unsigned end, word_t done)
{
    struct cursor c = {.thread = t,
                       .is_buffer = is_buffer,
                       .access = is_buffer ? RIGHT_WRITE : RIGHT_READ,
                       .end = end};

    open_group(&c, at);
    while (done && has_bytes(&c)) {
        word_t bytes = c.left < done ? c.left : done;
        skip(&c, bytes);
        done -= bytes;
    }
    return c;
}

/* The register behind the whole string; 0 when it is malformed. */
static unsigned string_end(struct cursor *c)
{
    while (!c->is_bad && STRING_IS_COMPOUND(c->header))
        open_group(c, group_end(c));
    return c->is_bad ? 0 : group_end(c);
}

/* The buffer register of the buffer after the one at `at`, or 0. */
static unsigned buffer_after(struct thread *t, unsigned at)
{
    struct cursor c = begin(t, true, at, BUFFER_REGISTERS, 0);
    bool more = c.header & STRING_MORE_FOLLOWS;
    unsigned end = string_end(&c);

    return more && end < BUFFER_REGISTERS ? end : 0;
}

/* Pages may be the same, so the areas may overlap. */
static void copy_bytes(void *to, const void *from, size_t bytes)
{
    uintptr_t t = (uintptr_t)to, f = (uintptr_t)from;
    size_t words = bytes / sizeof(uint64_t), rest = bytes % sizeof(uint64_t);

    if ((t < f ? f - t : t - f) < bytes) {
        memmove(to, from, bytes);
        return;
    }
    arch_copy_words(to, from, words);
    if (rest)
        memcpy((char *)to + bytes - rest, (const char *)from + bytes - rest, rest);
}

static size_t least(word_t a, word_t b)
{
    return a < b ? a : b;
}

/* space_user; what table served the address is remembered. */
static void *user_page(struct env *e, vaddr_t va, rights_t need)
{
    pte_t *at = env_leaf(e, va);

    if (!at || !arch_pte_is_memory(*at) || (need & ~arch_pte_rights(*at)))
        return space_user(e->root, va, need);
    if (!env_leaf_is(e, va))
        env_leaf_found(e, va, at);
    return (char *)arch_phys(arch_pte_address(*at)) + va % PAGE_SIZE;
}

/* How many of `left` bytes lie in one page at both addresses. */
static size_t in_pages(word_t left, vaddr_t from, vaddr_t to)
{
    size_t bytes = least(left, PAGE_SIZE - from % PAGE_SIZE);

    return least(bytes, PAGE_SIZE - to % PAGE_SIZE);
}

static void count(struct transfer *x, size_t bytes)
{
    x->copied += bytes;
    x->done += bytes;
    x->budget -= (uint32_t)bytes;
}

/* Copies up to the end of a page of either. 0, or as string_item. */
static word_t copy_piece(struct cursor *in, struct cursor *out, struct transfer *x)
{
    if (in->va >= USER_TOP || out->va >= USER_TOP)
        return IPC_OVERFLOW;
    size_t bytes = in_pages(least(least(in->left, out->left), x->budget), in->va, out->va);
    const void *f = user_page(in->thread->env, in->va, RIGHT_READ);
    if (!f)
        return transfer_fault(in->thread, out->thread, in->thread, in->va, RIGHT_READ);
    void *t = user_page(out->thread->env, out->va, RIGHT_WRITE);
    if (!t)
        return transfer_fault(in->thread, out->thread, out->thread, out->va, RIGHT_WRITE);
    copy_bytes(t, f, bytes);
    skip(in, bytes);
    skip(out, bytes);
    count(x, bytes);
    return 0;
}

static bool is_simple(word_t header)
{
    return STRING_SUBSTRINGS(header) == 1 && !STRING_IS_COMPOUND(header);
}

/* The common string: of one piece, with a buffer of one piece in which it has room, and all pages
 * are there. False: it is another, or turned out so after some bytes. */
static bool copy_simple(struct thread *from, struct thread *to, word_t header, unsigned end)
{
    struct transfer *x = &from->transfer;
    const unsigned item = x->item, buffer = x->buffer;

    if (x->done || item + 1 >= end || buffer + 1 >= BUFFER_REGISTERS)
        return false;
    const word_t room = *thread_mr(to, TCR_BR0 - (int)buffer);
    if (!is_simple(header) || !ITEM_IS_STRING(room) || !is_simple(room) ||
        STRING_LENGTH(header) > STRING_LENGTH(room) || STRING_LENGTH(header) > x->budget)
        return false;
    vaddr_t source = ipc_message_word(from, item + 1);
    vaddr_t target = *thread_mr(to, TCR_BR0 - (int)buffer - 1);
    for (word_t left = STRING_LENGTH(header), bytes; left; left -= bytes) {
        bytes = in_pages(left, source, target);
        const void *f = user_page(from->env, source, RIGHT_READ);
        void *t = f ? user_page(to->env, target, RIGHT_WRITE) : NULL;
        if (!t)
            return false;
        copy_bytes(t, f, bytes);
        count(x, bytes);
        source += bytes;
        target += bytes;
    }
    x->item = (uint8_t)(item + 2);
    x->buffer =
        (room & STRING_MORE_FOLLOWS) && buffer + 2 < BUFFER_REGISTERS ? (uint8_t)(buffer + 2) : 0;
    x->done = 0;
    return true;
}

static bool takes_strings(const struct thread *t)
{
    return !t->ipc_kernel && (*thread_mr(t, TCR_BR0) & ACCEPT_STRINGS);
}

word_t string_item(struct thread *from, struct thread *to, word_t header, unsigned end_of_message)
{
    struct transfer *x = &from->transfer;
    struct cursor in, out;
    word_t error = 0;

    if (!takes_strings(to) || !x->buffer)
        return IPC_OVERFLOW;
    if (copy_simple(from, to, header, end_of_message))
        return 0;
    in = begin(from, false, x->item, end_of_message, x->done);
    out = begin(to, true, x->buffer, BUFFER_REGISTERS, x->done);
    while (has_bytes(&in)) {
        if (!has_bytes(&out))
            return IPC_OVERFLOW;
        if (!x->budget)
            return transfer_pause(from, to);
        error = copy_piece(&in, &out, x);
        if (error)
            return error;
    }
    if (in.is_bad || out.is_bad)
        return IPC_OVERFLOW;
    x->item = (uint8_t)string_end(&in);
    x->buffer = (uint8_t)buffer_after(to, x->buffer);
    x->done = 0;
    return 0;
}
