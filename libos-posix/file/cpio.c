/* Reading cpio archives of the "newc" form. */
#include "libos-posix/file/cpio.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

/* A header is the magic and 13 fields of 8 hexadecimal digits; then come the name with its zero
 * and the data, each padded to a multiple of 4 (cpio(5), "New ASCII Format"). */
#define MAGIC_BYTES  6u
#define FIELD_DIGITS 8u
#define FIELDS       13u
#define HEADER_BYTES (MAGIC_BYTES + FIELDS * FIELD_DIGITS)
#define NAME_LIMIT   4096u

enum field { INO, MODE, UID, GID, LINKS, MTIME, SIZE, MAJOR, MINOR, RMAJOR, RMINOR, NAME, CHECK };

static bool hex_parse(const uint8_t *digits, uint32_t *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < FIELD_DIGITS; i++) {
        uint8_t c = digits[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - (uint32_t)'0';
        else if (c >= 'a' && c <= 'f')
            digit = c - (uint32_t)'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - (uint32_t)'A' + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static bool header_parse(const uint8_t *at, uint32_t field[FIELDS])
{
    if (memcmp(at, "070701", MAGIC_BYTES) != 0 && memcmp(at, "070702", MAGIC_BYTES) != 0)
        return false;
    for (size_t i = 0; i < FIELDS; i++)
        if (!hex_parse(at + MAGIC_BYTES + i * FIELD_DIGITS, &field[i]))
            return false;
    return true;
}

static size_t pad4(size_t bytes)
{
    return (bytes + 3) & ~(size_t)3;
}

static void name_set(struct cpio_entry *e, const char *name, size_t bytes)
{
    while (bytes) {
        if (name[0] == '/') {
            name++;
            bytes--;
        } else if (bytes > 1 && name[0] == '.' && name[1] == '/') {
            name += 2;
            bytes -= 2;
        } else {
            break;
        }
    }
    e->name = name;
    e->name_bytes = bytes;
}

static bool is_name(const struct cpio_entry *e, const char *name, size_t bytes)
{
    return e->name_bytes == bytes && memcmp(e->name, name, bytes) == 0;
}

long cpio_next(struct cpio_reader *r, struct cpio_entry *out)
{
    while (r->left && !*r->at) { /* archives are padded with zeros */
        r->at++;
        r->left--;
    }
    if (!r->left)
        return 0;

    uint32_t field[FIELDS];
    if (r->left < HEADER_BYTES || !header_parse(r->at, field))
        return -EINVAL;
    if (!field[NAME] || field[NAME] > NAME_LIMIT || field[NAME] > r->left - HEADER_BYTES)
        return -EINVAL;
    const char *name = (const char *)r->at + HEADER_BYTES;
    if (name[field[NAME] - 1])
        return -EINVAL;

    /* The padding after the last name or data may be missing. */
    size_t data_at = pad4(HEADER_BYTES + field[NAME]);
    if (field[SIZE] && (data_at > r->left || field[SIZE] > r->left - data_at))
        return -EINVAL;
    size_t end = pad4(data_at + field[SIZE]);
    if (end > r->left)
        end = r->left;

    *out = (struct cpio_entry){
        .data = field[SIZE] ? r->at + data_at : NULL,
        .data_bytes = field[SIZE],
        .ino = field[INO],
        .mode = field[MODE],
        .uid = field[UID],
        .gid = field[GID],
        .links = field[LINKS],
        .mtime = field[MTIME],
        .dev_major = field[MAJOR],
        .dev_minor = field[MINOR],
        .rdev_major = field[RMAJOR],
        .rdev_minor = field[RMINOR],
    };
    name_set(out, name, field[NAME] - 1);
    out->is_trailer = is_name(out, "TRAILER!!!", 10);
    r->at += end;
    r->left -= end;
    return 1;
}

bool cpio_is_hidden(const struct cpio_entry *e)
{
    return e->name_bytes >= 5 && memcmp(e->name, ".exo4", 5) == 0 &&
           (e->name_bytes == 5 || e->name[5] == '/');
}

bool cpio_find(const void *archive, size_t bytes, const char *name, struct cpio_entry *out)
{
    struct cpio_reader r = {archive, bytes};
    size_t length = 0;

    while (name[length])
        length++;
    while (cpio_next(&r, out) == 1)
        if ((out->mode & 0170000u) == 0100000u && is_name(out, name, length))
            return true;
    return false;
}
