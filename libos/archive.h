/*
 * The boot archive: "newc" cpio archives, one behind the other, read where they lie. The first
 * holds the system's own files under `.exo4/`; the others are the root file system. The bytes may
 * be hostile: nothing outside them is read.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* A name's place in an index; name NULL: free. */
struct archive_slot {
    const char *name;
    size_t offset;
    uint32_t archive;
    uint32_t hash;
};

struct archive {
    const uint8_t *bytes;
    size_t length;
    const struct archive_slot *index; /* by archive_index(); NULL: names are looked for */
    uint32_t slots;
};

struct archive_entry {
    const char *name; /* NUL-terminated, in the archive, without a leading "./" */
    const uint8_t *data;
    size_t bytes;   /* of data */
    uint32_t mode;  /* POSIX st_mode: type and permissions */
    uint32_t inode; /* within its archive; equal ones with links > 1 are hard links */
    uint32_t links;
    uint32_t mtime; /* seconds since 1970 */
    uint32_t uid, gid;
    uint32_t archive; /* number of the archive it is in, 0 first */
};

/* A place in the archives. All zeroes is the beginning. */
struct archive_cursor {
    size_t offset;
    uint32_t archive;
};

/* Reads the entry at the cursor and moves it on. Trailers between archives are stepped over.
 * NOT_BOUND: no more entries. BAD_ARG: what is there is no archive, or is cut short. */
enum err archive_next(const struct archive *a, struct archive_cursor *at,
                      struct archive_entry *entry);

/* The first entry of that name, which has no leading "./". Errors as archive_next. */
enum err archive_find(const struct archive *a, const char *name, struct archive_entry *entry);

/* Slots that an index of the archive takes: a power of two, about twice its entries. */
uint32_t archive_index_slots(const struct archive *a);

/* Has archive_find() look into an index from now on, which lies in `slots`, as many as
 * archive_index_slots() says; they are the archive's as long as it is used. For who asks often: it
 * takes as long as finding two names that are not there. */
void archive_index(struct archive *a, struct archive_slot *slots);

/* Maps the archive that the program holds in SLOT_ARCHIVE. BAD_CAP: it holds none. Errors of
 * vm_map_frames. Pre: vm_init(). */
enum err archive_map(struct archive *a);

/* The words of a member, each ended by a NUL, as a list ended by NULL; an empty list when there is
 * no such member. From the heap. NO_MEM. */
enum err archive_words(const struct archive *a, const char *name, const char ***words);
