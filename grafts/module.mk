KERNEL += grafts/insn.c
KERNEL += grafts/alu.c
KERNEL += grafts/bits.c
KERNEL += grafts/domain.c
KERNEL += grafts/refine.c
KERNEL += grafts/state.c
KERNEL += grafts/proof.c
KERNEL += grafts/hook.c
KERNEL += grafts/checker.c
KERNEL += grafts/checker_form.c
KERNEL += grafts/checker_walk.c
KERNEL += grafts/checker_step.c
KERNEL += grafts/checker_jump.c
KERNEL += grafts/checker_memory.c
KERNEL += grafts/checker_call.c
KERNEL += grafts/checker_proof.c
KERNEL += grafts/reason.c
KERNEL += grafts/elf.c
KERNEL += grafts/program.c
KERNEL += grafts/interp.c
KERNEL += grafts/tree_set.c
KERNEL += grafts/map.c
KERNEL += grafts/map_array.c
KERNEL += grafts/map_hash.c
KERNEL += grafts/map_lpm.c
KERNEL += grafts/map_ringbuf.c
KERNEL += grafts/jit_analyse.c
KERNEL += grafts/jit_x86_64.c
KERNEL += grafts/jit_x86_64_alu.c
KERNEL += grafts/jit_x86_64_divide.c
KERNEL += grafts/jit_x86_64_emit.c
KERNEL += grafts/jit_x86_64_flow.c
KERNEL += grafts/jit_x86_64_memory.c
KERNEL += grafts/jit_x86_64_move.c

# The same files make the host command and the host tests.
graft-library := $(filter grafts/%,$(KERNEL))

# What finds proofs runs as a user.
graft-prover := $(sort $(wildcard grafts/prover/*.c))

HOST_TOOLS    += graft
graft-sources := $(graft-library) $(graft-prover) $(wildcard grafts/tool/*.c)

GRAFTS += grafts/examples/filter_all.c
GRAFTS += grafts/examples/filter_http.c
GRAFTS += grafts/examples/filter_udp.c
GRAFTS += grafts/examples/handler_probe.c
GRAFTS += grafts/examples/handler_echo.c
GRAFTS += grafts/examples/handler_copy.c
GRAFTS += grafts/examples/handler_blocks.c
GRAFTS += grafts/examples/ipc_monitor.c
GRAFTS += grafts/examples/ipc_redirect.c
GRAFTS += grafts/examples/wake_any.c
GRAFTS += grafts/examples/wake_both.c
GRAFTS += grafts/examples/irq_other.c
GRAFTS += grafts/examples/disk_last.c
GRAFTS += grafts/examples/ipc_clan.c
GRAFTS += grafts/examples/slice_stride.c
GRAFTS += grafts/examples/reclaim_clean.c
GRAFTS += grafts/examples/fault_area.c
GRAFTS += grafts/examples/call_rules.c
GRAFTS += grafts/examples/own_volume.c
GRAFTS += grafts/examples/own_inodes.c
GRAFTS += grafts/examples/own_pointers.c

HOST_TESTS += graft_domain graft_checker graft_proof graft_claims graft_interp graft_elf graft_fuzz
graft_domain-needs  := $(graft-library)
graft_checker-needs := $(graft-library)
graft_proof-needs   := $(graft-library)
graft_claims-needs  := $(graft-library)
graft_interp-needs  := $(graft-library)
graft_elf-needs     := $(graft-library)
graft_fuzz-needs    := $(graft-library)

HOST_TESTS += graft_map graft_ring graft_examples
graft_ring-needs = $(graft_map-needs)
graft_map-needs := $(filter grafts/map%,$(KERNEL))

HOST_TESTS += graft_link graft_prove graft_corpus
graft_corpus-needs := $(graft-library) $(graft-prover) tests/host/graft_corpus.c
graft_link-needs  := $(graft-library) $(graft-prover)
graft_prove-needs := $(graft-library) $(graft-prover) tests/host/graft_corpus.c \
    $(foreach v,v1 v2 v3,$(patsubst tests/vectors/bpf/prove/%.c,build/grafts/prove/$(v)/%.o,$(wildcard tests/vectors/bpf/prove/*.c)))
# Engines against each other. Machine code has to be run, so these need more than the C library.
graft-engines := $(graft-library) grafts/tool/native.c tests/host/graft_reference.c
HOST_TESTS += graft_differ graft_vectors graft_jit
graft_vectors-needs := $(graft-engines)
graft_vectors-flags := -D_GNU_SOURCE
graft_jit-needs     := $(graft-library) grafts/tool/native.c
graft_jit-flags     := -D_GNU_SOURCE
graft_differ-needs := $(graft-engines) tests/host/graft_random.c tests/host/graft_random_groups.c
graft_differ-flags := -D_GNU_SOURCE
