/* Calls of System V shared memory: a segment is a file without a name that areas show. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/sysv.h"
#include "libos-posix/file/node.h"

#define SHM_RDONLY 010000u
#define SHM_RND    020000u
#define SHM_REMAP  040000u
#define SHM_EXEC   0100000u

struct linux_shmid {
    struct linux_ipc_perm perm;
    uint64_t bytes;
    int64_t attached, detached, changed;
    int32_t made_by, last_pid;
    uint64_t count, unused[2];
};
_Static_assert(sizeof(struct linux_shmid) == 112, "struct shmid64_ds of x86-64");

static int64_t seconds_of(uint64_t ns)
{
    return (int64_t)(ns / 1000000000u);
}

/* In how many places of all memories it is. */
static uint64_t places_of(const struct arena *a, const struct memory_segment *s)
{
    uint64_t places = 0;

    for (const struct process *p = a->processes; p; p = p->next)
        for (const struct area *at = p->areas; at; at = at->next)
            places += at->shared == s->node && !at->offset;
    return places;
}

static void segment_free(struct arena *a, struct memory_segment *s)
{
    sysv_leave(a, SYSV_MEMORY, &s->object);
    node_drop(a, s->node);
    core_heap_free(&a->heap, s, sizeof *s);
}

/* What was to go and is in nobody's memory any more goes, before anybody could find it. */
static void free_doomed(struct arena *a)
{
    for (struct sysv *o = a->sysv[SYSV_MEMORY], *next; o; o = next) {
        struct memory_segment *s = (struct memory_segment *)o;
        next = o->next;
        if (o->doomed && !places_of(a, s))
            segment_free(a, s);
    }
}

static long segment_make(struct process *p, word_t key, word_t bytes, word_t flags)
{
    struct arena *a = p->arena;

    if (!bytes || bytes > FILE_BYTES_MAX)
        return -EINVAL;
    struct memory_segment *s = core_heap_alloc(&a->heap, sizeof *s);
    struct node *n = s ? node_create(a, S_IFREG | 0600) : NULL;
    if (!n || data_resize(a, n, page_up(bytes))) {
        if (n)
            node_release(a, n);
        core_heap_free(&a->heap, s, sizeof *s);
        return -ENOMEM;
    }
    node_hold(n);
    s->node = n;
    s->bytes = bytes;
    s->made_by = p->pid;
    return sysv_enter(p, SYSV_MEMORY, key, flags, &s->object);
}

long call_shmget(struct process *p, word_t key, word_t bytes, word_t flags)
{
    struct sysv *o;

    free_doomed(p->arena);
    long e = sysv_look(p, SYSV_MEMORY, key, flags, &o);
    if (e)
        return e;
    if (!o)
        return segment_make(p, key, bytes, flags);
    return bytes > ((struct memory_segment *)o)->bytes ? -EINVAL : o->id;
}

static long place_for(const struct process *p, word_t at, word_t flags, size_t bytes, vaddr_t *out)
{
    const struct port_layout *l = port_layout();

    if (!at) {
        *out = flags & SHM_REMAP ? 0 : area_find_gap(p, bytes);
        return *out ? 0 : flags & SHM_REMAP ? -EINVAL : -ENOMEM;
    }
    if (flags & SHM_RND)
        at &= ~(PAGE_SIZE - 1);
    if (at % PAGE_SIZE || at < l->program_low || at >= l->program_high ||
        bytes > l->program_high - at)
        return -EINVAL;
    *out = at;
    return flags & SHM_REMAP || area_is_free(p, at, at + bytes) ? 0 : -EINVAL;
}

long call_shmat(struct process *p, word_t id, word_t at, word_t flags)
{
    rights_t rights =
        RIGHT_READ | (flags & SHM_RDONLY ? 0 : RIGHT_WRITE) | (flags & SHM_EXEC ? RIGHT_EXEC : 0);
    struct sysv *o;
    vaddr_t start;

    free_doomed(p->arena);
    long e = sysv_get(p, SYSV_MEMORY, id, flags & SHM_RDONLY ? 0400 : 0600, &o);
    if (e)
        return e;
    struct memory_segment *s = (struct memory_segment *)o;
    e = place_for(p, at, flags, page_up(s->bytes), &start);
    if (!e)
        e = area_unmap(p, start, start + page_up(s->bytes));
    if (!e)
        e = area_show(p, start, start + page_up(s->bytes), rights, s->node, 0);
    if (e)
        return e;
    s->attached = arena_now();
    s->last_pid = p->pid;
    return (long)start;
}

long call_shmdt(struct process *p, word_t at)
{
    const struct area *area = area_find(p, at);
    struct sysv *o = p->arena->sysv[SYSV_MEMORY];

    if (!area || area->start != at || area->offset)
        return -EINVAL;
    while (o && ((struct memory_segment *)o)->node != area->shared)
        o = o->next;
    if (!o)
        return -EINVAL;
    struct memory_segment *s = (struct memory_segment *)o;
    for (const struct area *next = area;
         next && next->shared == s->node && next->start - at == next->offset;) {
        vaddr_t start = next->start, end = next->end;
        next = next->next;
        long e = area_unmap(p, start, end);
        if (e)
            return e;
    }
    s->detached = arena_now();
    s->last_pid = p->pid;
    free_doomed(p->arena);
    return 0;
}

static long stat(struct process *p, word_t id, word_t to)
{
    struct sysv *o;
    long e = sysv_get(p, SYSV_MEMORY, id, 0400, &o);

    if (e)
        return e;
    const struct memory_segment *s = (struct memory_segment *)o;
    const struct linux_shmid out = {
        .perm = sysv_perm(o),
        .bytes = s->bytes,
        .attached = seconds_of(s->attached),
        .detached = seconds_of(s->detached),
        .changed = seconds_of(o->changed),
        .made_by = s->made_by,
        .last_pid = s->last_pid,
        .count = places_of(p->arena, s),
    };
    return USER_PUT(p, to, &out);
}

/* SHM_LOCK and SHM_UNLOCK, 11 and 12: nothing is ever paged out. */
long call_shmctl(struct process *p, word_t id, word_t command, word_t at)
{
    struct linux_shmid given;
    struct sysv *o;

    free_doomed(p->arena);
    if (command == IPC_STAT)
        return stat(p, id, at);
    if (command != IPC_SET && command != IPC_RMID && command != 11 && command != 12)
        return -EINVAL;
    if (command == IPC_SET && USER_GET(p, &given, at))
        return -EFAULT;
    long e = sysv_own(p, SYSV_MEMORY, id, &o);
    if (e)
        return e;
    if (command == IPC_SET)
        sysv_set(o, &given.perm);
    if (command == IPC_RMID) {
        o->doomed = true;
        free_doomed(p->arena);
    }
    return 0;
}
