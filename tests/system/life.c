/* What is written for the next life. */
#include "tests/system/life.h"

#include "libos/string.h"

void life_fill(void *pages)
{
    for (uint32_t i = 0; i < LIFE_COUNT; i++)
        memset((uint8_t *)pages + i * DISK_BLOCK_BYTES, (int)(LIFE_FIRST + i), DISK_BLOCK_BYTES);
}

uint32_t life_judge(const void *pages)
{
    const uint8_t *bytes = pages;
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < LIFE_PAGES; i++) {
        uint8_t want = i >= 1 && i <= LIFE_COUNT ? (uint8_t)(LIFE_FIRST + i - 1) : 0;
        for (uint32_t n = 0; n < DISK_BLOCK_BYTES; n++)
            wrong += bytes[i * DISK_BLOCK_BYTES + n] != want;
    }
    return wrong;
}
