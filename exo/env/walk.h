/* Walks over all that was derived from something, in steps between which the forest changes. */
#pragma once

#include "exo/abi/types.h"
#include "exo/base/list.h"

struct node;

/* Between two steps it is listed (bindings/node.h), so that what goes meanwhile is passed by. */
struct walk {
    struct list link;
    struct node *top; /* NULL: there is none                                              */
    struct node *at;  /* what is looked at next; NULL: all was                            */
    uint32_t visits;  /* of the last step                                                 */
    uint8_t attempts; /* how often it began anew                                          */
    bool anew;        /* part of the tree has moved: it does so again                     */
};
