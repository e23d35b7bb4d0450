/* For test_disk.py. `write`: blocks of this life become durable, it says so, and goes on writing
 * others until the machine is killed. `read`: the same blocks hold what the life before wrote. */
#include "libos/disk.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"

#define FIRST 10u  /* durable: blocks FIRST to FIRST + COUNT - 1; each byte is its block's number */
#define COUNT 8u
#define NOISE 100u /* blocks from here on are written for ever */

static int write_for_ever(struct disk *d)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < COUNT; i++)
        memset(disk_page(d, i), (int)(FIRST + i), DISK_BLOCK_BYTES);
    e = disk_write(d, FIRST, COUNT, 0);
    if (e == ERR_OK)
        e = disk_flush(d);
    log_line("durable: %s", error_text(e));
    for (uint32_t i = 0; e == ERR_OK; i++)
        e = disk_write(d, NOISE + i % COUNT, 1, i % COUNT);
    return 1;
}

static int read_back(struct disk *d)
{
    uint32_t wrong = 0;

    if (disk_read(d, FIRST - 1, COUNT + 2, 0))
        return 1;
    for (uint32_t i = 0; i < COUNT + 2; i++) {
        const uint8_t *bytes = disk_page(d, i);
        uint8_t want = i >= 1 && i <= COUNT ? (uint8_t)(FIRST + i - 1) : 0;
        for (uint32_t n = 0; n < DISK_BLOCK_BYTES; n++)
            wrong += bytes[n] != want;
    }
    log_line("%u bytes are wrong", wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    struct disk d;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = disk_open(&d, SLOT_DISK, COUNT + 2);
    if (e) {
        log_error_line("disk: %s", error_text(e));
        return 2;
    }
    return argc > 1 && !strcmp(argv[1], "write") ? write_for_ever(&d) : read_back(&d);
}
