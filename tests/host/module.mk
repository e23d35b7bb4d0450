# The kernel for the third "CPU", host: its C as a library that tests link. Free frames are poisoned
# (kernel_poison.c), which wants the calls of the frame table.
HOST_KERNEL += $(addprefix exo/mem/,boot_mem.c frame.c space.c)
HOST_KERNEL += $(addprefix exo/env/,cpu.c env.c sched.c slice.c thread.c upcall.c)
HOST_KERNEL += $(addprefix exo/entry/,dispatch.c trap.c) exo/base/print.c
HOST_KERNEL += $(addprefix exo/arch/host/,devices.c machine.c)
HOST_KERNEL += $(addprefix bindings/,cap.c device.c disk_ring.c io_table.c node.c page.c page_run.c)
HOST_KERNEL += $(addprefix bindings/,object.c revoke.c share.c sigma0.c)
HOST_KERNEL += $(addprefix bindings/bind_,console.c device.c disk.c env.c graft.c info.c irq.c note.c)
HOST_KERNEL += $(addprefix bindings/bind_,notification.c page.c pct.c revoke.c table.c thread.c)
HOST_KERNEL += $(addprefix l4core/,calls.c fast.c ipc.c kip.c map.c transfer.c)
HOST_KERNEL += $(addprefix grafts/,bits.c checker.c checker_memory.c checker_order.c checker_step.c)
HOST_KERNEL += $(addprefix grafts/,domain.c elf.c hook.c insn.c reason.c refine.c state.c)
HOST_KERNEL += tests/host/fakes/disk.c tests/host/fakes/function.c tests/host/fakes/ring.c tests/host/fakes/panic.c
HOST_KERNEL += $(addprefix tests/host/kernel_,world.c make.c check.c poison.c ipc.c)

# Tests of the whole kernel: tests/host/test_NAME.c and that library.
KERNEL_TESTS := console device device_window disk dispatch env_thread events fast fault forest frame info ipc irq map \
                note notify page page_large pct random revoke sched share slice smp upcall
HOST_TESTS   += $(KERNEL_TESTS)

# The driver of the IOMMU, which is x86-64's, over the simulated machine's memory.
HOST_TESTS += vtd
vtd-needs  := $(addprefix exo/arch/x86_64/,acpi.c dmar.c vtd.c vtd_queue.c vtd_remap.c) exo/base/print.c
vtd-flags  := -Iexo/arch/host
