/* libFuzzer target: the loader survives any object, and what it finds lies in the object. */
#include <stdlib.h>
#include <string.h>

#include "grafts/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static volatile uint64_t sum; /* so that reading is not left out */
    struct graft_code code;

    if (bytes < 1 || bytes > 65536)
        return 0;
    /* Its own memory, exactly as long: the sanitizer sees what reads behind it. */
    size_t length = bytes - 1;
    uint8_t *image = aligned_alloc(8, (length + 7) / 8 * 8 + 8);
    if (!image)
        return 0;
    memcpy(image, data + 1, length);
    const char *section = data[0] & 1 ? "filter" : NULL;
    if (graft_elf_find(image, length, section, &code) == GRAFT_ACCEPTED)
        for (uint32_t i = 0; i < code.count; i++) {
            const uint8_t *at = (const uint8_t *)&code.insns[i];
            if (at < image || at + sizeof code.insns[i] > image + length)
                abort();
            sum += code.insns[i].opcode + graft_elf_line(image, length, &code, i);
        }
    free(image);
    return 0;
}
