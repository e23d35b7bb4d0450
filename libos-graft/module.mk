# Grafts loaded by library OSes: the prover, the checker's own steps and the loader, in libgraft.a.
LIBGRAFT := $(addprefix libos-graft/,loader.c maps.c memory.c panic.c)

PROGRAMS        += rules
rules-sources   := libos-graft/examples/rules.c
rules-libs      := graft

# What the guest test loads: as clang made it.
LOADED := first second wrong absent
SYSTEM_FILES += $(foreach g,$(LOADED),.exo4/load_$(g).o=build/grafts/load/$(g).o)

GUEST_TESTS            += graft_load graft_load_smp
graft_load-sources     := $(addprefix tests/qemu/,graft_load.c graft_rig.c guest.c $(ARCH)/blobs.S)
graft_load-libs        := graft
graft_load-boot        := icount=1
graft_load_smp-sources := $(graft_load-sources)
graft_load_smp-libs    := graft
graft_load_smp-boot    := smp=2
