# Guest tests: programs that print TAP, one per behaviour. Each is booted alone by run=NAME. Tests of
# a library or a device are named by the module.mk of its folder.
GUEST_HERE := calls counters counts caps memory envs notify defer processor slices pct upcall events timers fpu code_only hostile fuzz l4 l4_map l4_grant l4_string l4_tasks l4_memory move cores smp
GUEST_TESTS += $(GUEST_HERE)
$(foreach t,$(GUEST_HERE),$(eval $(t)-sources := tests/qemu/$(t).c tests/qemu/guest.c \
    tests/qemu/$(ARCH)/blobs.S))

smp-boot := smp=2

# Shares are counted exactly, whatever else the host does meanwhile.
slices-boot := icount=1

fuzz-sources += tests/fuzz/chance.c
fuzz-boot := disk=1M disk2=1M iommu=1 edu=1
fuzz-checked := append=few

# The same random calls, made on the second CPU.
GUEST_TESTS      += fuzz_smp
fuzz_smp-sources := $(fuzz-sources)
fuzz_smp-boot    := smp=2 disk=1M disk2=1M iommu=1 edu=1

# Random L4 calls: of one CPU, of two.
GUEST_TESTS        += fuzz_l4 fuzz_l4_smp
fuzz_l4-sources    := $(addprefix tests/qemu/,fuzz_l4.c guest.c $(ARCH)/blobs.S $(ARCH)/play.S) \
                      $(addprefix tests/fuzz/,chance.c x2_call.c)
fuzz_l4-boot       := icount=1
fuzz_l4-checked    := append=few
fuzz_l4_smp-sources := $(fuzz_l4-sources)
fuzz_l4_smp-boot   := smp=2

# Events, epilogues and timers across CPUs.
GUEST_TESTS        += counters_smp counts_smp defer_smp events_smp timers_smp move_smp cores_smp l4_tasks_smp l4_memory_smp
l4_memory_smp-sources := $(l4_memory-sources)
l4_memory_smp-boot    := smp=2
l4_tasks_smp-sources := $(l4_tasks-sources)
l4_tasks_smp-boot    := smp=2
counters_smp-sources := $(counters-sources)
counters_smp-boot  := smp=2
counts_smp-sources := $(counts-sources)
counts_smp-boot    := smp=2
defer_smp-sources  := $(defer-sources)
defer_smp-boot     := smp=2
events_smp-sources := $(events-sources)
events_smp-boot    := smp=2
timers_smp-sources := $(timers-sources)
timers_smp-boot    := smp=2
move_smp-sources   := $(move-sources)
move_smp-boot      := smp=2
cores_smp-sources  := $(cores-sources)
cores_smp-boot     := smp=2

# By instruction count time is the same in every run, whatever else this machine does, so what a slice's
# end does to a test it always does.
$(foreach t,$(filter-out smp,$(GUEST_HERE)),$(eval $(t)-boot += icount=1))

# Mappings taken back while another CPU may have loaded them; strings between CPUs.
GUEST_TESTS           += l4_grant_smp l4_map_smp l4_string_smp
l4_string_smp-sources := $(l4_string-sources)
l4_string_smp-boot    := smp=2
l4_grant_smp-sources := $(l4_grant-sources)
l4_grant_smp-boot    := smp=2
l4_map_smp-sources   := $(l4_map-sources)
l4_map_smp-boot      := smp=2

# Taking back in steps.
GUEST_TESTS          += l4_steps l4_steps_smp
l4_steps-sources     := $(addprefix tests/qemu/,l4_steps.c guest.c $(ARCH)/blobs.S)
l4_steps-boot        := icount=1
l4_steps_smp-sources := $(l4_steps-sources)
l4_steps_smp-boot    := smp=2 icount=1

# Trees of mappings, against a model.
GUEST_TESTS         += l4_tree l4_tree_smp
l4_tree-sources     := $(addprefix tests/qemu/,l4_tree.c guest.c $(ARCH)/blobs.S) tests/fuzz/chance.c
l4_tree-boot        := icount=1
l4_tree_smp-sources := $(l4_tree-sources)
l4_tree_smp-boot    := smp=2

# L4 IPC and mappings in the words of the reference: on one CPU, and with partners on the other of two.
define rows_test
GUEST_TESTS      += $(1) $(1)_smp
$(1)-sources     := tests/qemu/$(1).c $(2) tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
$(1)-boot        := icount=1
$(1)_smp-sources := $$($(1)-sources)
$(1)_smp-boot    := smp=2
endef
$(foreach t,l4_rows_control l4_rows_fault,$(eval $(call rows_test,$(t))))
$(foreach t,l4_rows l4_ep_rows,$(eval $(call rows_test,$(t),tests/qemu/l4_mate.c)))
$(foreach t,l4_rows_map l4_rows_large,$(eval $(call rows_test,$(t),tests/qemu/l4_giver.c)))

# The same with partners in other spaces, which do what they are told.
$(foreach t,l4_redirect l4_ports,$(eval $(call rows_test,$(t),tests/qemu/l4_actor.c)))
$(eval $(call rows_test,l4_rows_ipc,$(foreach s,giver mate,tests/qemu/l4_$(s).c)))
$(eval $(call rows_test,l4_rows_thread,$(foreach s,actor giver mate,tests/qemu/l4_$(s).c)))

# L4 IPC between CPUs.
GUEST_TESTS    += l4_smp
l4_smp-sources := tests/qemu/l4_smp.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
l4_smp-boot    := smp=2

# Endpoints: on one CPU, and between two.
GUEST_TESTS       += l4_ep l4_ep_smp
l4_ep-sources     := tests/qemu/l4_ep.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
l4_ep-boot        := icount=1
l4_ep_smp-sources := $(l4_ep-sources)
l4_ep_smp-boot    := smp=2

# Variants of the kernel pass the tests of IPC; without sleeping, those without time.
define variant_test
GUEST_TESTS       += $(1)_$(2)
$(1)_$(2)-sources := $($(1)-sources)
$(1)_$(2)-boot    := $($(1)-boot) kernel=$(2)
endef
$(foreach v,lazy big,$(foreach t,l4 l4_map l4_smp l4_ep l4_ep_smp,$(eval $(call variant_test,$(t),$(v)))))
$(foreach t,l4_ep l4_ep_smp,$(eval $(call variant_test,$(t),untimed))$(eval $(t)_untimed-boot += append=untimed))

# A transfer stays on its CPU, while there is another.
GUEST_TESTS     += pct_smp
pct_smp-sources := $(pct-sources)
pct_smp-boot    := smp=2

# The battery clock ticks by the host's time.
GUEST_TESTS     += irq irq_smp
irq-sources     := tests/qemu/irq.c
irq_smp-sources := $(irq-sources)
irq_smp-boot    := smp=2

# The same as messages of its line, handled on the same CPU and on another.
GUEST_TESTS        += level level_smp level_iommu
level-sources       := tests/qemu/level.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
level-boot          := uart=1 icount=1
level_smp-sources   := $(level-sources)
level_smp-boot      := uart=1 smp=2
level_iommu-sources := $(level-sources)
level_iommu-boot    := uart=1 iommu=1

GUEST_TESTS        += l4_irq l4_irq_smp
l4_irq-sources     := tests/qemu/l4_irq.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
l4_irq-boot        := icount=1
l4_irq_smp-sources := $(l4_irq-sources)
l4_irq_smp-boot    := smp=2

# Slices, quanta and delays: shares are counted, so time is by instruction count where one CPU runs.
GUEST_TESTS         += l4_time l4_time_smp
l4_time-sources     := tests/qemu/l4_time.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
l4_time-boot        := icount=1
l4_time_smp-sources := $(l4_time-sources)
l4_time_smp-boot    := smp=2 icount=1

# Revocation: three library OSes beside the test on one CPU, then on the other of two.
GUEST_TESTS        += revoke revoke_smp
revoke-sources     := $(addprefix tests/qemu/,revoke.c revoke_child.c guest.c $(ARCH)/blobs.S)
revoke-libs        := libos-net
revoke-boot        := net=user disk=1M icount=1
revoke_smp-sources := $(revoke-sources)
revoke_smp-libs    := libos-net
revoke_smp-boot    := net=user disk=1M smp=2

GUEST_TESTS               += revoke_policy revoke_policy_smp
revoke_policy-sources     := $(addprefix tests/qemu/,revoke_policy.c guest.c $(ARCH)/blobs.S)
revoke_policy-boot        := icount=1
revoke_policy_smp-sources := $(revoke_policy-sources)
revoke_policy_smp-boot    := smp=2

# Shared tables, and pages of both large sizes, for which the machine needs a free gigabyte.
GUEST_TESTS       += share share_smp large
share-sources     := tests/qemu/share.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
share_smp-sources := $(share-sources)
share_smp-boot    := smp=2
large-sources     := tests/qemu/large.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
large-boot        := smp=2 mem=2560M

# Dedicated devices: without an IOMMU, then behind one, on one CPU and on two.
GUEST_DEVICE := device_none device_strict device device_smp device_dma device_dma_smp
GUEST_TESTS  += $(GUEST_DEVICE)
$(foreach t,$(GUEST_DEVICE),$(eval $(t)-sources := $(addprefix tests/qemu/,device.c edu.c guest.c \
    $(ARCH)/blobs.S)))
$(foreach t,device_dma device_dma_smp,$(eval $(t)-sources := $(addprefix tests/qemu/,device_dma.c \
    edu.c guest.c $(ARCH)/blobs.S)))
device_none-boot    := edu=1 icount=1
device_strict-boot  := edu=1 iommu=strict icount=1
device-boot         := edu=1 iommu=1 icount=1
device_smp-boot     := edu=1 iommu=1 smp=2
device_dma-boot     := edu=1 iommu=1 icount=1
device_dma_smp-boot := edu=1 iommu=1 smp=2

GUEST_TESTS         += device_msix
device_msix-sources := $(addprefix tests/qemu/,device_msix.c guest.c $(ARCH)/blobs.S)
device_msix-boot    := disk2=1M iommu=1 icount=1

# Book-keeping: whole records while another CPU writes them; and hidden, with programs that use libos much.
GUEST_TESTS  += torn hide hide_smp hide_pages
torn-sources := tests/qemu/torn.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
torn-boot    := smp=2
hide-sources       := tests/qemu/hide.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
hide-boot          := append=hide=1
hide_smp-sources   := $(hide-sources)
hide_smp-boot      := smp=2 append=hide=1
hide_pages-sources := tests/qemu/libos_pages.c tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
hide_pages-boot    := disk=16M append=hide=1

# Domains of memory: none told, and two.
GUEST_TESTS       += numa numa_smp
numa-boot         := icount=1
numa_smp-sources  := tests/qemu/numa.c
numa_smp-boot     := smp=2 numa=1

# Every guest test is booted once more, on a small machine of two CPUs with the kernel that looks at
# all its invariants after each call; with NAME-checked as further options. Not these, because a
# call must not take a millisecond there: their results are times and shares, or they make calls on
# one CPU against a deadline on the other; or they need a large machine.
UNCHECKED := $(foreach v,$(VARIANTS),$(filter %_$(v),$(GUEST_TESTS))) cores device events hostile l4 l4_steps l4_time l4_rows large libos_events libos_revoke libos_sched processor slices smp timers torn

# What starts several programs beside itself wants more memory; and shares by time, of a pool, are not
# what they should be there.
revoke-checked := mem=160M
revoke_policy-checked := mem=160M append=unjudged
