KERNEL += bindings/cap.c
KERNEL += bindings/node.c
KERNEL += bindings/page.c
KERNEL += bindings/page_run.c
KERNEL += bindings/revoke.c
KERNEL += bindings/bind_console.c
KERNEL += bindings/bind_disk.c
KERNEL += bindings/bind_env.c
KERNEL += bindings/bind_graft.c
KERNEL += bindings/bind_notification.c
KERNEL += bindings/bind_page.c
KERNEL += bindings/bind_pct.c
KERNEL += bindings/bind_ring.c
KERNEL += bindings/bind_revoke.c
KERNEL += bindings/bind_thread.c
KERNEL += bindings/disk_ring.c
KERNEL += bindings/ring.c
KERNEL += bindings/sigma0.c

HOST_TESTS += bind_ring
bind_ring-needs := bindings/ring.c

GUEST_TESTS += ring no_nic
ring-libs      := libos-net
ring-boot      := net=user
no_nic-sources := tests/qemu/ring.c
no_nic-libs    := libos-net

# The disk: on one CPU and on two, with none, and with one that takes no writes.
GUEST_DISK   := disk disk_smp disk_ro no_disk
GUEST_TESTS  += $(GUEST_DISK)
$(foreach t,$(GUEST_DISK),$(eval $(t)-sources := tests/qemu/disk.c tests/qemu/guest.c \
    tests/qemu/$(ARCH)/blobs.S))
disk-boot     := disk=16M
disk_smp-boot := disk=16M smp=2
disk_ro-boot  := disk=ro:1M
