/* Flexpages as words: rights, base and size. L4 X.2 reference manual, "Fpage". */
#pragma once

#include "exo/abi/l4.h"

#define SPACE_BITS 47u

static inline rights_t fpage_rights(word_t fpage)
{
#define RIGHTS(f)                                                                                  \
    (((f)&FPAGE_READ ? RIGHT_READ : 0) | ((f)&FPAGE_WRITE ? RIGHT_WRITE : 0) |                     \
     ((f)&FPAGE_EXEC ? RIGHT_EXEC : 0))
    static const uint8_t rights[] = {RIGHTS(0), RIGHTS(1), RIGHTS(2), RIGHTS(3),
                                     RIGHTS(4), RIGHTS(5), RIGHTS(6), RIGHTS(7)};
#undef RIGHTS

    return rights[fpage & FPAGE_ALL];
}

static inline word_t fpage_rights_word(rights_t r)
{
    return (r & RIGHT_READ ? FPAGE_READ : 0) | (r & RIGHT_WRITE ? FPAGE_WRITE : 0) |
           (r & RIGHT_EXEC ? FPAGE_EXEC : 0);
}

/* Base and size of an fpage; the complete space is one of 2^47 bytes. False: no pages. */
static inline bool fpage_range(word_t fpage, vaddr_t *base, unsigned *bits)
{
    bool complete = (fpage & ~(word_t)FPAGE_ALL) == FPAGE_COMPLETE;

    *bits = complete ? SPACE_BITS : FPAGE_BITS(fpage);
    if (*bits < PAGE_BITS || *bits > SPACE_BITS)
        return false;
    *base = complete ? 0 : FPAGE_BASE(fpage) >> *bits << *bits;
    return *base < USER_TOP;
}
