/*
 * Page bindings: frames shown at addresses. The entry of a page table is the binding, and the node
 * beside the table is its place in the forest.
 *
 * Invariants
 *   P1  an entry of a table is present exactly when its node has a parent
 *   P2  frame_info.bindings counts the present entries of level 1, and those above it for large
 *       pages, that show the frame
 *   P3  an entry of level 1 that is marked plain is a child of a CAP_FRAMES, and nothing is derived
 *       from it; so its frame is memory, and to change its rights is to change the entry
 *   P4  nothing is derived from a thread's UTCB page once it is one: the first child of a binding
 * is a thread exactly while it is a UTCB
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/arch/mmu.h"

/* Sets of RIGHT_* that a page can be bound with. */
#define PAGE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

struct env;
struct node;
struct walk;

/* Shows frame `pfn` through the empty entry `e`, as a child of `parent`, with `rights` now and at
 * most `most` later. */
void page_show(pte_t *e, struct node *parent, uint32_t pfn, rights_t rights, rights_t most);

/* The same for all that an entry of `level`, 2 or 3, serves, as one large page. */
void page_show_large(pte_t *e, struct node *parent, uint32_t pfn, rights_t rights, rights_t most,
                     unsigned level);

/* The same for what the entry `like` of level `likes` shows, or a part of it: memory or device
 * registers, of its type. */
void page_show_like(pte_t *e, unsigned level, struct node *parent, pte_t like, unsigned likes,
                    uint32_t pfn, rights_t rights);

/* Gives a binding through an entry of `level`, and all derived from it, another type, which such
 * entries can have. Translations of other spaces are invalidated; caches are not dropped. */
void page_set_type(pte_t *e, unsigned level, enum memory_type type);

/* The page that `e` shows is plain no more: something is about to be derived from it. */
void page_derive(pte_t *e);

/* The same for a page of device registers, which the frame table does not know. */
void page_show_device(pte_t *e, struct node *parent, uint32_t pfn, rights_t rights, rights_t most);

/* The frames that a binding through an entry of `level` shows are shown once less. */
void page_frames_unbound(pte_t e, unsigned level);

/* Changes the rights of a binding, up to its most, and takes those it loses for good from all
 * derived from it. Translations of other spaces are invalidated; of its own space the caller's are
 * not. */
void page_restrict(pte_t *e, rights_t rights);

/* Changes those of a binding alone, and what it may have later. Translations stay. */
void page_restrict_own(pte_t *e, rights_t rights, rights_t most);

/* A binding that was derived from one with `rights` has them from now on, too. Translations stay.
 */
void page_extend(pte_t *e, rights_t rights);

/* Looks at all that is derived from a binding, up to `most` of it: takes what is not in `keep` for
 * good, and adds what was used since the last look to `*used` and forgets it, but not for the page
 * that it was derived from. False: interrupts are due; the same again goes on, as long as `*w`,
 * which is 0 at first, is left alone. Translations of its own space stay. */
bool page_walk(struct walk *w, pte_t *e, rights_t keep, rights_t *used, uint32_t most);

/* A binding, whose entry was `was`, goes: what was used through it is told by the page that it was
 * derived from, at the next look there. Pre: `n`, its node, is still linked. */
void page_tell_parent(const struct node *n, pte_t was);

/* Moves a binding to the entry `to` of the same level, with `rights` (a part of its own): it stays
 * derived from what it was, and what was derived from it is so from the new one. `to` is empty, or
 * shows the same derived from it, and gets the rights besides its own. Translations of the old
 * place stay. */
void page_move(pte_t *e, pte_t *to, rights_t rights, unsigned level);

/* Is it the page of a thread's UTCB? */
bool page_is_utcb(const pte_t *e);

/* What a binding may have now: what it was made with, as far as the page it comes from has it. */
rights_t page_most(const pte_t *e);

/* Ends a binding, at once when nothing is derived from it, else through revocation. Translations of
 * its own space are invalidated in the second case only. */
void page_take(pte_t *e);

/* Puts a page table that lies in `frame` (three frames, taken) into the entry `e` of `level + 1`.
 */
void table_show(pte_t *e, struct node *parent, uint32_t frame, unsigned level);

/* What page_bind_run does in a thread's own environment for one plain page whose table was found
 * last. False: nothing has changed, and the call itself is to be made. */
struct cap;
struct thread;
bool page_bind_single(struct thread *t, struct cap *frames, word_t run, word_t what);
