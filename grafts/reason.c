/* Reasons of refusal as sentences, from exo/abi/graft_reasons.def. */
#include "grafts/checker.h"

const char *graft_reason_text(uint32_t reason)
{
    switch (reason) {
#define REASON(name, number, text, hint)                                                           \
    case number:                                                                                   \
        return text;
#include "exo/abi/graft_reasons.def"
#undef REASON
    default:
        return "unknown reason";
    }
}

const char *graft_reason_hint(uint32_t reason)
{
    switch (reason) {
#define REASON(name, number, text, hint)                                                           \
    case number:                                                                                   \
        return hint;
#include "exo/abi/graft_reasons.def"
#undef REASON
    default:
        return "";
    }
}
