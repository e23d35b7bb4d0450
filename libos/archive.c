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

/* Reads one header with its name and data at `at`, whatever it is, and moves on. */
static enum err read_entry(const struct archive *a, struct archive_cursor *at,
                           struct archive_entry *entry)
{
    uint32_t f[FIELDS];

    if (a->length - at->offset < HEADER_BYTES)
        return ERR_BAD_ARG;
    const uint8_t *header = a->bytes + at->offset;
    if (memcmp(header, "070701", 6) && memcmp(header, "070702", 6))
        return ERR_BAD_ARG;
    for (unsigned i = 0; i < FIELDS; i++)
        if (!read_field(header, i, &f[i]))
            return ERR_BAD_ARG;

    size_t room = a->length - at->offset; /* sums below cannot overflow: each term has 32 bits */
    size_t data = align4((size_t)HEADER_BYTES + f[NAMESIZE]);
    if (!f[NAMESIZE] || data > room || f[FILESIZE] > room - data)
        return ERR_BAD_ARG;
    const char *name = (const char *)header + HEADER_BYTES;
    if (name[f[NAMESIZE] - 1])
        return ERR_BAD_ARG;
    if (name[0] == '.' && name[1] == '/' && name[2])
        name += 2;
    *entry = (struct archive_entry){name,     header + data, f[FILESIZE], f[MODE], f[INODE],
                                    f[LINKS], f[MTIME],      f[UID],      f[GID],  at->archive};
    size_t end = align4(data + f[FILESIZE]);
    at->offset += end < room ? end : room;
    return ERR_OK;
}

enum err archive_next(const struct archive *a, struct archive_cursor *at,
                      struct archive_entry *entry)
{
    for (;;) {
        /* Archives are padded with zeroes to whole blocks. */
        while (at->offset < a->length && !a->bytes[at->offset])
            at->offset++;
        if (at->offset >= a->length)
            return ERR_NOT_BOUND;
        enum err e = read_entry(a, at, entry);
        if (e)
            return e;
        if (strcmp(entry->name, "TRAILER!!!"))
            return ERR_OK;
        at->archive++;
    }
}

enum err archive_find(const struct archive *a, const char *name, struct archive_entry *entry)
{
    struct archive_cursor at = {0};
    enum err e;

    do
        e = archive_next(a, &at, entry);
    while (e == ERR_OK && strcmp(entry->name, name));
    return e;
}
