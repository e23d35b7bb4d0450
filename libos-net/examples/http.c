/*
 * An HTTP server: the files of the boot image, and a page about the system, on the program's own
 * network. `http [PORT] [ADDRESS | dhcp] [card]`; the port is 80 when none is given, the
 * address 10.0.2.15; with `dhcp` a server is asked for one. Of an address only the port is taken,
 * so that several servers run side by side. On the web's two ports a filter graft keeps other
 * packets out, too. With `card` the whole of a second network card is its own.
 */
#include "libos-net/examples/http_files.h"
#include "libos-net/examples/http_pages.h"
#include "libos-net/examples/http_server.h"
#include "libos-net/address.h"
#include "libos-net/card.h"
#include "libos-net/net.h"

#include "libos/call.h"
#include "libos/archive.h"
#include "libos/book.h"
#include "libos/error.h"
#include "libos/heap.h"
#include "libos/libos.h"
#include "libos/log.h"

#include <string.h>

#define FILTER       ".exo4/filter_http.o"
#define PORT         80u
#define PORT_OTHER   8080u /* the second that the filter lets in */
#define PAGE_SLACK   1024u /* bytes: figures grow while a page is written */
#define PAGE_TRIES   3u
#define INDEX        "index.html"
#define INDEX_LENGTH (sizeof INDEX)

static struct archive archive;

typedef void (*page_writer)(struct http_text *t, const struct archive *a, const char *real);

/* Writes a page into memory of its own: as much as the last one took, or else as this one did. */
static enum http_status make_page(page_writer write, const char *real, struct http_content *out)
{
    static size_t guess;

    for (unsigned i = 0; i < PAGE_TRIES; i++) {
        size_t room = guess + guess / 8 + PAGE_SLACK;
        char *page = heap_alloc(room);
        if (!page)
            return HTTP_UNAVAILABLE;
        struct http_text t = {page, room, 0};
        write(&t, &archive, real);
        guess = t.used;
        if (!http_text_is_cut(&t)) {
            *out = (struct http_content){page, t.used, http_media_type("x.html"), page};
            return HTTP_OK;
        }
        heap_free(page);
    }
    return HTTP_UNAVAILABLE;
}

static void use_file(const struct archive_entry *file, const char *path, struct http_content *out)
{
    *out =
        (struct http_content){(const char *)file->data, file->bytes, http_media_type(path), NULL};
}

enum http_status http_find(const char *path, struct http_content *out)
{
    char real[HTTP_PATH_MAX], index[HTTP_PATH_MAX];
    struct archive_entry file;
    size_t length = strlen(path);
    enum file_kind kind = files_find(&archive, path, real, &file);
    bool wants_directory = path[length - 1] == '/';

    if (kind == FILE_NONE || (kind == FILE_REGULAR && wants_directory))
        return HTTP_NOT_FOUND;
    if (kind == FILE_REGULAR) {
        use_file(&file, path, out);
        return HTTP_OK;
    }
    if (!wants_directory)
        return HTTP_MOVED;
    if (length + INDEX_LENGTH <= sizeof index) {
        char unused[HTTP_PATH_MAX];
        memcpy(index, path, length);
        memcpy(index + length, INDEX, INDEX_LENGTH);
        if (files_find(&archive, index, unused, &file) == FILE_REGULAR) {
            use_file(&file, INDEX, out);
            return HTTP_OK;
        }
    }
    return make_page(real[0] ? page_directory : page_index, real, out);
}

void http_release(void *page)
{
    heap_free(page);
}

uint64_t http_seconds(void)
{
    return KINFO->boot_realtime + (cpu_ticks() - KINFO->tsc_boot) / (KINFO->tsc_khz * 1000);
}

static int fail(const char *what, enum err e)
{
    log_line("http: %s: %s", what, error_text(e));
    return 1;
}

/* `where`: an address, "dhcp", or NULL. `card`: NULL: a ring on the kernel's. */
static enum err open_network(uint16_t port, const char *where, struct card *card)
{
    struct net_config config = NET_CONFIG_USER;
    struct archive_entry filter;

    config.dhcp = where && !strcmp(where, "dhcp");
    config.tcp_port = port;
    config.card = card;
    if (where && !config.dhcp)
        config.address = where;
    if (!card && !config.dhcp && (port == PORT || port == PORT_OTHER)) {
        enum err e = archive_find(&archive, FILTER, &filter);
        if (e != ERR_OK)
            return e;
        config.filter = filter.data;
        config.filter_bytes = filter.bytes;
    }
    return net_open(&config);
}

/* Each request asks for names. Without memory for it the archive is searched through. */
static void index_archive(void)
{
    struct archive_slot *slots = heap_alloc(archive_index_slots(&archive) * sizeof *slots);

    if (slots)
        archive_index(&archive, slots);
}

int main(int argc, char **argv)
{
    static struct card card;
    bool own = argc > 1 && !strcmp(argv[argc - 1], "card");
    argc -= own;
    uint16_t port = argc > 1 ? address_read_port(argv[1]) : PORT;
    const char *where = argc > 2 ? argv[2] : NULL;
    enum err e = libos_setup();

    if (e != ERR_OK)
        return fail("setting up", e);
    if (port == 0 || argc > 3) {
        log_line("use: http [PORT] [ADDRESS | dhcp] [card]; the port is a number from 1 to 65535");
        return 2;
    }
    e = archive_map(&archive);
    if (e != ERR_OK)
        return fail("the boot archive", e);
    index_archive();
    if (own && card_open_any(&card, "http", NIC_RX_CSUM))
        return 1;
    e = open_network(port, where, own ? &card : NULL);
    if (e != ERR_OK)
        return fail("the network", e);
    if (!http_serve(port))
        return fail("listening", ERR_NO_MEM);
    log_line("http: serving the boot image on port %u", port);
    for (;;)
        net_poll(FOREVER);
}
