/* Hooks: the table and its fields. */
#include "grafts/hook.h"

/* Laid out by hand: X-macro rows. */
/* clang-format off */
#define FIELD(context, member, kind)                                                               \
    {offsetof(struct context, member), sizeof(((struct context *)0)->member), VALUE_##kind},
#define HOOK(number, name, context, budget, fallback, flags, rows)                                 \
    static const struct hook_field fields_##name[] = {rows};
#include "exo/abi/graft_hooks.def"
#undef HOOK

static const struct hook hooks[] = {
#define HOOK(number, name, context, budget, fallback, flags, rows)                                 \
    [number] = {fields_##name, sizeof fields_##name / sizeof fields_##name[0], budget, fallback,  \
                (flags)},
#include "exo/abi/graft_hooks.def"
#undef HOOK
};
/* clang-format on */

const struct hook *hook_find(uint32_t number)
{
    bool known = number < sizeof hooks / sizeof hooks[0] && hooks[number].fields;

    return known ? &hooks[number] : NULL;
}

const struct hook_field *hook_field_at(const struct hook *h, int64_t offset, uint32_t bytes)
{
    for (uint32_t i = 0; i < h->field_count; i++) {
        const struct hook_field *f = &h->fields[i];
        int64_t within = offset - f->offset;
        if (within >= 0 && within + bytes <= f->bytes &&
            (f->kind == VALUE_NUMBER ? within % bytes == 0 : bytes == f->bytes))
            return f;
    }
    return NULL;
}
