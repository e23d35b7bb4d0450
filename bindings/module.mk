KERNEL += bindings/cap.c
KERNEL += bindings/checksum.c
KERNEL += bindings/check.c
KERNEL += bindings/env_place.c
KERNEL += bindings/env_trap.c
KERNEL += bindings/filters.c
KERNEL += bindings/flow.c
KERNEL += bindings/guarantee.c
KERNEL += bindings/holding.c
KERNEL += bindings/node.c
KERNEL += bindings/page.c
KERNEL += bindings/page_run.c
KERNEL += bindings/port.c
KERNEL += bindings/contents.c
KERNEL += bindings/revoke.c
KERNEL += bindings/unbind.c
KERNEL += bindings/bind_console.c
KERNEL += bindings/bind_device.c
KERNEL += bindings/bind_disk.c
KERNEL += bindings/bind_endpoint.c
KERNEL += bindings/bind_env.c
KERNEL += bindings/bind_filters.c
KERNEL += bindings/bind_graft.c
KERNEL += bindings/bind_info.c
KERNEL += bindings/bind_map.c
KERNEL += bindings/bind_place.c
KERNEL += bindings/bind_irq.c
KERNEL += bindings/bind_note.c
KERNEL += bindings/bind_notification.c
KERNEL += bindings/bind_page.c
KERNEL += bindings/bind_pct.c
KERNEL += bindings/pct_fast.c
KERNEL += bindings/bind_ring.c
KERNEL += bindings/bind_revoke.c
KERNEL += bindings/bind_table.c
KERNEL += bindings/bind_thread.c
KERNEL += bindings/device.c
KERNEL += bindings/graft.c
KERNEL += bindings/graft_journal.c
KERNEL += bindings/graft_run.c
KERNEL += bindings/disk_ring.c
KERNEL += bindings/io_table.c
KERNEL += bindings/object.c
KERNEL += bindings/ring.c
KERNEL += bindings/ring_keys.c
KERNEL += bindings/share.c
KERNEL += bindings/sigma0.c
KERNEL += bindings/tree.c
KERNEL += bindings/tree_check.c
KERNEL += bindings/tree_request.c
KERNEL += bindings/tree_set.c
KERNEL += bindings/bind_tree.c

HOST_TESTS += bind_ring filters flow ring_keys ring_offload
bind_ring-needs := bindings/object.c bindings/ring.c bindings/ring_keys.c bindings/filters.c bindings/flow.c bindings/checksum.c
ring_keys-needs := $(bind_ring-needs)
filters-needs := $(bind_ring-needs)
ring_offload-needs := $(bind_ring-needs)
flow-needs := bindings/flow.c

HOST_TESTS += graft_journal
graft_journal-needs = bindings/graft_journal.c $(filter grafts/map%,$(KERNEL))

GUEST_TESTS += ring no_nic ring_keys ring_keys_smp
$(foreach t,ring no_nic ring_keys ring_keys_smp,$(eval $(t)-libs := libos-net))
ring-sources          := tests/qemu/ring.c tests/qemu/rig.c
ring-boot             := net=user
no_nic-sources        := $(ring-sources)
ring_keys-sources     := tests/qemu/ring_keys.c tests/qemu/rig.c
ring_keys-boot        := net=user
ring_keys_smp-sources := $(ring_keys-sources)
ring_keys_smp-boot    := net=user smp=2

# The disk: on one CPU and on two, with none, and with one that takes no writes.
GUEST_DISK   := disk disk_smp disk_ro no_disk
GUEST_TESTS  += $(GUEST_DISK)
$(foreach t,$(GUEST_DISK),$(eval $(t)-sources := tests/qemu/disk.c tests/qemu/guest.c \
    tests/qemu/$(ARCH)/blobs.S))
disk-boot     := disk=16M
disk_smp-boot := disk=16M smp=2
disk_ro-boot  := disk=ro:1M

# Grafts at their places: compiled, masked against speculation, interpreted, and on two CPUs.
GUEST_PLACES := places places_masked places_interpreted places_smp
GUEST_TESTS  += $(GUEST_PLACES)
$(foreach t,$(GUEST_PLACES),$(eval $(t)-sources := tests/qemu/places.c tests/qemu/graft_rig.c tests/qemu/rig.c) $(eval $(t)-libs := libos-net))
places-boot             := net=user disk=16M
places_masked-boot      := net=user disk=16M append=mask=1
places_interpreted-boot := net=user disk=16M append=jit=0
places_smp-boot         := net=user disk=16M smp=2

# Those of environments.
GUEST_PLACES_ENV := places_env places_env_interpreted places_env_smp
GUEST_TESTS      += $(GUEST_PLACES_ENV)
$(foreach t,$(GUEST_PLACES_ENV),$(eval $(t)-sources := $(addprefix tests/qemu/,places_env.c graft_rig.c guest.c $(ARCH)/blobs.S)))
places_env-boot             := icount=1
places_env_interpreted-boot := icount=1 append=jit=0
places_env_smp-boot         := smp=2 icount=1
# A checked kernel's calls take longer than slices, so shares say nothing there.
$(foreach t,$(GUEST_PLACES_ENV),$(eval $(t)-checked := append=unjudged))

# And where programs trap.
GUEST_PLACES_TRAP := places_trap places_trap_interpreted places_trap_smp
GUEST_TESTS       += $(GUEST_PLACES_TRAP)
$(foreach t,$(GUEST_PLACES_TRAP),$(eval $(t)-sources := $(addprefix tests/qemu/,places_trap.c graft_rig.c guest.c $(ARCH)/blobs.S)))
places_trap-boot             := icount=1
places_trap_interpreted-boot := icount=1 append=jit=0
places_trap_smp-boot         := smp=2

# Handlers that copy, compiled, masked and interpreted; another card on the kernel's one's wire sends.
GUEST_HANDLERS := handlers handlers_masked handlers_interpreted
GUEST_TESTS    += $(GUEST_HANDLERS)
$(foreach t,$(GUEST_HANDLERS),$(eval $(t)-sources := $(addprefix tests/qemu/,handlers.c graft_rig.c rig.c)) $(eval $(t)-libs := libos-net))
handlers-boot             := iommu=1 net=wire net2=wire
handlers_masked-boot      := iommu=1 net=wire net2=wire append=mask=1
handlers_interpreted-boot := iommu=1 net=wire net2=wire append=jit=0

# A thousand filters, of the kernel's card; another on its wire sends.
GUEST_TESTS     += filters
filters-sources := $(addprefix tests/qemu/,filters.c filter_rig.c rig.c) tests/lab/graft_object.c
filters-libs    := libos-net
filters-boot    := iommu=1 net=wire net2=wire
filters-checked := append=few

# Trees: two library file systems, strangers to each other, on one extent.
GUEST_TREE  := tree tree_smp
GUEST_TESTS += $(GUEST_TREE)
$(foreach t,$(GUEST_TREE),$(eval $(t)-sources := $(addprefix tests/qemu/,tree.c tree_fs.c guest.c $(ARCH)/blobs.S)))
tree-boot     := disk=16M
tree_smp-boot := disk=16M smp=2
