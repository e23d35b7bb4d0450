# The kernel for the third "CPU", host: its C as a library that tests link. Free frames are poisoned
# (kernel_poison.c), which wants the calls of the frame table.
HOST_KERNEL += $(addprefix exo/mem/,boot_mem.c frame.c space.c)
HOST_KERNEL += $(addprefix exo/env/,counts.c cpu.c env.c meter.c move.c ready.c sched.c slice.c thread.c upcall.c)
HOST_KERNEL += $(addprefix exo/entry/,dispatch.c trap.c) exo/base/print.c $(addprefix exo/arch/host/,devices.c entry.c machine.c) exo/arch/x86_64/port_insn.c
HOST_KERNEL += $(addprefix bindings/,cap.c check.c device.c disk_ring.c env_place.c guarantee.c holding.c io_table.c node.c page.c page_run.c port.c revoke.c sigma0.c unbind.c)
HOST_KERNEL += $(addprefix bindings/bind_,console.c device.c disk.c endpoint.c env.c graft.c irq.c notification.c page.c)
HOST_KERNEL += bindings/bind_pct.c bindings/pct_fast.c bindings/bind_revoke.c $(addprefix bindings/bind_,info.c note.c table.c thread.c)
HOST_KERNEL += bindings/object.c bindings/share.c bindings/bind_map.c bindings/bind_place.c \
    bindings/graft.c bindings/graft_journal.c bindings/graft_run.c
HOST_KERNEL += $(addprefix l4core/,calls.c deadline.c endpoint.c endpoint_fast.c exregs.c fast.c fast_fault.c interrupt.c ipc.c) \
    $(addprefix l4core/,kernel_ipc.c kip.c leave.c lock_home.c map.c) \
    $(addprefix l4core/,memory_control.c partner.c port_fault.c port_map.c preempt.c remote.c route.c schedule.c space_control.c string.c suspend.c) \
    $(addprefix l4core/,task.c thread_control.c time.c transfer.c unmap.c)
HOST_KERNEL += $(addprefix grafts/,alu.c bits.c $(addprefix checker,.c _call.c _form.c _jump.c _memory.c _order.c _proof.c _step.c))
HOST_KERNEL += $(addprefix grafts/,domain.c elf.c hook.c insn.c interp.c proof.c program.c reason.c refine.c state.c)
HOST_KERNEL += $(addprefix grafts/map,.c _array.c _hash.c _lpm.c _ringbuf.c) grafts/jit_analyse.c \
    $(addprefix grafts/jit_x86_64,.c _alu.c _divide.c _emit.c _flow.c _memory.c _move.c)
HOST_KERNEL += tests/host/fakes/disk.c tests/host/fakes/function.c tests/host/fakes/ring.c tests/host/fakes/panic.c
HOST_KERNEL += $(addprefix tests/host/kernel_,world.c make.c check.c poison.c ipc.c) tests/host/map_world.c tests/host/string_world.c
HOST_KERNEL += $(addprefix tests/fuzz/,chance.c x2_call.c) tests/host/fuzz_history.c tests/host/fuzz_world.c

# Tests of the whole kernel: tests/host/test_NAME.c and that library.
KERNEL_TESTS := check console counters device device_window disk dispatch endpoint env_thread events exception fast fast_fault \
                fault forest forest_steps frame fuzz_l4 graft_bind graft_env grant guarantee info interrupt ipc ipc_end ipc_notify irq kip \
                l4_control l4_move l4_tasks map map_model memory_type meter move note notify page page_large page_run pct port port_fault \
                preempt propagate random redirect remote revoke sched share slice smp string string_between \
                string_fault upcall walk
HOST_TESTS   += $(KERNEL_TESTS)

# The driver of the IOMMU, which is x86-64's, over the simulated machine's memory.
HOST_TESTS += vtd
vtd-needs  := $(addprefix exo/arch/x86_64/,acpi.c dmar.c vtd.c vtd_queue.c vtd_remap.c) exo/base/print.c
vtd-flags  := -Iexo/arch/host
