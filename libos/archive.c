/* The boot archive, read where it lies; the format is in cpio(5). */
#include "libos/archive.h"

#include "libos/string.h"

#define HEADER_BYTES 110u
#define FIELD_DIGITS 8u

enum field { INODE, MODE, UID, GID, LINKS, MTIME, FILESIZE, NAMESIZE = 11, FIELDS = 13 };

/* Field `i` of a header: eight hexadecimal digits behind the magic number. */
static bool read_field(const uint8_t *header, unsigned i, uint32_t *value)
{
    const uint8_t *digit = header + 6 + i * FIELD_DIGITS;
    uint32_t v = 0;

    for (unsigned n = 0; n < FIELD_DIGITS; n++) {
        uint8_t c = digit[n];
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *value = v;
    return true;
}

static size_t align4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* An entry as far as it is read to find the next one. */
struct place {
    const uint8_t *header;
    const char *name;
    const uint8_t *data;
    uint32_t bytes;
};

/* Where the name and the data of the entry at `at` are, whatever it is; moves on. */
static enum err read_place(const struct archive *a, struct archive_cursor *at, struct place *p)
{
    uint32_t name_bytes;

    if (a->length - at->offset < HEADER_BYTES)
        return ERR_BAD_ARG;
    const uint8_t *header = a->bytes + at->offset;
    if (memcmp(header, "070701", 6) && memcmp(header, "070702", 6))
        return ERR_BAD_ARG;
    if (!read_field(header, NAMESIZE, &name_bytes) || !read_field(header, FILESIZE, &p->bytes))
        return ERR_BAD_ARG;

    size_t room = a->length - at->offset; /* sums below cannot overflow: each term has 32 bits */
    size_t data = align4((size_t)HEADER_BYTES + name_bytes);
    if (!name_bytes || data > room || p->bytes > room - data)
        return ERR_BAD_ARG;
    const char *name = (const char *)header + HEADER_BYTES;
    if (name[name_bytes - 1])
        return ERR_BAD_ARG;
    p->header = header;
    p->name = name[0] == '.' && name[1] == '/' && name[2] ? name + 2 : name;
    p->data = header + data;
    size_t end = align4(data + p->bytes);
    at->offset += end < room ? end : room;
    return ERR_OK;
}

/* The same of the next one that is a file's. */
static enum err next_place(const struct archive *a, struct archive_cursor *at, struct place *p)
{
    for (;;) {
        /* Archives are padded with zeroes to whole blocks. */
        while (at->offset < a->length && !a->bytes[at->offset])
            at->offset++;
        if (at->offset >= a->length)
            return ERR_NOT_BOUND;
        enum err e = read_place(a, at, p);
        if (e)
            return e;
        if (strcmp(p->name, "TRAILER!!!"))
            return ERR_OK;
        at->archive++;
    }
}

/* What else its header says. */
static enum err read_entry(const struct place *p, const struct archive_cursor *at,
                           struct archive_entry *entry)
{
    uint32_t f[FIELDS];

    for (unsigned i = 0; i < FIELDS; i++)
        if (!read_field(p->header, i, &f[i]))
            return ERR_BAD_ARG;
    *entry = (struct archive_entry){p->name,  p->data,  p->bytes, f[MODE], f[INODE],
                                    f[LINKS], f[MTIME], f[UID],   f[GID],  at->archive};
    return ERR_OK;
}

enum err archive_next(const struct archive *a, struct archive_cursor *at,
                      struct archive_entry *entry)
{
    struct archive_cursor next = *at;
    struct place p;
    enum err e = next_place(a, &next, &p);

    if (e == ERR_OK)
        e = read_entry(&p, &next, entry);
    if (e == ERR_OK)
        *at = next;
    return e;
}

uint32_t archive_index_slots(const struct archive *a)
{
    struct archive_cursor at = {0};
    struct place p;
    uint32_t entries = 0, slots = 1;

    while (next_place(a, &at, &p) == ERR_OK)
        entries++;
    while (slots <= entries + entries / 2)
        slots *= 2;
    return slots;
}

/* FNV-1a. */
static uint32_t hash_of(const char *name)
{
    uint32_t h = 0x811c9dc5;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x01000193;
    return h;
}

/* The slot of that name, or the free one where it would be. */
static uint32_t slot_of(const struct archive_slot *slots, uint32_t count, const char *name,
                        uint32_t hash)
{
    uint32_t i = hash;

    while (slots[i &= count - 1].name && (slots[i].hash != hash || strcmp(slots[i].name, name)))
        i++;
    return i;
}

void archive_index(struct archive *a, struct archive_slot *slots)
{
    struct archive_cursor at = {0};
    struct place p;
    const uint32_t count = archive_index_slots(a);

    memset(slots, 0, count * sizeof *slots);
    while (next_place(a, &at, &p) == ERR_OK) {
        const uint32_t hash = hash_of(p.name), i = slot_of(slots, count, p.name, hash);
        if (!slots[i].name)
            slots[i] =
                (struct archive_slot){p.name, (size_t)(p.header - a->bytes), at.archive, hash};
    }
    a->index = slots;
    a->slots = count;
}

static enum err find_by_index(const struct archive *a, const char *name,
                              struct archive_entry *entry)
{
    const struct archive_slot *s = &a->index[slot_of(a->index, a->slots, name, hash_of(name))];
    struct archive_cursor at = {s->offset, s->archive};

    return s->name ? archive_next(a, &at, entry) : ERR_NOT_BOUND;
}

enum err archive_find(const struct archive *a, const char *name, struct archive_entry *entry)
{
    if (a->index)
        return find_by_index(a, name, entry);
    struct archive_cursor at = {0};
    struct place p;
    enum err e;

    do
        e = next_place(a, &at, &p);
    while (e == ERR_OK && strcmp(p.name, name));
    return e ? e : read_entry(&p, &at, entry);
}
