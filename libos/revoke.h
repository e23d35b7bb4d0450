/*
 * The owner's side of visible revocation: being asked, giving, and living on after a loss.
 *
 * An upcall may interrupt the program inside any module, so its handler only notes what came. The
 * work is done by revoke_serve(), where the program has no module at work: in its main loop, or,
 * when it says so by revoke_in_handler, at once.
 */
#pragma once

#include "exo/abi/revoke.h"

/* From now on asks and losses reach the calling thread, which must be the oldest of its
 * environment. Pre: libos_setup(). */
void revoke_init(void);

/* While true, the handlers do the work themselves: the program uses no module of libos meanwhile.
 */
void revoke_in_handler(bool yes);

/* Is there an ask or a loss that revoke_serve() has not seen? */
bool revoke_waits(void);

/* What is given when it is asked for. Returns how much was given. */
typedef uint32_t (*revoke_fn)(uint32_t count, uint64_t deadline);

/* Who answers asks of a kind. NULL, as at first: libos gives what it can find, what is used least
 * first: frames that are kept for pages and not used, then pages of paged ranges by their own
 * choice; slices, filters, rings, grafts, and whole ranges of blocks, lines and ports. */
void revoke_set_answer(enum revoke_kind kind, revoke_fn answer);

/* How much is a thing used? Any number that compares. It is asked for each that might be given;
 * NULL, as at first: the highest name goes first. */
typedef uint64_t (*revoke_use_fn)(enum revoke_kind kind, uint32_t name);
void revoke_set_use(revoke_use_fn use);

/* Told of each loss, after frames and areas were taken out of the books. */
typedef void (*revoke_loss_fn)(enum revoke_kind kind, uint32_t name);
void revoke_set_loss(revoke_loss_fn loss);

/* Answers the ask and takes note of losses. Contents of pages in frames that were taken, wholly or
 * in part, are zeroes at their next use. Returns how much was given. */
uint32_t revoke_serve(void);

/* Answers an ask for frames from those that are kept and not used, as far as they go: for who waits
 * inside a module. revoke_serve() is for the rest. */
void revoke_serve_idle(void);

/* Names what shall be taken first; the last word wins when there are PREFER_MAX. */
void revoke_prefer(enum revoke_kind kind, uint32_t name);
