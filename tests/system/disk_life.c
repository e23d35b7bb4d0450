/* For test_disk.py. `write`: blocks of this life become durable, it says so, and goes on writing
 * others until the machine is killed. `read`: the same blocks hold what the life before wrote. */
#include "libos/disk.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"
#include "tests/system/life.h"

#define NOISE 100u /* blocks from here on are written for ever */

static int write_for_ever(struct disk *d)
{
    enum err e = ERR_OK;

    life_fill(disk_page(d, 0));
    e = disk_write(d, LIFE_FIRST, LIFE_COUNT, 0);
    if (e == ERR_OK)
        e = disk_flush(d);
    log_line("durable: %s", error_text(e));
    for (uint32_t i = 0; e == ERR_OK; i++)
        e = disk_write(d, NOISE + i % LIFE_COUNT, 1, i % LIFE_COUNT);
    return 1;
}

static int read_back(struct disk *d)
{
    if (disk_read(d, LIFE_FIRST - 1, LIFE_PAGES, 0))
        return 1;
    uint32_t wrong = life_judge(disk_page(d, 0));
    log_line("%u bytes are wrong", wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    struct disk d;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = disk_open(&d, SLOT_DISK, LIFE_PAGES);
    if (e) {
        log_error_line("disk: %s", error_text(e));
        return 2;
    }
    return argc > 1 && !strcmp(argv[1], "write") ? write_for_ever(&d) : read_back(&d);
}
