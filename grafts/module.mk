KERNEL += grafts/bits.c grafts/checker.c grafts/checker_memory.c grafts/checker_order.c grafts/checker_step.c grafts/domain.c grafts/elf.c grafts/hook.c grafts/insn.c grafts/interp.c grafts/reason.c grafts/refine.c grafts/state.c
GRAFTS += grafts/examples/filter_all.c grafts/examples/filter_http.c
