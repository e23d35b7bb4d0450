/* What a libOS and its graft reclaim_clean share: how it would like to lose what it holds. */
#pragma once

#define MARK_SLOTS 256u

/* Of a slot. */
enum mark { MARK_NONE, MARK_CLEAN, MARK_DIRTY };
