/* The keeper: the memory of a family, and serving its requests. */
#include "libos-posix/family/keeper.h"

#include <l4/ipc.h>

#include "exo/abi/batch.h"
#include "exo/abi/l4.h"
#include "libos-posix/family/disk.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/frames.h"
#include "libos/notify.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/upcall.h"
#include "libos/vm.h"

#define LEAST_FRAMES  1024u /* that are worth a family */
#define LARGE_ALIGN   9u
#define LOST_BITS     (((word_t)1 << MEMBER_BITS) - 1)
#define LEAST_MEMBER  64u /* frames of the pool for each that there may be */
#define MEMBERS_LEAST 16u

slot_t keeper_pool;
static slot_t events;                /* the keeper's notification */
static slot_t tasks_slot[TASKS_MAX]; /* notification of each task; made when it is needed first */
static bool sweep_is_due;

slot_t keeper_notification(void)
{
    return events;
}

/* Of the keeper's CPU, and so none that could run before the keeper stops (decision 60)? */
static bool is_neighbour(uint32_t task)
{
    const volatile struct cap *cpus = slot_cap(SLOT_CPU);

    return !cpus || cpus->base + FAMILY->tasks[task].cpu == *book_tcr(TCR_PROCESSOR);
}

void keeper_wake(uint32_t task, word_t bits)
{
    const slot_t slot = task == TASK_KEEPER ? events : tasks_slot[task];

    if (task == TASK_KEEPER || !is_neighbour(task))
        exo_notify(slot, bits);
    else if (!notify_is_deferred(slot))
        notify_defer(slot, bits);
}

slot_t keeper_task_slot(uint32_t task)
{
    if (task == TASK_KEEPER)
        return events;
    if (!tasks_slot[task] && notify_new(&tasks_slot[task]))
        tasks_slot[task] = SLOT_NONE;
    return tasks_slot[task];
}

/* Memory for records, which is not the pool's, zero. */
static enum err map_own(vaddr_t va, uint64_t bytes)
{
    uint32_t pages = (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
    slot_t slot;
    pfn_t first;
    enum err e = spawn_tables(SLOT_ENV, va, va + bytes);

    if (e == ERR_OK)
        e = region_frames(pages, &slot, &first);
    if (e == ERR_OK)
        e = spawn_bind(SLOT_ENV, slot, va, first, pages, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        memset((void *)va, 0, pages * PAGE_SIZE);
    return e;
}

/* The most that begins at 2 MiB, up to `most` frames. */
static enum err take_pool(uint32_t most, pfn_t *first, uint32_t *count)
{
    enum err e = slot_take(&keeper_pool);

    for (*count = most & ~(LARGE_PAGES - 1); e == ERR_OK && *count >= LEAST_FRAMES;
         *count -= LARGE_PAGES) {
        word_t found;
        e = exo_frames_find_get(SLOT_MEMORY, FRAME_RANGE_ALL, *count, LARGE_ALIGN, ~(word_t)0,
                                keeper_pool, &found);
        *first = (pfn_t)found;
        if (e != ERR_NO_MEM)
            return e;
        e = ERR_OK;
    }
    slot_give(keeper_pool);
    return ERR_NO_MEM;
}

/* The pool as it is in memory, by large pages. */
static enum err show_pool(pfn_t first, uint32_t count)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < count && e == ERR_OK; i += LARGE_PAGES) {
        vaddr_t va = (vaddr_t)family_frame(first + i);
        if (i == 0 || va % FAMILY_GIB == 0)
            e = tables_make_for(SLOT_ENV, va, 2);
        if (e == ERR_OK)
            e = exo_page_bind_run(SLOT_ENV, keeper_pool, PAGE_RUN(va, 1),
                                  RUN_FRAMES(first + i, RIGHT_READ | RIGHT_WRITE | PAGE_LARGE));
    }
    return e;
}

static slot_t nothing; /* a frame of zeroes, in place of a view that is gone */
static pfn_t nothing_frame;

/* The views go with an environment, which an outsider may end while the keeper looks at them. */
static bool on_fault(struct libos_regs *r)
{
    const vaddr_t page = r->frame.address & ~(PAGE_SIZE - 1);

    return member_place()->member == TASK_NONE && r->frame.vector == CPU_VECTOR_PAGE_FAULT &&
           page - FAMILY_VIEWS < MEMBERS_MAX * MEMBER_TABLES * PAGE_SIZE &&
           exo_page_bind_run(SLOT_ENV, nothing, PAGE_RUN(page, 1),
                             RUN_FRAMES(nothing_frame, RIGHT_READ)) == ERR_OK;
}

static enum err begin_views(void)
{
    enum err e = region_frames(1, &nothing, &nothing_frame);
    vaddr_t va = 0;

    if (e == ERR_OK)
        e = vm_map_frames(nothing, nothing_frame, 1, &va, RIGHT_READ | RIGHT_WRITE);
    if (e)
        return e;
    memset((void *)va, 0, PAGE_SIZE);
    vm_unmap(va, PAGE_SIZE);
    libos_segv_hook = on_fault;
    return ERR_OK;
}

static enum err begin_records(pfn_t first, uint32_t count)
{
    uint32_t members = count / LEAST_MEMBER < MEMBERS_LEAST ? MEMBERS_LEAST : count / LEAST_MEMBER;
    members = members < MEMBERS_MAX ? members : MEMBERS_MAX;
    enum err e = map_own(FAMILY_SHARED, sizeof(struct family) + members * sizeof(struct member));

    if (e == ERR_OK)
        e = map_own(FAMILY_LIST, frame_list_bytes(count));
    if (e)
        return e;
    frame_list_init(POOL, first, count);
    FAMILY->member_count = members;
    FAMILY->keeper = *book_tcr(TCR_GLOBAL_ID);
    FAMILY->core_end = FAMILY_CORE;
    FAMILY->extra_end = FAMILY_EXTRA;
    for (uint32_t i = 0; i < TASKS_MAX; i++)
        FAMILY->tasks[i].member = TASK_NONE;
    e = begin_views();
    if (e)
        return e;
    *member_place() = (struct family_place){.member = TASK_NONE, .task = TASK_KEEPER};
    e = notify_new(&events);
    if (e == ERR_OK)
        e = exo_notify_bind(events, SLOT_THREAD, ~(word_t)0);
    if (e)
        return e;
    e = keeper_disk_begin();
    return e == ERR_NO_DEVICE ? ERR_OK : e;
}

enum err keeper_begin(uint32_t most)
{
    const uint64_t free = region_free_count() + frames_free_count();
    pfn_t first;
    uint32_t count;

    const uint64_t least = free - free / 8;
    enum err e = take_pool(least < most ? (uint32_t)least : most, &first, &count);
    if (e == ERR_OK)
        e = show_pool(first, count);
    return e ? e : begin_records(first, count);
}

enum err keeper_show(slot_t frames, pfn_t first, uint32_t count, rights_t rights, vaddr_t *va)
{
    enum err e = ERR_OK;

    *va = FAMILY->extra_end;
    if (count > (FAMILY_POOL - *va) / PAGE_SIZE)
        return ERR_NO_MEM;
    for (uint32_t done = 0, part; done < count && e == ERR_OK; done += part) {
        vaddr_t at = *va + done * PAGE_SIZE;
        part = count - done < BATCH_MAX ? count - done : BATCH_MAX;
        e = spawn_tables(SLOT_ENV, at, at + part * PAGE_SIZE);
        if (e == ERR_OK)
            e = exo_page_bind_run(SLOT_ENV, frames, PAGE_RUN(at, part),
                                  RUN_FRAMES(first + done, rights));
    }
    if (e == ERR_OK)
        FAMILY->extra_end += count * PAGE_SIZE;
    return e;
}

/* Where the arena reaches a new gigabyte, all that live see it, too. */
static enum err share_core(vaddr_t va)
{
    enum err e = ERR_OK;

    for (uint32_t m = 0; m < FAMILY->member_count && e == ERR_OK; m++)
        if (FAMILY->members[m].state != MEMBER_NONE)
            e = exo_table_share(SLOT_ENV, va, keeper_kept[m].env, va, 2, RIGHT_READ | RIGHT_WRITE);
    return e;
}

/* One piece of up to `pages` frames at `va`. */
static enum err extend_part(vaddr_t va, uint32_t pages, uint32_t *done)
{
    pfn_t first;
    bool zero;
    uint32_t *record = family_core_frame(va);
    vaddr_t page = (vaddr_t)record & ~(PAGE_SIZE - 1);

    if (va % (PAGE_SIZE * (PAGE_SIZE / sizeof *record)) == 0) {
        enum err e = map_own(page, PAGE_SIZE);
        if (e)
            return e;
    }
    *done = space_take(TASK_KEEPER, pages, &first, &zero);
    if (!*done)
        return ERR_NO_MEM;
    if (!zero)
        memset(family_frame(first), 0, *done * PAGE_SIZE);
    for (uint32_t i = 0; i < *done; i++) {
        frame_list_share(POOL, first + i);
        record[i] = first + i;
    }
    enum err e = exo_page_bind_run(SLOT_ENV, keeper_pool, PAGE_RUN(va, *done),
                                   RUN_FRAMES(first, RIGHT_READ | RIGHT_WRITE));
    space_let_go(TASK_KEEPER);
    return e;
}

enum err keeper_extend(vaddr_t va, uint64_t bytes)
{
    const bool new = va % FAMILY_GIB == 0;
    enum err e = ERR_OK;

    if (va != FAMILY->core_end || bytes % (2u << 20) || va + bytes > FAMILY_END)
        return ERR_BAD_ARG;
    for (uint32_t done; FAMILY->core_end < va + bytes && e == ERR_OK;) {
        vaddr_t at = FAMILY->core_end;
        uint32_t pages = (uint32_t)((va + bytes - at) / PAGE_SIZE);
        if (at % (2u << 20) == 0)
            e = spawn_tables(SLOT_ENV, at, at + (2u << 20));
        uint32_t rest = 512 - (uint32_t)(at / PAGE_SIZE % 512);
        if (e == ERR_OK)
            e = extend_part(at, pages < rest ? pages : rest, &done);
        if (e == ERR_OK)
            FAMILY->core_end += done * PAGE_SIZE;
    }
    return e == ERR_OK && new ? share_core(va) : e;
}

/* A thread of the process of `task`, which runs words[1] with what is at words[2]. */
static enum err start_thread(uint32_t task, const word_t words[3], uint32_t *made)
{
    const uint32_t m = FAMILY->tasks[task].member;
    const void *data = keeper_look(m, words[2], FAMILY_START_BYTES);

    if (!data)
        return ERR_BAD_ARG;
    enum err e = keeper_thread(m, words[0], TASK_NONE, made);
    if (e)
        return e;
    const vaddr_t block = FAMILY_BLOCK(FAMILY->tasks[*made].block);
    memcpy((uint8_t *)keeper_utcb(*made) + FAMILY_START, data, FAMILY_START_BYTES);
    e = keeper_start(*made, words[1], block + BLOCK_BYTES - 8, block + FAMILY_START);
    if (e)
        keeper_thread_end(*made);
    return e;
}

static enum err give_notification(uint32_t member, word_t task)
{
    return task >= TASKS_MAX ? ERR_BAD_ARG : keeper_give_task(member, (uint32_t)task);
}

/* Performs what `task` asks, and is answered. */
static enum err perform_once(uint32_t request, uint32_t task, const word_t words[3],
                             uint32_t *answer)
{
    const uint32_t member = FAMILY->tasks[task].member;

    switch (request) {
    case REQUEST_TABLE:
        return keeper_table(member, words[0]);
    case REQUEST_EXTEND:
        return keeper_extend(words[0], words[1]);
    case REQUEST_FORK:
        return keeper_fork(task, words, answer);
    case REQUEST_THREAD:
        return start_thread(task, words, answer);
    case REQUEST_NOTIFY:
        return give_notification(member, words[0]);
    case REQUEST_MEMORY:
        return keeper_strip() ? ERR_OK : ERR_NO_MEM;
    default:
        return ERR_BAD_ARG;
    }
}

static enum err perform(uint32_t request, uint32_t task, const word_t words[3], uint32_t *answer)
{
    enum err e = perform_once(request, task, words, answer);

    return e == ERR_NO_MEM && keeper_strip() ? perform_once(request, task, words, answer) : e;
}

/* The same for requests to end, of which nobody is left who could be answered. */
static bool perform_end(uint32_t request, uint32_t task, const struct keeper_work *work,
                        const char **broken)
{
    const uint32_t member = FAMILY->tasks[task].member;
    const vaddr_t core = FAMILY->tasks[task].core;

    if (request == REQUEST_THREAD_END)
        keeper_thread_end(task);
    else if (request == REQUEST_END)
        keeper_retire(task);
    else if (request == REQUEST_ABORT)
        keeper_unmake(member);
    else
        return false;
    if (request == REQUEST_ABORT && work->lost)
        *broken = work->lost(core);
    return true;
}

/* Answers a message, whose sender is a thread of the family if it says its own number. */
static L4_ThreadId_t serve(L4_MsgTag_t tag, L4_ThreadId_t from, const struct keeper_work *work,
                           const char **broken)
{
    L4_Word_t *mr = L4_Utcb();
    const uint32_t request = (uint32_t)(tag.raw >> 16);
    const word_t task = mr[1], words[3] = {mr[2], mr[3], mr[4]};
    uint32_t answer = 0;

    if (task >= TASKS_MAX || FAMILY->tasks[task].member == TASK_NONE ||
        FAMILY->tasks[task].thread != from.raw)
        return L4_nilthread;
    if (perform_end(request, (uint32_t)task, work, broken))
        return L4_nilthread;
    enum err e = perform(request, (uint32_t)task, words, &answer);
    if (request == REQUEST_FORK && (words[2] & FORK_MOVE) && e == ERR_OK) {
        keeper_retire((uint32_t)task);
        return L4_nilthread;
    }
    mr[0] = 2;
    mr[1] = (word_t)e;
    mr[2] = answer;
    return from;
}

/* Environments that ended without asking. */
static const char *bury(word_t bits, const struct keeper_work *work)
{
    const char *broken = NULL;

    for (uint32_t m = 0; m < FAMILY->member_count && !broken; m++) {
        vaddr_t core = 0;
        if (!(bits >> m % MEMBER_BITS & 1) || FAMILY->members[m].state == MEMBER_NONE)
            continue;
        if (book_env_read(FAMILY->members[m].env).state == ENV_ALIVE &&
            book_env_read(FAMILY->members[m].env).threads)
            continue; /* of one that had the number before, or has the same bit */
        for (uint32_t t = 0; t < TASKS_MAX && !core; t++)
            if (FAMILY->tasks[t].member == m)
                core = FAMILY->tasks[t].core;
        bool was_spare = FAMILY->members[m].state == MEMBER_SPARE;
        keeper_unmake(m);
        sweep_is_due = true;
        if (work->lost && !was_spare)
            broken = work->lost(core);
    }
    return broken;
}

static L4_Time_t time_until(uint64_t deadline)
{
    const uint64_t now = cpu_ticks();

    if (deadline == FOREVER)
        return L4_Never;
    if (deadline <= now)
        return L4_ZeroTime;
    return L4_TimePeriod((deadline - now) * 1000 / KINFO->tsc_khz + 1);
}

void keeper_pause(uint64_t deadline)
{
    L4_ThreadId_t from;

    L4_Ipc(L4_nilthread, L4_anythread, L4_Timeouts(L4_ZeroTime, time_until(deadline)), &from);
}

const char *keeper_run(const struct keeper_work *work)
{
    L4_ThreadId_t to = L4_nilthread, from;
    const char *broken = NULL;
    word_t bits = 0;

    while (!broken) {
        uint64_t deadline = FOREVER;
        if (sweep_is_due)
            sweep_is_due = !keeper_sweep();
        if (work->step && work->step(bits, &deadline))
            break;
        if (sweep_is_due && deadline == FOREVER)
            deadline = cpu_ticks() + KINFO->tsc_khz;
        if (to.raw != L4_nilthread.raw) /* the answer may go by a path that looks at nothing else */
            notify_deferred();
        L4_MsgTag_t tag =
            L4_Ipc(to, L4_anythread, L4_Timeouts(L4_ZeroTime, time_until(deadline)), &from);
        to = L4_nilthread;
        bits = 0;
        if (L4_IpcFailed(tag))
            continue; /* who asked is gone, or it is time */
        if (from.raw != L4_BOUND) {
            to = serve(tag, from, work, &broken);
            continue;
        }
        bits = L4_Utcb()[1];
        if (bits & LOST_BITS)
            broken = bury(bits & LOST_BITS, work);
    }
    return broken;
}

void keeper_end(void)
{
    for (uint32_t m = 0; m < FAMILY->member_count; m++)
        if (FAMILY->members[m].state != MEMBER_NONE)
            keeper_unmake(m);
}
