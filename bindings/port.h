/*
 * I/O ports that a space holds: capabilities in its port table, where messages map them to, and in
 * its first slots. exo/doc/decisions/0026-io-ports.md.
 *
 * Invariant. port_check() tests it for one environment.
 *   N1  a port table holds capabilities for ports only, derived from others, and no port twice
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/arch/mmu.h"

struct env;

#define PORT_END 0x10000u /* behind the last port */

/* Of the ports from `port` on that `e` holds with all of `need`, the capability that has the first;
 * among several one in the port table. Or NULL. */
struct cap *port_next(const struct env *e, uint32_t port, rights_t need);

/* Does `e` hold ports [port, port + width), each with all of `need`? */
bool port_held(const struct env *e, uint32_t port, uint32_t width, rights_t need);

/* Is it in a port table? */
bool port_is_mapped(const struct cap *c);

/* Gives `to` those of the ports [base, end), which `from` has, that its port table lacks. False:
 * there is no memory for the table, or no place in it; what was given until then stays. */
bool port_map(struct cap *from, struct env *to, uint32_t base, uint32_t end);

/* Moves them: to `to`, from the port table that `from` is in, with what is derived from them. Those
 * that `to` has already stay. `from` may be gone on return. False: as port_map. */
bool port_grant(struct cap *from, struct env *to, uint32_t base, uint32_t end);

/* Takes the ports [base, end) from all that was derived from what `e` has of them, and if `itself`
 * from its port table. */
void port_take(struct env *e, uint32_t base, uint32_t end, bool itself);

/* NULL, or what is broken. */
const char *port_check(const struct env *e);
