KERNEL += bindings/cap.c
KERNEL += bindings/node.c
KERNEL += bindings/revoke.c
KERNEL += bindings/bind_console.c
KERNEL += bindings/bind_env.c
KERNEL += bindings/bind_graft.c
KERNEL += bindings/bind_notification.c
KERNEL += bindings/bind_page.c
KERNEL += bindings/bind_pct.c
KERNEL += bindings/bind_ring.c
KERNEL += bindings/bind_revoke.c
KERNEL += bindings/bind_thread.c
KERNEL += bindings/ring.c
KERNEL += bindings/sigma0.c

HOST_TESTS += bind_ring
bind_ring-needs := bindings/ring.c

GUEST_TESTS += ring no_nic
ring-libs      := libos-net
ring-boot      := net=user
no_nic-sources := tests/qemu/ring.c
no_nic-libs    := libos-net
