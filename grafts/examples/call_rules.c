/* A filter and a trace of system calls: each is answered by its rule's number, an error or not, or
 * goes to the libOS; and is counted. Numbers without a rule are not answered. */
#include "grafts/examples/call_rules.h"
#include "grafts/include/graft_helpers.h"

volatile struct call_rules rules; /* a map of one entry */

uint64_t call_rules(const struct graft_system_call *c);

GRAFT(system_call) uint64_t call_rules(const struct graft_system_call *c)
{
    if (c->number >= CALL_RULES)
        return GRAFT_CALL_PASS;
    volatile struct call_rule *rule = &rules.of[c->number];
    rule->count++;
    return rule->answer;
}
