/*
 * A web server round the stack: the files of the boot image, as packets (libos-net/direct/).
 * `http_direct [PORT] [ADDRESS] [card]`; the port is 80 when none is given, the address 10.0.2.15.
 * Of an address on the kernel's card only the port is taken; with `card` the whole of a second card
 * is its own.
 */
#include "libos-net/address.h"
#include "libos-net/direct/server.h"
#include "libos-net/examples/http_files.h"
#include "libos-net/keys.h"

#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"

#define PORT         80u
#define ADDRESS      "10.0.2.15"
#define ARENA_FRAMES 1024u  /* 4 MiB */
#define IDLE_LOOKS   10000u /* at a card, before it sleeps */
#define INDEX        "index.html"

static struct archive archive;
static struct server server;

enum http_status direct_find(const char *path, struct source *out)
{
    char real[HTTP_PATH_MAX], index[CACHE_PATH + sizeof INDEX], unused[HTTP_PATH_MAX];
    struct archive_entry file;
    size_t length = strlen(path);
    enum file_kind kind = files_find(&archive, path, real, &file);
    const char *name = path;

    if (kind == FILE_NONE || (kind == FILE_REGULAR && path[length - 1] == '/'))
        return HTTP_NOT_FOUND;
    if (kind == FILE_DIRECTORY) {
        if (path[length - 1] != '/')
            return HTTP_MOVED;
        memcpy(index, path, length);
        memcpy(index + length, INDEX, sizeof INDEX);
        if (files_find(&archive, index, unused, &file) != FILE_REGULAR)
            return HTTP_NOT_FOUND;
        name = INDEX;
    }
    if (file.bytes > INT32_MAX / 2)
        return HTTP_NOT_FOUND; /* an answer is less than half of all sequence numbers */
    *out = (struct source){file.data, (uint32_t)file.bytes, http_media_type(name)};
    return HTTP_OK;
}

static enum err open_outlet(bool own, uint32_t address, uint16_t port, struct outlet **o)
{
    static struct card card;
    static struct card_outlet on_card;
    static struct ring_outlet on_ring;
    enum err e;

    if (own) {
        *o = &on_card.outlet;
        e = card_open_any(&card, "http_direct", NIC_RX_CSUM);
        return e == ERR_OK ? card_outlet_open(&on_card, &card, ARENA_FRAMES) : e;
    }
    *o = &on_ring.outlet;
    e = ring_outlet_open(&on_ring, ARENA_FRAMES);
    return e == ERR_OK ? keys_bind_port(on_ring.link.slot, address, KEYS_TCP, port) : e;
}

static int fail(const char *what, enum err e)
{
    log_error_line("http_direct: %s: %s", what, error_text(e));
    return 1;
}

int main(int argc, char **argv)
{
    struct outlet *o = NULL;
    bool own = argc > 1 && !strcmp(argv[argc - 1], "card");
    argc -= own;
    uint16_t port = argc > 1 ? address_read_port(argv[1]) : PORT;
    uint32_t address = address_read(argc > 2 ? argv[2] : ADDRESS);
    enum err e = libos_setup();

    if (e)
        return fail("setting up", e);
    if (!port || !address || argc > 3) {
        log_error_line("use: http_direct [PORT] [ADDRESS] [card]; such as 80 10.0.2.15");
        return 2;
    }
    e = archive_map(&archive);
    if (e)
        return fail("the boot archive", e);
    e = open_outlet(own, address, port, &o);
    if (e)
        return fail("the network", e);
    server_begin(&server, o, address, port);
    log_line("http_direct: serving the boot image on port %u%s", port,
             own ? ", on a card of its own" : "");
    server_run(&server, own ? IDLE_LOOKS : 0);
    return fail("the card ended", ERR_BAD_STATE);
}
