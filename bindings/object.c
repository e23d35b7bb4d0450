/* Public records of rings and grafts. */
#include "bindings/object.h"

#include "exo/base/sequence.h"

struct object_info *object_table;

void object_begin(struct object_info *o, enum cap_kind kind, uint32_t frame, uint16_t owner)
{
    sequence_begin(&o->sequence);
    *o = (struct object_info){
        .sequence = o->sequence, .frame = frame, .owner = owner, .kind = (uint8_t)kind};
    sequence_end(&o->sequence);
}

void object_end(struct object_info *o)
{
    object_begin(o, CAP_NONE, 0, 0);
}

struct object_info *object_graft_free(void)
{
    for (uint32_t i = OBJECT_GRAFTS; i < OBJECT_MAX; i++)
        if (!object_table[i].frame)
            return &object_table[i];
    return NULL;
}
