/* For test_dedicated.py, on a disk of its own. `write`: blocks become durable, and it ends. `read`:
 * the same blocks, as somebody else wrote them, and their neighbours are read and judged. */
#include "libos/drive.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"
#include "tests/system/life.h"

static int write_blocks(struct drive *d)
{
    life_fill(drive_page(d, 0));
    enum err e = drive_write(d, LIFE_FIRST, LIFE_COUNT, 0);
    if (e == ERR_OK)
        e = drive_flush(d);
    log_line("durable: %s", error_text(e));
    return e != ERR_OK;
}

static int read_blocks(struct drive *d)
{
    if (drive_read(d, LIFE_FIRST - 1, LIFE_PAGES, 0))
        return 1;
    uint32_t wrong = life_judge(drive_page(d, 0));
    log_line("%u bytes are wrong", wrong);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    static struct drive d;
    uint32_t function;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = virtio_pci_find(VIRTIO_BLOCK, 0, &function);
    if (e == ERR_OK)
        e = drive_open(&d, SLOT_PCI, function, LIFE_PAGES);
    if (e) {
        log_error_line("a disk of its own: %s", error_text(e));
        return 2;
    }
    int status = argc > 1 && !strcmp(argv[1], "write") ? write_blocks(&d) : read_blocks(&d);
    drive_close(&d);
    return status;
}
