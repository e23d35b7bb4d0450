/* Contents of files on a disk: the cache of pages, and when pages get blocks. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/mount.h"

#define FILE_MOST     ((uint64_t)4 << 40) /* bytes: what indirect blocks of 4096 bytes reach */
#define MOVES_AT_ONCE 32u
#define READ_AHEAD    16u /* pages that one request fetches at most */

_Static_assert(BLOCK_BYTES == PAGE_SIZE, "a page is a block");

static struct page **bucket_of(struct mount *m, const struct node *n, uint64_t index)
{
    return &m->pages[(n->ino * 31 + index) % MOUNT_PAGES];
}

static struct page *find(const struct node *n, uint64_t index)
{
    struct page *p = *bucket_of(mount_of(n), n, index);

    while (p && (p->node != n || p->index != index))
        p = p->hash_next;
    return p;
}

static void list_remove(struct mount *m, const struct page *p)
{
    if (p->newer)
        p->newer->older = p->older;
    else
        m->newest = p->older;
    if (p->older)
        p->older->newer = p->newer;
    else
        m->oldest = p->newer;
}

static void list_add(struct mount *m, struct page *p)
{
    p->newer = NULL;
    p->older = m->newest;
    if (m->newest)
        m->newest->newer = p;
    else
        m->oldest = p;
    m->newest = p;
}

static void drop(struct mount *m, struct page *p)
{
    struct heap *heap = &arena_get()->heap;
    struct page **link = bucket_of(m, p->node, p->index);

    while (*link != p)
        link = &(*link)->hash_next;
    *link = p->hash_next;
    list_remove(m, p);
    m->page_count--;
    m->pages_changed -= p->changed;
    p->node->stored->pages--;
    core_heap_free(heap, p->bytes, PAGE_SIZE);
    core_heap_free(heap, p, sizeof *p);
}

static void change(struct page *p)
{
    struct mount *m = mount_of(p->node);

    m->pages_changed += !p->changed;
    p->changed = true;
    mount_note(m);
}

/* Pages used long ago go, but for those that memory shows. */
static void make_room(struct mount *m)
{
    if (m->page_count < m->pages_most)
        return;
    if (m->pages_changed > m->pages_most / 2)
        mount_write_pages(m);
    for (struct page *p = m->oldest, *next; p && m->page_count > m->pages_most - m->pages_most / 8;
         p = next) {
        next = p->newer;
        if (!p->changed && !p->node->shown)
            drop(m, p);
    }
}

static struct page *add(struct node *n, uint64_t index, uint64_t block)
{
    struct mount *m = mount_of(n);
    struct heap *heap = &arena_get()->heap;

    make_room(m);
    struct page *p = core_heap_alloc(heap, sizeof *p);
    uint8_t *bytes = p ? core_heap_alloc(heap, PAGE_SIZE) : NULL;
    if (!bytes) {
        core_heap_free(heap, p, sizeof *p);
        return NULL;
    }
    struct page **bucket = bucket_of(m, n, index);
    *p = (struct page){n, index, block, bytes, false, *bucket, NULL, NULL};
    *bucket = p;
    list_add(m, p);
    m->page_count++;
    n->stored->pages++;
    return p;
}

/* How many pages from `index` on lie side by side on the disk, from `block` on, and are not here.
 */
static uint32_t run_of(const struct node *n, uint64_t index, uint64_t block, uint32_t most)
{
    struct mount *m = mount_of(n);
    const uint64_t end = (n->size + PAGE_SIZE - 1) / PAGE_SIZE;
    uint32_t count = 1;
    uint64_t next;

    while (count < most && index + count < end && !find(n, index + count) &&
           !mount_ops(m)->block(m->fs, n->ino, index + count, false, &next) &&
           next == block + count)
        count++;
    return count;
}

/* The file ends in the page: what is behind it is not the file's. */
static void clear_tail(const struct node *n, const struct page *p)
{
    const uint64_t start = p->index * PAGE_SIZE;

    if (n->size < start + PAGE_SIZE)
        memset(p->bytes + (n->size > start ? n->size - start : 0), 0,
               PAGE_SIZE - (n->size > start ? n->size - start : 0));
}

/* Fetches a page that is not here, and up to `most` behind it. */
static long fetch(struct node *n, uint64_t index, uint64_t block, uint32_t most, struct page **out)
{
    struct mount *m = mount_of(n);
    struct page *pages[READ_AHEAD];
    struct blocks_move moves[READ_AHEAD];
    const uint32_t count = run_of(n, index, block, most < READ_AHEAD ? most : READ_AHEAD);
    uint32_t made = 0;

    for (; made < count && (pages[made] = add(n, index + made, block + made)) != NULL; made++)
        moves[made] = (struct blocks_move){block + made, pages[made]->bytes};
    if (!made)
        return -ENOMEM;
    if (!blocks_move(m->blocks, false, moves, made)) {
        while (made)
            drop(m, pages[--made]);
        return -EIO;
    }
    for (uint32_t i = 0; i < made; i++)
        clear_tail(n, pages[i]);
    *out = pages[0];
    return 0;
}

/* The page as the file has it now; NULL in *out: it is a hole. `most`: as of fetch. */
static long look(struct node *n, uint64_t index, uint32_t most, struct page **out)
{
    struct mount *m = mount_of(n);
    uint64_t block;

    *out = find(n, index);
    if (*out) {
        list_remove(m, *out);
        list_add(m, *out);
        return 0;
    }
    if (index >= (n->size + PAGE_SIZE - 1) / PAGE_SIZE)
        return 0;
    long e = mount_ops(m)->block(m->fs, n->ino, index, false, &block);
    return e || !block ? e : fetch(n, index, block, most, out);
}

static size_t piece_at(uint64_t pos, uint64_t most)
{
    uint64_t in_page = PAGE_SIZE - pos % PAGE_SIZE;
    return (size_t)(most < in_page ? most : in_page);
}

long stored_read(struct node *n, uint64_t pos, struct io *io)
{
    const uint64_t start = pos;
    long moved = 0;

    while (io->left && pos < n->size && moved >= 0) {
        const size_t bytes = piece_at(pos, n->size - pos);
        struct page *p;
        moved = look(n, pos / PAGE_SIZE, 1 + (uint32_t)(io->left / PAGE_SIZE), &p);
        if (!moved)
            moved = p ? io_put(io, p->bytes + pos % PAGE_SIZE, bytes) : io_put_zeros(io, bytes);
        if (moved > 0)
            pos += (uint64_t)moved;
    }
    return pos > start ? (long)(pos - start) : moved;
}

/* Gives a page its block. */
static long place(struct page *p)
{
    struct node *n = p->node;
    struct mount *m = mount_of(n);
    long e;

    if (p->block)
        return 0;
    do
        e = mount_ops(m)->block(m->fs, n->ino, p->index, true, &p->block);
    while (mount_try_again(m, e));
    if (!e)
        blocks_forget(m->blocks, p->block);
    if (!e)
        stored_change(n);
    return e;
}

/* The page for writing all of it, or only a part. */
static long page_for(struct node *n, uint64_t index, bool whole, struct page **out)
{
    struct mount *m = mount_of(n);
    uint64_t block = 0;

    *out = find(n, index);
    long e = *out || whole ? 0 : look(n, index, 1, out);
    if (!e && !*out && whole)
        e = mount_ops(m)->block(m->fs, n->ino, index, false, &block);
    if (!e && !*out && !(*out = add(n, index, block)))
        e = -ENOMEM;
    return e ? e : place(*out);
}

static long write_pieces(struct node *n, uint64_t *pos, struct io *io)
{
    long moved = 0;

    while (io->left && moved >= 0) {
        const size_t bytes = piece_at(*pos, io->left);
        struct page *p;
        moved = *pos < FILE_MOST ? page_for(n, *pos / PAGE_SIZE,
                                            bytes == PAGE_SIZE && io_is_whole(io, bytes), &p)
                                 : -EFBIG;
        if (!moved)
            moved = io_get(io, p->bytes + *pos % PAGE_SIZE, bytes);
        if (moved <= 0)
            break;
        change(p);
        *pos += (uint64_t)moved;
    }
    return moved < 0 ? moved : 0;
}

long stored_write(struct node *n, uint64_t pos, struct io *io)
{
    const uint64_t start = pos;
    struct mount *m = mount_of(n);

    mount_look(m);
    long e = mount_begin(m);

    if (e)
        return e;
    e = write_pieces(n, &pos, io);
    if (pos > n->size)
        n->size = pos;
    if (pos > start)
        node_change(n, true);
    mount_end(m);
    return pos > start ? (long)(pos - start) : e;
}

void mount_drop_pages(struct node *n, uint64_t index)
{
    struct mount *m = mount_of(n);

    for (struct page *p = m->newest, *next; p && n->stored->pages; p = next) {
        next = p->older;
        if (p->node == n && p->index >= index)
            drop(m, p);
    }
}

/* What memory shows stays, and reads as zero. */
static void cut_pages(struct node *n, uint64_t index)
{
    struct mount *m = mount_of(n);

    if (!n->shown) {
        mount_drop_pages(n, index);
        return;
    }
    for (struct page *p = m->newest; p; p = p->older) {
        if (p->node != n || p->index < index)
            continue;
        memset(p->bytes, 0, PAGE_SIZE);
        m->pages_changed -= p->changed;
        p->changed = false;
        p->block = 0;
    }
}

/* Bytes behind the new end must read as zero if the file grows again. */
static long shrink(struct node *n, uint64_t size)
{
    struct mount *m = mount_of(n);
    struct page *p = NULL;
    long e = size % PAGE_SIZE ? look(n, size / PAGE_SIZE, 1, &p) : 0;

    if (!e)
        e = mount_ops(m)->cut(m->fs, n->ino, (size + PAGE_SIZE - 1) / PAGE_SIZE);
    if (e)
        return e;
    if (p) {
        memset(p->bytes + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
        if (p->block)
            change(p);
    }
    cut_pages(n, (size + PAGE_SIZE - 1) / PAGE_SIZE);
    return 0;
}

long stored_resize(struct node *n, uint64_t size)
{
    struct mount *m = mount_of(n);

    mount_look(m);
    long e = size > FILE_MOST ? -EFBIG : mount_begin(m);

    if (e)
        return e;
    if (size < n->size)
        e = shrink(n, size);
    if (!e) {
        n->size = size;
        node_change(n, true);
    }
    mount_end(m);
    return e;
}

/* A hole gets a page of zeros, without a block. */
void *stored_page(struct node *n, uint64_t index)
{
    struct page *p;

    if (look(n, index, 1, &p))
        return NULL;
    if (!p)
        p = add(n, index, 0);
    return p ? p->bytes : NULL;
}

/* All pages get blocks now, since nobody can be told later that the disk is full. */
long stored_show(struct node *n, uint64_t from, uint64_t bytes)
{
    struct mount *m = mount_of(n);
    const uint64_t end = (n->size + PAGE_SIZE - 1) / PAGE_SIZE;
    long e = mount_begin(m);

    if (e)
        return e;
    for (uint64_t i = from / PAGE_SIZE; i < (from + bytes) / PAGE_SIZE && i < end && !e; i++) {
        struct page *p;
        e = page_for(n, i, false, &p);
    }
    m->shown += !e && !n->stored->shown;
    n->stored->shown |= !e;
    mount_end(m);
    return e;
}

void stored_hide(struct node *n)
{
    struct mount *m = mount_of(n);

    for (struct page *p = m->newest; p && n->stored->shown; p = p->older)
        if (p->node == n && p->block)
            change(p);
    m->shown -= n->stored->shown;
    n->stored->shown = false;
}

static bool is_to_write(const struct page *p)
{
    return p->block && (p->changed || p->node->stored->shown);
}

bool mount_write_pages(struct mount *m)
{
    struct page *pages[MOVES_AT_ONCE];
    struct blocks_move moves[MOVES_AT_ONCE];
    size_t count = 0;

    if (!m->pages_changed && !m->shown)
        return true;
    for (struct page *p = m->oldest; p; p = p->newer) {
        if (is_to_write(p)) {
            pages[count] = p;
            moves[count++] = (struct blocks_move){p->block, p->bytes};
        }
        if (count < MOVES_AT_ONCE && p->newer)
            continue;
        if (count && !blocks_move(m->blocks, true, moves, count))
            return false;
        for (size_t i = 0; i < count; i++) {
            m->pages_changed -= pages[i]->changed;
            pages[i]->changed = false;
        }
        count = 0;
    }
    return true;
}
