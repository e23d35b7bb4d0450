/* The table of hooks' names: see hook_names.h. */
#include "grafts/prover/hook_names.h"

#include <stddef.h>

static const char *const hook_names[] = {
#define HOOK(number, name, ...) [number] = #name,
#include "exo/abi/graft_hooks.def"
#undef HOOK
};

#define HOOKS (sizeof hook_names / sizeof hook_names[0])

/* Letters of ASCII alone have two cases here. */
static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

const char *hook_name(uint32_t hook)
{
    return hook < HOOKS && hook_names[hook] ? hook_names[hook] : "?";
}

uint32_t hook_by_name(const char *name)
{
    for (uint32_t k = 0; k < HOOKS; k++) {
        const char *a = hook_names[k], *b = name;
        while (a && *a && small(*a) == small(*b))
            a++, b++;
        if (a && !*a && (*b == '\0' || *b == '/'))
            return k;
    }
    return 0;
}
