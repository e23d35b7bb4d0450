/*
 * Taking back: everything derived from a node goes, leaf by leaf, whichever API made it; with an
 * object's first capability the object, and with an object what it contains.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"

struct thread;

/* What goes, by whose authority and wish, and how far it is. */
struct taking {
    struct node *root;       /* what is derived from it goes                                */
    bool itself;             /* and what it stands for, too                                 */
    const struct node *by;   /* what this capability guaranteed stays; NULL: nothing does   */
    const struct env *actor; /* NULL, or who wants it: may give up what was guaranteed to it */
    struct node *base, *at;  /* 0 at first; good until interrupts are let in                 */
    uint32_t visits;         /* how many nodes the last revoke_some has looked at            */
};

enum taken {
    TAKEN_ALL,
    TAKEN_SOME, /* interrupts are due: the same again goes on  */
    TAKEN_OPEN  /* all but what is guaranteed, and what that hangs on */
};

/* Takes the first leaf, and on until a bounded number of further nodes was looked at. No CPU holds
 * a stale translation on return. */
enum taken revoke_some(struct taking *t);

/* The same as the end of a call of `caller`, by authority of `n`, a capability, or a binding in its
 * space. Returns ERR_OK; CALL_AGAIN with more to do; ERR_BAD_STATE when something guaranteed stays;
 * CALL_NO_REPLY when `caller` went with it: what is left then follows by itself. */
int revoke(const struct thread *caller, struct node *n, bool itself);

/* A step of what was left on this CPU by callers that went with what they took. False: there is
 * none. And: the capability `root` goes. */
bool revoke_go_on(void);
void revoke_forget(node_t root);

/* All of it at once. Pre: little is derived from `n`: a leaf, or revoke() took the rest. */
void revoke_all(struct node *n, bool itself);

/* Takes away a capability from which nothing is derived, and its object if it is the first. */
void cap_destroy(struct cap *c);

/* Makes a CAP_FRAMES, whose object it is, or another range end behind its first `keep`; frames that
 * are cut off are free. Pre: nothing is derived from it, 0 < keep < count. */
void cap_shrink(struct cap *c, uint32_t keep);

/* A position of a slice vector, by its node, is nobody's any more. */
void slice_unbind(struct node *n);

/* Ends a thread and what is bound to it; its frame may go. */
void thread_destroy(struct thread *t);

/* `t` may read no performance counters any more. */
void counters_unbind(struct thread *t);
