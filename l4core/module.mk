KERNEL += l4core/calls.c
KERNEL += l4core/deadline.c
KERNEL += l4core/endpoint.c
KERNEL += l4core/endpoint_fast.c
KERNEL += l4core/exregs.c
KERNEL += l4core/fast.c
KERNEL += l4core/fast_fault.c
KERNEL += l4core/interrupt.c
KERNEL += l4core/ipc.c
KERNEL += l4core/kernel_ipc.c
KERNEL += l4core/kip.c
KERNEL += l4core/leave.c
KERNEL += l4core/lock_home.c
KERNEL += l4core/map.c
KERNEL += l4core/memory_control.c
KERNEL += l4core/partner.c
KERNEL += l4core/port_fault.c
KERNEL += l4core/port_map.c
KERNEL += l4core/preempt.c
KERNEL += l4core/remote.c
KERNEL += l4core/time.c
KERNEL += l4core/schedule.c
KERNEL += l4core/space_control.c
KERNEL += l4core/suspend.c
KERNEL += l4core/task.c
KERNEL += l4core/thread_control.c
KERNEL += l4core/transfer.c
KERNEL += l4core/unmap.c

# STRINGS=0: a kernel to which every string item is a message overflow.
KERNEL += $(if $(filter 0,$(STRINGS)),l4core/no_string.c,l4core/string.c)

# Variants: NAME, the files that it lacks, those that it has in its place (decision 31).
VARIANTS      += big untimed
big-without   := l4core/lock_home.c l4core/fast.c
big-with      := l4core/lock_big.c l4core/fast_big.c
untimed-without := l4core/deadline.c
untimed-with  := l4core/deadline_none.c
