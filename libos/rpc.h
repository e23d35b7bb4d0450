/*
 * Remote procedure call by protected control transfer: the registers of the call are the message.
 * Two forms, as in ExOS: lrpc, where neither side trusts the other (the caller saves the registers
 * that a procedure keeps; the server shows none of its own), and trusted lrpc, where the caller
 * relies on the server to give them back as they were, so that nobody restores what nobody changes;
 * they stay on the caller's stack for the case that the server ends meanwhile.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* `caller` is the calling thread's global ID, from the kernel. */
typedef word_t (*rpc_fn)(word_t caller, word_t a, word_t b, word_t c);

/* Procedure number `procedure` of the thread in slot `server`; *result is written on success only.
 * BAD_CALL: the server has no such procedure; errors of pct_call. */
enum err rpc_call(slot_t server, word_t procedure, word_t a, word_t b, word_t c, word_t *result);

/* The same, to a server that is trusted and serves by rpc_serve_trusted(). With any other the
 * caller's registers are lost. */
enum err rpc_call_trusted(slot_t server, word_t procedure, word_t a, word_t b, word_t c,
                          word_t *result);

/* Serves for ever, on the stack that ends at `stack`. One table an environment; it stays the
 * caller's, and in place. */
_Noreturn void rpc_serve(const rpc_fn *procedures, word_t count, vaddr_t stack);
_Noreturn void rpc_serve_trusted(const rpc_fn *procedures, word_t count, vaddr_t stack);
