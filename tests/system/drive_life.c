/* For test_dedicated.py, on a disk of its own. `write`: blocks become durable, and it ends. `read`:
 * the same blocks, as somebody else wrote them, and their neighbours are read and judged. */
#include "libos/drive.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"

#define FIRST 10u /* blocks FIRST to FIRST + COUNT - 1; each byte is its block's number */
#define COUNT 8u

static int write_blocks(struct drive *d)
{
    for (uint32_t i = 0; i < COUNT; i++)
        memset(drive_page(d, i), (int)(FIRST + i), DISK_BLOCK_BYTES);
    enum err e = drive_write(d, FIRST, COUNT, 0);
    if (e == ERR_OK)
        e = drive_flush(d);
    log_line("durable: %s", error_text(e));
    return e != ERR_OK;
}

static int read_blocks(struct drive *d)
{
    uint32_t wrong = 0;

    if (drive_read(d, FIRST - 1, COUNT + 2, 0))
        return 1;
    for (uint32_t i = 0; i < COUNT + 2; i++) {
        const uint8_t *bytes = drive_page(d, i);
        uint8_t want = i >= 1 && i <= COUNT ? (uint8_t)(FIRST + i - 1) : 0;
        for (uint32_t n = 0; n < DISK_BLOCK_BYTES; n++)
            wrong += bytes[n] != want;
    }
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
        e = drive_open(&d, SLOT_PCI, function, COUNT + 2);
    if (e) {
        log_error_line("a disk of its own: %s", error_text(e));
        return 2;
    }
    int status = argc > 1 && !strcmp(argv[1], "write") ? write_blocks(&d) : read_blocks(&d);
    drive_close(&d);
    return status;
}
