/* Contents of regular files: archive bytes below, written pages of RAM above. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/stored.h"
#include "libos-posix/posix.h"

static uint8_t *page_find(const struct node *n, uint64_t index)
{
    if (!n->pages)
        return NULL;
    const struct page_list *list = n->pages->at[index / POINTERS_PER_PAGE];
    return list ? list->at[index % POINTERS_PER_PAGE] : NULL;
}

/* The archive's bytes at `pos`: how many there are before the page ends. */
static size_t archive_extent(const struct node *n, uint64_t pos)
{
    if (!n->archive || pos >= n->archive_bytes)
        return 0;

    uint64_t in_page = PAGE_SIZE - pos % PAGE_SIZE;
    uint64_t left = n->archive_bytes - pos;
    return (size_t)(left < in_page ? left : in_page);
}

/* The page for writing: if it is not in RAM yet, it begins as what the file shows there. */
static uint8_t *page_make(struct arena *a, struct node *n, uint64_t index)
{
    uint8_t *page = page_find(n, index);
    if (page || !core_heap_has_for_files(&a->heap, PAGE_SIZE))
        return page;

    if (!n->pages)
        n->pages = core_heap_alloc(&a->heap, sizeof *n->pages);
    if (!n->pages)
        return NULL;
    void **slot = &n->pages->at[index / POINTERS_PER_PAGE];
    if (!*slot)
        *slot = core_heap_alloc(&a->heap, sizeof(struct page_list));
    struct page_list *list = *slot;
    if (!list)
        return NULL;

    page = core_heap_alloc(&a->heap, PAGE_SIZE);
    if (!page)
        return NULL;
    size_t old = archive_extent(n, index * PAGE_SIZE);
    if (old)
        memcpy(page, n->archive + index * PAGE_SIZE, old);
    __atomic_store_n(&list->at[index % POINTERS_PER_PAGE], page, __ATOMIC_RELEASE); /* posix_page */
    n->page_count++;
    a->page_count++;
    return page;
}

void *data_page(struct arena *a, struct node *n, uint64_t index)
{
    return n->stored ? stored_page(n, index) : page_make(a, n, index);
}

bool data_load(struct arena *a, struct node *n)
{
    const uint64_t pages = (n->size + PAGE_SIZE - 1) / PAGE_SIZE;
    bool good = true;

    if (n->page_count == pages || n->size > FILE_BYTES_MAX)
        return n->page_count == pages;
    for (uint64_t i = 0; i < pages && good; i++)
        good = page_make(a, n, i) != NULL;
    return good;
}

const void *posix_page(const void *file, uint64_t index, size_t *bytes)
{
    const struct node *n = file;
    const uint8_t *page = page_find(n, index);

    *bytes = page ? PAGE_SIZE : archive_extent(n, index * PAGE_SIZE);
    return page ? page : *bytes ? n->archive + index * PAGE_SIZE : (const void *)n;
}

/* Bytes to handle at `pos` in one page, at most `most`. */
static size_t piece_at(uint64_t pos, uint64_t most)
{
    uint64_t in_page = PAGE_SIZE - pos % PAGE_SIZE;
    return (size_t)(most < in_page ? most : in_page);
}

static long read_piece(const struct node *n, uint64_t pos, struct io *io, size_t bytes)
{
    const uint8_t *page = page_find(n, pos / PAGE_SIZE);
    if (page)
        return io_put(io, page + pos % PAGE_SIZE, bytes);

    size_t stored = archive_extent(n, pos);
    if (stored)
        return io_put(io, n->archive + pos, bytes < stored ? bytes : stored);
    return io_put_zeros(io, bytes);
}

long data_read(struct node *n, uint64_t pos, struct io *io)
{
    uint64_t start = pos;

    if (n->stored)
        return stored_read(n, pos, io);
    while (io->left && pos < n->size) {
        long moved = read_piece(n, pos, io, piece_at(pos, n->size - pos));
        if (moved <= 0)
            return pos > start ? (long)(pos - start) : moved;
        pos += (uint64_t)moved;
    }
    return (long)(pos - start);
}

long data_write(struct arena *a, struct node *n, uint64_t pos, struct io *io)
{
    uint64_t start = pos;
    long e = 0;

    if (n->stored)
        return stored_write(n, pos, io);
    while (io->left && !e) {
        uint8_t *page = pos < FILE_BYTES_MAX ? page_make(a, n, pos / PAGE_SIZE) : NULL;
        if (!page) {
            e = pos < FILE_BYTES_MAX ? -ENOSPC : -EFBIG;
            break;
        }
        long moved = io_get(io, page + pos % PAGE_SIZE, piece_at(pos, io->left));
        if (moved < 0)
            e = moved;
        else
            pos += (uint64_t)moved;
    }
    if (pos > n->size)
        n->size = pos;
    if (pos > start)
        n->mtime = n->ctime = arena_now();
    return pos > start ? (long)(pos - start) : e;
}

static void page_drop(struct arena *a, struct node *n, void **slot)
{
    if (!*slot)
        return;
    core_heap_free(&a->heap, *slot, PAGE_SIZE);
    *slot = NULL;
    n->page_count--;
    a->page_count--;
}

/* Frees the pages from `index` on. */
static void pages_cut(struct arena *a, struct node *n, uint64_t index)
{
    if (!n->pages)
        return;
    for (uint64_t l = index / POINTERS_PER_PAGE; l < POINTERS_PER_PAGE; l++) {
        struct page_list *list = n->pages->at[l];
        uint64_t first = l == index / POINTERS_PER_PAGE ? index % POINTERS_PER_PAGE : 0;
        if (!list)
            continue;
        for (uint64_t i = first; i < POINTERS_PER_PAGE; i++) {
            if (n->shown && list->at[i])
                memset(list->at[i], 0, PAGE_SIZE); /* somebody sees it */
            else
                page_drop(a, n, &list->at[i]);
        }
        if (!first && !n->shown) {
            core_heap_free(&a->heap, list, sizeof *list);
            n->pages->at[l] = NULL;
        }
    }
}

void data_free(struct arena *a, struct node *n)
{
    pages_cut(a, n, 0);
    core_heap_free(&a->heap, n->pages, sizeof *n->pages);
    n->pages = NULL;
}

/* Bytes behind the new end must read as zero if the file grows again. */
static long shrink(struct arena *a, struct node *n, uint64_t size)
{
    if (size % PAGE_SIZE && page_find(n, size / PAGE_SIZE))
        memset(page_find(n, size / PAGE_SIZE) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
    pages_cut(a, n, (size + PAGE_SIZE - 1) / PAGE_SIZE);
    if (n->archive_bytes > size)
        n->archive_bytes = size;
    return 0;
}

long data_resize(struct arena *a, struct node *n, uint64_t size)
{
    if (n->stored)
        return stored_resize(n, size);
    if (size > FILE_BYTES_MAX)
        return -EFBIG;
    if (size < n->size)
        shrink(a, n, size);
    n->size = size;
    n->mtime = n->ctime = arena_now();
    return 0;
}
