# libos: the library that programs are linked with, the servers that start the system, examples.
LIBOS += $(addprefix libos/start/$(ARCH)/,crt0.S crt_musl.S upcall.S upcall_light.S pct.S rpc.S \
         uthread.S layout_check.c)
LIBOS += libos/archive.c libos/archive_map.c libos/archive_words.c libos/areas.c \
         libos/backing_disk.c libos/book.c libos/backing_ram.c libos/disk.c libos/dispatch.c libos/elf.c libos/framebuffer.c \
         libos/error.c libos/exit.c \
         libos/fault_light.c libos/syscall_light.c libos/frame_pool.c libos/frames.c libos/heap.c libos/inspect.c libos/inspect_names.c \
         libos/log.c libos/notify.c libos/pages.c libos/pages_out.c libos/pages_share.c \
         libos/pagetable_inverted.c libos/pagetable_linear.c libos/pct.c libos/policy.c libos/pool.c libos/print.c \
         libos/region.c libos/revoke.c libos/revoke_give.c libos/rpc.c libos/sched.c libos/sched_edf.c libos/sched_lottery.c \
         libos/sched_stride.c libos/setup.c libos/shm_pipe.c libos/slots.c libos/spawn.c \
         libos/start.c libos/string.c libos/tables.c libos/tree.c libos/thread.c libos/upcall.c \
         libos/uthread.c libos/vm.c
LIBOS += libos/servers/program.c

# The kernel carries sigma0 and starts it. It maps memory where it is physically, so its own image
# is far above.
PROGRAMS       += sigma0
sigma0-sources := $(addprefix libos/servers/,sigma0.c boot_modules.c kept.c l4_root.c ports.c)
sigma0-libs    := libos
sigma0-base    := 0x7d0000000000

PROGRAMS     += root
root-sources := libos/servers/root.c libos/servers/command.c
root-libs    := libos

# Starts programs that share a pool of frames, and keeps that fair.
PROGRAMS       += policy
policy-sources := libos/servers/policy.c
policy-libs    := libos

PROGRAMS      += hello
hello-sources := libos/examples/hello.c
hello-libs    := libos

PROGRAMS         += pingpong
pingpong-sources := libos/examples/pingpong.c
pingpong-libs    := libos

PROGRAMS       += shares
shares-sources := libos/examples/shares.c
shares-libs    := libos

PROGRAMS       += giving
giving-sources := libos/examples/giving.c
giving-libs    := libos

PROGRAMS       += paging
paging-sources := libos/examples/paging.c
paging-libs    := libos

PROGRAMS      += bands
bands-sources := libos/examples/bands.c
bands-libs    := libos

# Examples of L4: to X.2's headers alone, but for how they begin.
L4_EXAMPLES := task pingpong pager chief pipes colour serial
PROGRAMS    += $(L4_EXAMPLES:%=l4_ex_%)
$(foreach p,$(L4_EXAMPLES),$(eval l4_ex_$(p)-sources := $(addprefix libos/examples/l4/,$(p).c start.c threads.c)) \
    $(eval l4_ex_$(p)-libs := libos))
# The same as root tasks, for `make exec-l4`; they are in no boot archive of ours.
ROOT_TASKS := $(L4_EXAMPLES:%=l4_root_%)
PROGRAMS   += $(ROOT_TASKS)
$(foreach p,$(L4_EXAMPLES),$(eval l4_root_$(p)-sources := $(addprefix libos/examples/l4/,$(p).c root_start.c threads.c)) \
    $(eval l4_root_$(p)-libs := libos))

# Devices of a program's own: drivers, on a device that a host test describes, and on a disk in a guest
# test's hands.
LIBOS += $(addprefix libos/,backing_drive.c device.c drive.c mmio.c virtio_pci.c virtqueue.c)
OWN_DEVICE := libos/virtio_pci.c libos/virtqueue.c tests/host/fakes/own_device.c \
              tests/host/fakes/virtq_device.c
HOST_TESTS       += virtio_pci drive
virtio_pci-needs := $(OWN_DEVICE)
drive-needs      := libos/drive.c libos/backing_drive.c $(OWN_DEVICE)
GUEST_TESTS       += drive drive_smp
drive-sources     := tests/qemu/drive.c
drive-boot        := iommu=1 disk=1M disk2=16M
drive_smp-sources := $(drive-sources)
drive_smp-boot    := $(drive-boot) smp=2

# A display, divided.
GUEST_TESTS             += framebuffer framebuffer_smp
framebuffer-sources     := tests/qemu/framebuffer.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
framebuffer-boot        := iommu=1 display=1 icount=1
framebuffer_smp-sources := $(framebuffer-sources)
framebuffer_smp-boot    := iommu=1 display=1 smp=2

HOST_TESTS += libos_string libos_print libos_heap libos_frames libos_areas libos_elf \
              libos_archive libos_hello libos_command libos_pagetable libos_sched l4_headers
libos_sched-needs := libos/sched.c libos/sched_edf.c libos/sched_lottery.c libos/sched_stride.c
libos_pagetable-needs := libos/pagetable_linear.c libos/pagetable_inverted.c
l4_headers-flags    := -Ilibos/include
libos_print-needs   := libos/print.c
libos_heap-needs    := libos/heap.c
libos_frames-needs  := libos/frame_pool.c
libos_areas-needs   := libos/areas.c
libos_elf-needs     := libos/elf.c
libos_archive-needs := libos/archive.c
libos_command-needs := libos/servers/command.c libos/archive.c libos/archive_words.c libos/elf.c

GUEST_TESTS += libos_vm libos_spawn libos_upcall libos_sigma0 libos_pages libos_rpc libos_sched \
               libos_events
libos_events-sources := tests/qemu/libos_events.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
libos_events-boot := icount=1
libos_sched-sources := tests/qemu/libos_sched.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
libos_sched-boot := icount=1
GUEST_TESTS += libos_sched_smp
libos_sched_smp-sources := $(libos_sched-sources)
libos_sched_smp-boot := smp=2 icount=1
libos_pages-sources := tests/qemu/libos_pages.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
libos_pages-boot := disk=16M
libos_sigma0-sources := tests/qemu/libos_sigma0.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
libos_rpc-sources := tests/qemu/libos_rpc.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S

GUEST_TESTS         += libos_share
libos_share-sources := tests/qemu/libos_share.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S

GUEST_TESTS += libos_revoke
libos_revoke-sources := tests/qemu/libos_revoke.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
libos_revoke-boot := disk=16M icount=1

GUEST_TESTS += libos_spare
libos_spare-sources := tests/qemu/libos_spare.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S

# The same on a machine whose second CPU stands by.
GUEST_TESTS += libos_pages_smp libos_rpc_smp libos_events_smp
libos_events_smp-sources := $(libos_events-sources)
libos_events_smp-boot    := smp=2
libos_pages_smp-sources := $(libos_pages-sources)
libos_pages_smp-boot    := disk=16M smp=2
libos_rpc_smp-sources   := $(libos_rpc-sources)
libos_rpc_smp-boot      := smp=2

PROGRAMS      += graph
graph-sources := $(addprefix libos/examples/,graph.c graph_life.c graph_rows.c graph_forest.c \
                 graph_frames.c)
graph-libs    := libos
