# The kernel for the third "CPU", host: its C as a library that tests link. Free frames are poisoned
# (kernel_poison.c), which wants the calls of the frame table.
HOST_KERNEL += $(addprefix exo/mem/,boot_mem.c frame.c space.c)
HOST_KERNEL += $(addprefix exo/env/,counts.c cpu.c env.c meter.c move.c ready.c sched.c slice.c thread.c upcall.c wait.c)
HOST_KERNEL += $(addprefix exo/entry/,dispatch.c trap.c) exo/base/print.c $(addprefix exo/arch/host/,devices.c entry.c machine.c) exo/arch/x86_64/port_insn.c
# All of these folders, but for the rings of the network card: tests have others.
HOST_KERNEL += $(filter-out $(addprefix bindings/,bind_filters.c bind_ring.c filters.c ring.c ring_keys.c),$(filter bindings/% grafts/% l4core/%,$(KERNEL)))
HOST_KERNEL += tests/host/fakes/disk.c tests/host/fakes/function.c tests/host/fakes/ring.c tests/host/fakes/panic.c
HOST_KERNEL += $(addprefix tests/host/kernel_,world.c make.c check.c poison.c ipc.c) tests/host/map_world.c tests/host/string_world.c tests/host/tree_world.c
HOST_KERNEL += $(addprefix tests/fuzz/,chance.c x2_call.c) tests/host/fuzz_history.c tests/host/fuzz_world.c

# Tests of the whole kernel: tests/host/test_NAME.c and that library.
KERNEL_TESTS := check console counters defer device device_window disk dispatch endpoint env_thread events exception fast fast_fault \
                fault flows flows_end forest forest_steps frame fuzz_l4 graft_answer graft_bind graft_env graft_judge graft_moment graft_run graft_sums graft_trap grant guarantee info interrupt ipc ipc_end ipc_notify irq kip \
                l4_control l4_move l4_tasks map map_model memory_type meter move note notify page page_large page_run pct port port_fault \
                preempt propagate random redirect remote revoke sched share slice smp string string_between \
                string_fault tree tree_crash tree_rules upcall wait walk
HOST_TESTS   += $(KERNEL_TESTS)

# With the rings that the others do without.
flows-needs := $(addprefix bindings/,bind_filters.c bind_ring.c checksum.c filters.c ring.c ring_keys.c ring_record.c)
flows_end-needs = $(flows-needs)

# The driver of the IOMMU, which is x86-64's, over the simulated machine's memory.
HOST_TESTS += vtd
vtd-needs  := $(addprefix exo/arch/x86_64/,acpi.c dmar.c vtd.c vtd_queue.c vtd_remap.c) exo/base/print.c
vtd-flags  := -Iexo/arch/host
