/* Making and ending environments of a family, their tables and their threads. */
#include "exo/abi/batch.h"
#include "libos-posix/family/disk.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/space.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/spawn.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "libos/tables.h"

#define TABLE_BYTES (512 * PAGE_SIZE)
#define PAGE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

struct kept keeper_kept[MEMBERS_MAX];
slot_t keeper_ring;
uint32_t keeper_member_end;

static enum err share(slot_t env, vaddr_t low, vaddr_t high)
{
    enum err e = ERR_OK;

    for (vaddr_t va = low & ~(FAMILY_GIB - 1); va < high && e == ERR_OK; va += FAMILY_GIB)
        e = exo_table_share(SLOT_ENV, va, env, va, 2, RIGHT_READ | RIGHT_WRITE);
    return e;
}

/* What all see. */
static enum err share_all(slot_t env)
{
    const struct frame_list *pool = POOL;
    enum err e = tables_make_for(env, FAMILY_SHARED, 3);

    if (e == ERR_OK)
        e = share(env, FAMILY_SHARED, FAMILY_SHARED + 1);
    if (e == ERR_OK)
        e = share(env, FAMILY_CORE, FAMILY->core_end);
    if (e == ERR_OK)
        e = share(env, FAMILY_EXTRA, FAMILY->extra_end);
    if (e == ERR_OK)
        e = share(env, (vaddr_t)family_frame(pool->first),
                  (vaddr_t)family_frame(pool->first + pool->count));
    return e;
}

static enum err give(slot_t env, slot_t to, slot_t from, rights_t rights)
{
    return exo_cap_copy(env, to, from, rights, 0, 0);
}

static enum err give_all(uint32_t m)
{
    const slot_t env = keeper_kept[m].env;
    enum err e = give(env, SLOT_ENV, env, RIGHT_ALL);

    if (e == ERR_OK)
        e = give(env, FAMILY_SLOT_POOL, keeper_pool, RIGHT_ALL);
    if (e == ERR_OK)
        e = give(env, FAMILY_SLOT_TASK + TASK_KEEPER, keeper_notification(), RIGHT_WRITE);
    if (e == ERR_OK && slot_cap(SLOT_CONSOLE))
        e = give(env, SLOT_CONSOLE, SLOT_CONSOLE, RIGHT_WRITE);
    if (e == ERR_OK)
        e = keeper_disk_give(env);
    if (e == ERR_OK)
        e = keeper_ring ? give(env, FAMILY_SLOT_NET, keeper_ring, RIGHT_WRITE) : ERR_OK;
    if (e == ERR_OK)
        e = exo_env_watch(env, keeper_notification(), (word_t)1 << m % MEMBER_BITS);
    return e;
}

/* A spare member: a copy of the same process before, or one that was of the same kind; with a
 * thread where it is wanted; and of those that are equal the one that was begun first. */
static uint32_t find_spare(const struct family_task *parent, word_t kind)
{
    uint32_t found = MEMBERS_MAX, best = 0;

    for (uint32_t m = 0; m < keeper_member_end; m++) {
        const struct kept *kept = &keeper_kept[m];
        if (FAMILY->members[m].state != MEMBER_SPARE)
            continue;
        const bool alike =
            kept->kind == kind && (kind || kept->parent == keeper_kept[parent->member].birth);
        const uint32_t value = 1 + alike * 2u + (FAMILY->members[m].blocks >> parent->block & 1);
        if (value > best || (value == best && kept->birth < keeper_kept[found].birth)) {
            found = m;
            best = value;
        }
    }
    return found;
}

static uint32_t find_unused(void)
{
    for (uint32_t m = 0; m < keeper_member_end; m++)
        if (FAMILY->members[m].state == MEMBER_NONE)
            return m;
    return keeper_member_end < FAMILY->member_count ? keeper_member_end++ : MEMBERS_MAX;
}

/* A thread elsewhere is of no use. */
static void use_spare(uint32_t m, uint32_t block)
{
    FAMILY->members[m].state = MEMBER_ALIVE;
    for (uint32_t b = 0; b < FAMILY_BLOCKS_MAX; b++)
        if (b != block && keeper_kept[m].threads[b])
            keeper_thread_end(keeper_kept[m].tasks[b]);
}

enum err keeper_make(const struct family_task *parent, word_t kind, uint32_t *member)
{
    uint32_t m = find_spare(parent, kind), number;
    slot_t slot;

    *member = m;
    if (m < MEMBERS_MAX) {
        use_spare(m, parent->block);
        return ERR_OK;
    }
    m = find_unused();
    if (m == MEMBERS_MAX)
        return ERR_BAD_STATE;
    *member = m;
    enum err e = spawn_env(&slot, &number);
    if (e)
        return e;
    struct member *made = &FAMILY->members[m];
    *made = (struct member){.state = MEMBER_ALIVE, .env = number};
    keeper_kept[m] = (struct kept){.env = slot, .slots = CAPS_PER_FRAME};
    e = share_all(slot);
    if (e == ERR_OK)
        e = give_all(m);
    if (e == ERR_OK)
        e = keeper_text(m);
    if (e)
        keeper_unmake(m);
    return e;
}

static enum err create(slot_t env, vaddr_t va, uint32_t level, word_t *frame)
{
    pfn_t base;
    enum err e = region_find(TABLE_FRAMES, &base);

    return e ? e : exo_table_create_get(env, SLOT_MEMORY, base, va, level, frame);
}

/* From below, since those above are there as a rule. */
static enum err create_path(slot_t env, vaddr_t va, word_t *frame)
{
    for (uint32_t level = 1; level < 4; level++) {
        enum err e = create(env, va, level, frame);
        if (e == ERR_NO_TABLE)
            continue; /* first the one above */
        if (e || level == 1)
            return e;
        level = 0; /* made one: again from below */
    }
    return ERR_NO_TABLE;
}

static enum err show(uint32_t m, uint32_t k, pfn_t frame)
{
    const vaddr_t view = (vaddr_t)family_view(m, k);
    enum err e;

    for (;;) {
        word_t unused;
        e = exo_page_bind_run(SLOT_ENV, keeper_kept[m].env, PAGE_RUN(view, 1),
                              RUN_FRAMES(frame, RIGHT_READ));
        if (e != ERR_NO_TABLE || (e = create_path(SLOT_ENV, view, &unused)) != ERR_OK)
            return e;
    }
}

enum err keeper_table(uint32_t m, vaddr_t va)
{
    struct member *member = &FAMILY->members[m];
    word_t frame;

    if (va >= FAMILY_SHARED && va - FAMILY_IMAGE >= FAMILY_GIB)
        return ERR_BAD_ARG;
    if (space_entry(m, va))
        return ERR_OK;
    if (member->table_count == MEMBER_TABLES)
        return ERR_NO_MEM;
    enum err e = create_path(keeper_kept[m].env, va, &frame);
    if (e == ERR_OK)
        e = show(m, member->table_count, (pfn_t)frame);
    if (e)
        return e;
    member->tables[member->table_count] = (uint32_t)(va / TABLE_BYTES);
    __atomic_store_n(&member->table_count, member->table_count + 1, __ATOMIC_RELEASE);
    return ERR_OK;
}

enum err keeper_bind(uint32_t m, vaddr_t va, pfn_t frame, rights_t rights, bool used)
{
    enum err e = keeper_table(m, va);

    if (e)
        return e;
    if (used && space_entry(m, va)) /* finds the table */
        family_use(&FAMILY->members[m].groups[FAMILY->members[m].table_last], va, PAGE_SIZE);
    return exo_page_bind_run(keeper_kept[m].env, keeper_pool, PAGE_RUN(va, 1),
                             RUN_FRAMES(frame, rights | RIGHTS_LATER(PAGE_RIGHTS)));
}

/* The pages of a block that are always bound. What they held was the family's. */
static enum err fill_block(uint32_t m, vaddr_t block)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i <= BLOCK_BOUND && e == ERR_OK; i++) {
        const uint32_t page = i < BLOCK_BOUND ? i : BLOCK_PAGES - 1;
        const volatile uint64_t *entry = space_entry(m, block + page * PAGE_SIZE);
        pfn_t frame;
        bool zero;
        if (entry && cpu_pte_is_bound(*entry))
            continue;
        if (!space_take(TASK_KEEPER, 1, &frame, &zero))
            return ERR_NO_MEM;
        if (page == 0 && !zero)
            memset(family_frame(frame), 0, PAGE_SIZE);
        e = keeper_bind(m, block + page * PAGE_SIZE, frame, RIGHT_READ | RIGHT_WRITE, false);
        space_let_go(TASK_KEEPER);
    }
    return e;
}

void *keeper_utcb(uint32_t task)
{
    const struct family_task *t = &FAMILY->tasks[task];

    return family_frame(cpu_pte_pfn(*space_entry(t->member, FAMILY_BLOCK(t->block))));
}

static enum err create_thread(uint32_t m, uint32_t block, uint32_t task, vaddr_t core)
{
    slot_t *slot = &keeper_kept[m].threads[block];
    pfn_t frame;
    word_t id;
    enum err e = slot_take(slot);

    if (e == ERR_OK)
        e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_thread_create_get(keeper_kept[m].env, SLOT_MEMORY, frame, FAMILY_BLOCK(block), 0,
                                  *slot, &id);
    if (e == ERR_OK && FAMILY->low_page)
        e = exo_thread_code_only(*slot, 1);
    if (e) {
        slot_delete(*slot);
        *slot = SLOT_NONE;
        return e;
    }
    FAMILY->members[m].blocks |= 1u << block;
    keeper_kept[m].tasks[block] = task;
    FAMILY->tasks[task] =
        (struct family_task){.member = m, .block = block, .thread = id, .core = core};
    struct family_place *place = (struct family_place *)((vaddr_t)keeper_utcb(task) + FAMILY_PLACE);
    *place = (struct family_place){.member = m, .task = task, .core = core};
    return ERR_OK;
}

enum err keeper_give_task(uint32_t m, uint32_t task)
{
    struct kept *kept = &keeper_kept[m];
    const slot_t to = FAMILY_SLOT_TASK + task;
    enum err e = ERR_OK;
    pfn_t frame;

    for (; to >= kept->slots && e == ERR_OK; kept->slots += e ? 0 : CAPS_PER_FRAME) {
        e = region_find(1, &frame);
        if (e == ERR_OK)
            e = exo_env_extend(kept->env, SLOT_MEMORY, frame);
    }
    return e ? e : give(kept->env, to, keeper_task_slot(task), RIGHT_READ | RIGHT_WRITE);
}

/* A task hears by its own notification, which its environment may have kept of another. Tasks take
 * turns on the CPUs that the keeper may use. */
static enum err tell(uint32_t m, uint32_t block, uint32_t task)
{
    const slot_t note = keeper_task_slot(task);
    const slot_t thread = keeper_kept[m].threads[block];
    const volatile struct cap *cpus = slot_cap(SLOT_CPU);
    enum err e = keeper_give_task(m, task);

    if (e == ERR_OK || e == ERR_IN_USE)
        e = exo_notify_bind(note, thread, 1);
    if (e == ERR_OK && cpus)
        e = exo_thread_place(thread, SLOT_CPU, cpus->base + task % cpus->count, THREAD_PRIORITY);
    return e;
}

/* The thread that a spare member kept. */
static bool use_thread(uint32_t m, vaddr_t core, uint32_t block, uint32_t *task)
{
    if (block >= FAMILY_BLOCKS_MAX || !(FAMILY->members[m].blocks >> block & 1))
        return false;
    *task = keeper_kept[m].tasks[block];
    struct family_place *place =
        (struct family_place *)((vaddr_t)keeper_utcb(*task) + FAMILY_PLACE);
    FAMILY->tasks[*task].core = place->core = core;
    place->woken = 0;
    return true;
}

/* A number of a task that is none's. The threads that are parked anywhere are given up for it.
 * TASKS_MAX: there is none. */
static uint32_t find_task(void)
{
    uint32_t t = TASK_KEEPER + 1;

    while (t < TASKS_MAX && FAMILY->tasks[t].member != TASK_NONE)
        t++;
    for (uint32_t i = TASK_KEEPER + 1; i < TASKS_MAX && t == TASKS_MAX; i++) {
        const struct family_task *task = &FAMILY->tasks[i];
        const uint32_t bit = 1u << task->block;
        if (__atomic_fetch_and(&FAMILY->members[task->member].parked, ~bit, __ATOMIC_ACQ_REL) &
            bit) {
            keeper_thread_end(i);
            t = i;
        }
    }
    return t;
}

enum err keeper_thread(uint32_t m, vaddr_t core, uint32_t block, uint32_t *task)
{
    if (use_thread(m, core, block, task))
        return ERR_OK;
    const uint32_t t = find_task();
    if (block == TASK_NONE)
        block = (uint32_t)__builtin_ctz(~FAMILY->members[m].blocks);
    if (t == TASKS_MAX || block >= FAMILY_BLOCKS_MAX)
        return ERR_BAD_STATE;
    if (!keeper_task_slot(t))
        return ERR_NO_MEM;
    enum err e = fill_block(m, FAMILY_BLOCK(block));
    if (e == ERR_OK)
        e = create_thread(m, block, t, core);
    if (e)
        return e;
    e = tell(m, block, t);
    if (e)
        keeper_thread_end(t);
    *task = t;
    return e;
}

enum err keeper_start(uint32_t task, vaddr_t ip, vaddr_t sp, word_t value)
{
    const struct family_task *t = &FAMILY->tasks[task];

    return exo_thread_start(keeper_kept[t->member].threads[t->block], ip, sp, value);
}

/* The block's pages stay for the next thread; the UTCB's is bound anew, for it holds what it held.
 */
void keeper_thread_end(uint32_t task)
{
    struct family_task *t = &FAMILY->tasks[task];
    slot_t *slot = &keeper_kept[t->member].threads[t->block];

    slot_delete(*slot);
    *slot = SLOT_NONE;
    memset(keeper_utcb(task), 0, PAGE_SIZE);
    FAMILY->members[t->member].blocks &= ~(1u << t->block);
    __atomic_fetch_and(&FAMILY->members[t->member].parked, ~(1u << t->block), __ATOMIC_RELAXED);
    *t = (struct family_task){.member = TASK_NONE};
}

void keeper_unmake(uint32_t m)
{
    struct member *member = &FAMILY->members[m];
    struct kept *kept = &keeper_kept[m];

    for (uint32_t b = 0; b < FAMILY_BLOCKS_MAX; b++)
        if (kept->threads[b])
            slot_delete(kept->threads[b]);
    for (uint32_t k = 0; k < member->table_count; k++) {
        member->groups[k] = ~(uint64_t)0; /* all there is */
        keeper_empty(m, k, 0);
    }
    slot_delete(kept->env);
    for (uint32_t k = 0; k < member->table_count; k++) /* unless it is gone */
        exo_page_unbind_run(SLOT_ENV, PAGE_RUN((vaddr_t)family_view(m, k), 1));
    for (uint32_t b = 0; b < FAMILY_BLOCKS_MAX; b++)
        if (member->blocks >> b & 1)
            FAMILY->tasks[kept->tasks[b]] = (struct family_task){.member = TASK_NONE};
    member->state = MEMBER_NONE;
    *kept = (struct kept){0};
}
