/*
 * The tree: nodes (files, directories, links, devices) and the entries that name them. It is the
 * RAM file system, and the cache of those on disks, whose nodes have `stored` (stored.h).
 *
 * A file that came from the archive keeps its bytes there; only pages that are written are copied
 * to RAM. node.c keeps the tree, data.c the contents.
 *
 * Invariants. node_check() tests them on the tree below the root and names the broken one.
 *   N1  an entry's node counts it in `links`; a directory also counts its own "." and each
 *       subdirectory's ".."
 *   N2  a directory other than the root has exactly one entry, its `self`
 *   N3  the entries of a directory are linked both ways and their cookies ascend
 */
#pragma once

#include "libos-posix/base/arena.h"

struct record;
struct stored;
struct pipe;
struct xattr;
struct watch;

#define POINTERS_PER_PAGE ((size_t)(PAGE_SIZE / sizeof(void *)))
#define FILE_BYTES_MAX    ((uint64_t)(POINTERS_PER_PAGE * POINTERS_PER_PAGE) * PAGE_SIZE)

/* Nodes whose contents the core makes up when they are opened or read. */
enum made_up {
    MADE_NOT,
    MADE_MEMINFO,
    MADE_UPTIME,
    MADE_MOUNTS,
    MADE_MOUNT_INFO,
    MADE_LOADAVG,
    MADE_VERSION,
    MADE_CPUINFO,
    MADE_SYSTEM_STAT,
    MADE_PID_MAX,
    MADE_SOMAXCONN,
    MADE_OVERCOMMIT,
    MADE_PROCESSORS,
    MADE_OWN_FILES, /* link to those of the caller */
    MADE_HOST_NAME,
    MADE_NET_TCP, /* of the Internet's sockets: those up to RAW6 have a row for each */
    MADE_NET_TCP6,
    MADE_NET_UDP,
    MADE_NET_UDP6,
    MADE_NET_RAW,
    MADE_NET_RAW6,
    MADE_NET_DEV,
    MADE_NET_ROUTE,
    MADE_NET_ADDRESSES,
    MADE_NET_UNIX,
    MADE_FIXED, /* proc_fixed[minor] */
    MADE_SELF,  /* link to the caller's directory; what follows is of the process `pid` */
    MADE_EXE,
    MADE_CWD,
    MADE_COMMAND_LINE,
    MADE_STAT,
    MADE_STATUS,
    MADE_STATM,
    MADE_COMM,
    MADE_MAPS,
    MADE_LIMITS,
    MADE_ROOT,
    MADE_FILES,      /* the directory fd */
    MADE_FILE_INFOS, /* fdinfo */
    MADE_FILE,       /* in one of them, of descriptor `minor` */
    MADE_FILE_INFO
};

struct page_list {
    void *at[POINTERS_PER_PAGE]; /* NULL: no page */
};

struct node {
    uint64_t ino;
    uint32_t mode; /* type and permissions */
    uint32_t uid, gid;
    uint32_t links;               /* N1 */
    uint32_t opens;               /* open files and working directories that hold it  */
    uint32_t writers;             /* of them, open files that may write                */
    uint32_t running;             /* processes whose program it is                     */
    uint64_t size;                /* bytes                                            */
    uint64_t atime, mtime, ctime; /* ns since 1970                                    */
    uint32_t major, minor;        /* of a device                                      */
    enum made_up made_up;
    int32_t pid;                /* made up: of which process it tells; 0: of all */
    struct stored *stored;      /* it is a file on a disk, see stored.h; NULL: of RAM */
    struct record *locks;       /* see lockf.h */
    struct xattr *xattrs;       /* see xattr.h */
    struct watch *watches;      /* see watch.h */
    struct pipe *pipe;          /* FIFO: while it is open; NULL: it is not */
    uint32_t shown;             /* areas that show its pages: they stay in RAM meanwhile */
    const uint8_t *archive;     /* file: initial contents; link: text; or NULL      */
    uint64_t archive_bytes;     /* how many of them still count                     */
    bool text_owned;            /* link: `archive` is a heap block of archive_bytes */
    struct page_list *pages;    /* file: list of lists of pages in RAM, or NULL     */
    uint64_t page_count;        /* file: pages in RAM                               */
    struct entry *first, *last; /* directory: its entries, by ascending cookie      */
    struct entry *self;         /* directory: the entry that names it; root: NULL   */
    uint64_t next_cookie;       /* directory                                        */
};

struct entry {
    struct node *parent; /* the directory it stands in */
    struct node *node;
    struct entry *next, *prev; /* in the directory */
    struct entry *hash_next;
    uint64_t cookie; /* its place when the directory is read; 2 and up */
    uint32_t bytes;  /* of the name */
    uint32_t hash;   /* of it: name_hash */
    char name[];     /* no zero at its end */
};

/* What a name hashes to, a byte after the other (FNV-1a). */
#define NAME_HASH_FIRST 2166136261u
static inline uint32_t name_hash_add(uint32_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * 16777619u;
}
uint32_t name_hash(const char *name, size_t bytes);

static inline bool node_is(const struct node *n, uint32_t type)
{
    return (n->mode & S_IFMT) == type;
}

/* A node without entries, owned by root, of the present time. NULL: no memory. */
struct node *node_create(struct arena *a, uint32_t mode);

/* Frees the node if no entry, open file or working directory holds it. */
void node_release(struct arena *a, struct node *n);

/* Holds a node against node_release, and lets go. */
void node_hold(struct node *n);
void node_drop(struct arena *a, struct node *n);

/* The entry `name` of directory `dir`, or NULL. */
struct entry *entry_find(struct arena *a, const struct node *dir, const char *name, size_t bytes);

/* The same by who knows the name's hash. */
struct entry *entry_find_hashed(struct arena *a, const struct node *dir, const char *name,
                                size_t bytes, uint32_t hash);

/* Names `n` in `dir`. Pre: 0 < bytes <= NAME_MAX; the name is free. ENOSPC; EMLINK; ENOENT: `dir`
 * was removed; EXDEV: `n` is of another file system; errors of the disk. */
long entry_add(struct arena *a, struct node *dir, const char *name, size_t bytes, struct node *n);

/* Takes an entry away; its node goes when nothing else holds it. EBUSY: something is mounted
 * there; errors of the disk. */
long entry_remove(struct arena *a, struct entry *e);

/* A node has another name, or is the other way round. Pre: as for entry_add; `replaced`, which has
 * that name now, or NULL. Errors of entry_add. */
long entry_rename(struct arena *a, struct entry *old, struct node *dir, const char *name,
                  size_t bytes, struct entry *replaced);

/* The tree alone. An entry that is nowhere yet (NULL: no memory); its putting in, without counting
 * it; its taking out and freeing, without more. */
struct entry *entry_create(struct arena *a, const char *name, size_t bytes);
void entry_attach(struct arena *a, struct node *dir, struct entry *e, struct node *n);
void entry_detach(struct arena *a, struct entry *e);

/* Frees a node, whoever holds it. */
void node_forget(struct arena *a, struct node *n);

/* Its attributes, or its contents, are others now. */
void node_change(struct node *n, bool contents);

/* The directory above `dir`; the root's is the root. */
struct node *node_parent(const struct arena *a, const struct node *dir);

/* The text of a symbolic link as seen by `p`; valid until the next call. */
const char *node_link_text(const struct process *p, const struct node *n, size_t *bytes);

/* NULL when N1 to N3 hold, else a sentence that begins with the broken invariant's name. */
const char *node_check(const struct arena *a);

struct io;

/* Move bytes of a regular file at `pos`, as far as the io and the file go. They return the count,
 * EFAULT, and for writing ENOSPC or EFBIG when nothing was moved. */
long data_read(struct node *n, uint64_t pos, struct io *io);
long data_write(struct arena *a, struct node *n, uint64_t pos, struct io *io);

/* Sets the size; new bytes are zero. EFBIG, ENOSPC. */
long data_resize(struct arena *a, struct node *n, uint64_t size);

/* The page of RAM at `index`, made if it is not there yet. NULL: no memory. */
void *data_page(struct arena *a, struct node *n, uint64_t index);

/* Has the file all of its pages in RAM? Makes them, as far as there is memory. Pre: it is of RAM.
 */
bool data_load(struct arena *a, struct node *n);

/* Frees all pages. */
void data_free(struct arena *a, struct node *n);
