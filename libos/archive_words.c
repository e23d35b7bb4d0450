/* Lists of words in the boot archive. */
#include "libos/archive.h"
#include "libos/heap.h"
#include "libos/string.h"

enum err archive_words(const struct archive *a, const char *name, const char ***words)
{
    struct archive_entry entry = {0};
    size_t count = 0;

    if (archive_find(a, name, &entry))
        entry.bytes = 0;
    const char *text = (const char *)entry.data;
    while (entry.bytes && text[entry.bytes - 1]) /* a word that is cut short */
        entry.bytes--;
    for (size_t i = 0; i < entry.bytes; i++)
        count += !text[i];
    *words = heap_alloc_zero(count + 1, sizeof **words);
    if (!*words)
        return ERR_NO_MEM;
    for (size_t i = 0, at = 0; i < count; i++, at += strlen(text + at) + 1)
        (*words)[i] = text + at;
    return ERR_OK;
}
