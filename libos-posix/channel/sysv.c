/* System V IPC: keys, numbers and owners. */
#include "libos-posix/channel/sysv.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/process/task.h"

struct sysv *sysv_find(const struct arena *a, enum sysv_kind kind, int32_t id)
{
    for (struct sysv *o = a->sysv[kind]; o; o = o->next)
        if (o->id == id)
            return o;
    return NULL;
}

static bool is_owner(const struct process *p, const struct sysv *o)
{
    return p->who.euid == o->uid || p->who.euid == o->made_by_uid;
}

/* `wanted` has bits of the owner's part of a mode. */
static long check(const struct process *p, const struct sysv *o, uint32_t wanted)
{
    uint32_t has = o->mode;

    if (is_owner(p, o))
        has >>= 6;
    else if (access_is_in_group(p, o->gid) || access_is_in_group(p, o->made_by_gid))
        has >>= 3;
    return access_is_super(p) || !(wanted >> 6 & 7 & ~has) ? 0 : -EACCES;
}

long sysv_get(const struct process *p, enum sysv_kind kind, word_t id, uint32_t wanted,
              struct sysv **out)
{
    *out = sysv_find(p->arena, kind, (int32_t)id);
    return *out ? check(p, *out, wanted) : -EINVAL;
}

long sysv_look(const struct process *p, enum sysv_kind kind, word_t key, word_t flags,
               struct sysv **out)
{
    struct sysv *o = (int32_t)key == IPC_PRIVATE ? NULL : p->arena->sysv[kind];

    while (o && (o->key != (int32_t)key || o->doomed))
        o = o->next;
    *out = o;
    if (!o)
        return flags & IPC_CREAT || (int32_t)key == IPC_PRIVATE ? 0 : -ENOENT;
    if (flags & IPC_CREAT && flags & IPC_EXCL)
        return -EEXIST;
    uint32_t wanted = (uint32_t)flags; /* in whichever part of the mode it is asked for */
    return check(p, o, (wanted | wanted << 3 | wanted << 6) & 0700);
}

long sysv_enter(struct process *p, enum sysv_kind kind, word_t key, word_t flags, struct sysv *o)
{
    struct arena *a = p->arena;

    do
        a->last_sysv = a->last_sysv < INT32_MAX ? a->last_sysv + 1 : 0;
    while (sysv_find(a, kind, a->last_sysv));
    o->id = a->last_sysv;
    o->key = (int32_t)key;
    o->uid = o->made_by_uid = p->who.euid;
    o->gid = o->made_by_gid = p->who.egid;
    o->mode = (uint32_t)flags & 0777;
    o->changed = arena_now();
    o->next = a->sysv[kind];
    a->sysv[kind] = o;
    return o->id;
}

void sysv_leave(struct arena *a, enum sysv_kind kind, struct sysv *o)
{
    struct sysv **at = &a->sysv[kind];

    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    task_wake(a, &a->sysv[kind]);
}

long sysv_own(const struct process *p, enum sysv_kind kind, word_t id, struct sysv **out)
{
    *out = sysv_find(p->arena, kind, (int32_t)id);
    if (!*out)
        return -EINVAL;
    return is_owner(p, *out) || access_is_super(p) ? 0 : -EPERM;
}

struct linux_ipc_perm sysv_perm(const struct sysv *o)
{
    return (struct linux_ipc_perm){.key = o->key,
                                   .uid = o->uid,
                                   .gid = o->gid,
                                   .made_by_uid = o->made_by_uid,
                                   .made_by_gid = o->made_by_gid,
                                   .mode = o->mode | (o->doomed ? 01000u : 0)};
}

void sysv_set(struct sysv *o, const struct linux_ipc_perm *to)
{
    o->uid = to->uid;
    o->gid = to->gid;
    o->mode = to->mode & 0777;
    o->changed = arena_now();
}

static const char *check_all_numbers(const struct sysv *first)
{
    for (const struct sysv *o = first; o; o = o->next)
        for (const struct sysv *other = o->next; other; other = other->next)
            if (o->id == other->id ||
                (o->key && o->key == other->key && !o->doomed && !other->doomed))
                return "V1: two objects have one number or key";
    return NULL;
}

static const char *check_semaphores(const struct sysv *first)
{
    for (const struct sysv *o = first; o; o = o->next) {
        const struct semaphore_set *set = (const struct semaphore_set *)o;
        for (uint32_t i = 0; i < set->count; i++)
            if (set->at[i].value < 0 || set->at[i].value > SEMAPHORE_MOST)
                return "V2: a semaphore is out of range";
    }
    return NULL;
}

static const char *check_messages(const struct sysv *first)
{
    for (const struct sysv *o = first; o; o = o->next) {
        const struct message_queue *q = (const struct message_queue *)o;
        uint64_t count = 0, bytes = 0;
        for (const struct sysv_message *m = q->first; m; m = m->next, count++)
            bytes += m->bytes;
        if (count != q->count || bytes != q->bytes)
            return "V3: a queue's messages are miscounted";
    }
    return NULL;
}

const char *sysv_check(const struct arena *a)
{
    const char *broken = check_semaphores(a->sysv[SYSV_SEMAPHORES]);

    if (!broken)
        broken = check_messages(a->sysv[SYSV_MESSAGES]);
    for (unsigned kind = 0; kind < SYSV_KINDS && !broken; kind++)
        broken = check_all_numbers(a->sysv[kind]);
    return broken;
}
