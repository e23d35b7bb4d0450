LIBOS_NET += $(addprefix libos-net/,card.c card_control.c card_pair.c rss.c card_link.c link_netif.c \
             address.c answer.c begin.c keys.c net.c offload.c ports.c ring.c ring_link.c port/sys.c)
LIBOS_NET += $(addprefix libos-net/direct/,cache.c cookie.c outlet.c packet.c requests.c server.c tcp.c tcp_in.c tcp_out.c)
LIBOS_NET += $(addprefix libos-net/examples/,http_parse.c http_text.c)

PROGRAMS += http
http-sources := $(addprefix libos-net/examples/,http.c http_server.c http_files.c http_pages.c http_forest.c \
                http_forest_read.c)
http-libs    := libos-net

# Documents as packets, and a TCP that only serves.
PROGRAMS            += http_direct
http_direct-sources := $(addprefix libos-net/examples/,http_direct.c http_files.c)
http_direct-libs    := libos-net

# A key-value store on bare packets.
PROGRAMS          += kv_server
kv_server-sources := $(addprefix libos-net/examples/,kv_server.c kv_kernel.c kv_serve.c kv.c kv_packet.c)
GRAFTS            += libos-net/examples/handler_kv.c
kv_server-libs    := libos-net

# Several programs on one card: who has which port.
PROGRAMS               += port_authority
port_authority-sources := libos-net/servers/port_authority.c libos-net/port_table.c
port_authority-libs    := libos-net
# The same on POSIX sockets.
PROGRAMS           += kv_sockets
kv_sockets-sources := $(addprefix libos-net/examples/,kv_sockets.c kv.c)
kv_sockets-libs    := musl

PROGRAMS         += udp_echo
udp_echo-sources := libos-net/examples/udp_echo.c
udp_echo-libs    := libos-net

HOST_TESTS += offload
offload-needs := libos-net/offload.c bindings/checksum.c tests/fuzz/chance.c
HOST_TESTS += answer port_table card card_pairs direct direct_attacks http http_files http_forest kv kv_handler ring rss
DIRECT       := $(addprefix libos-net/direct/,cache.c cookie.c packet.c requests.c tcp.c tcp_in.c tcp_out.c) \
                libos-net/examples/http_parse.c libos-net/examples/http_text.c
direct-needs := $(DIRECT) tests/host/direct_world.c
direct_attacks-needs = $(direct-needs)
answer-needs := libos-net/answer.c
port_table-needs := libos-net/port_table.c
card-needs = $(addprefix libos-net/,card.c card_control.c card_pair.c) $(OWN_DEVICE)
card_pairs-needs = $(card-needs)
rss-needs := libos-net/rss.c
http-needs := libos-net/examples/http_parse.c libos-net/examples/http_text.c
http_files-needs := libos-net/examples/http_files.c libos-net/examples/http_parse.c \
                    libos/archive.c
http_forest-needs := libos-net/examples/http_forest.c libos-net/examples/http_text.c
kv-needs   := libos-net/examples/kv.c libos-net/examples/kv_packet.c libos-net/direct/packet.c
kv_handler-needs := libos-net/direct/packet.c
ring-needs := libos-net/ring.c

# Cards in the tests' own hands, and a machine where nobody gets one.
GUEST_TESTS  += card card_smp card_death dma dma_smp no_iommu
CARD_RIG     := $(addprefix tests/qemu/,card_rig.c rig.c)
card-sources := tests/qemu/card.c $(CARD_RIG)
card-libs    := libos-net
card-boot    := iommu=1 net=user net2=user
card_smp-sources   := $(card-sources)
card_smp-libs      := libos-net
card_smp-boot      := $(card-boot) smp=2
card_death-sources := $(addprefix tests/qemu/,card_death.c guest.c $(ARCH)/blobs.S) $(CARD_RIG)
card_death-libs    := libos-net
card_death-boot    := $(card-boot)
dma-sources        := tests/qemu/dma.c $(CARD_RIG)
dma-libs           := libos-net
dma-boot           := $(card-boot) disk=1M disk2=1M
dma_smp-sources    := $(dma-sources)
dma_smp-libs       := libos-net
dma_smp-boot       := $(dma-boot) smp=2
# The key-value store's part in the kernel.
KV_HANDLER  := kv_handler kv_handler_smp kv_handler_masked kv_handler_interpreted
GUEST_TESTS += $(KV_HANDLER)
$(foreach t,$(KV_HANDLER),$(eval $(t)-sources := $(addprefix tests/qemu/,kv_handler.c rig.c) \
    $(addprefix libos-net/examples/,kv.c kv_packet.c kv_kernel.c kv_serve.c)) $(eval $(t)-libs := libos-net))
kv_handler-boot             := iommu=1 net=wire net2=wire
kv_handler_smp-boot         := iommu=1 net=wire net2=wire smp=2
kv_handler_masked-boot      := iommu=1 net=wire net2=wire append=mask=1
kv_handler_interpreted-boot := iommu=1 net=wire net2=wire append=jit=0
# Several pairs, on a network of the test's own.
GUEST_TESTS        += queues queues_smp
queues-sources     := $(addprefix tests/qemu/,queues.c queues_rig.c guest.c $(ARCH)/blobs.S) $(CARD_RIG)
queues-libs        := libos-net
queues-boot        := iommu=1 net2=peer:flows:4
queues_smp-sources := $(queues-sources)
queues_smp-libs    := libos-net
queues_smp-boot    := $(queues-boot) smp=2
no_iommu-sources   := tests/qemu/no_iommu.c tests/qemu/rig.c
no_iommu-libs      := libos-net
no_iommu-boot      := net=user net2=user disk=1M disk2=1M
# Checksums and segments by the card, on a ring and on a card of one's own, on a network of the test's own.
GUEST_OFFLOAD := offload offload_smp offload_card offload_card_smp
GUEST_TESTS   += $(GUEST_OFFLOAD)
$(foreach t,$(GUEST_OFFLOAD),$(eval $(t)-sources := tests/qemu/offload.c) $(eval $(t)-libs := libos-net))
offload-boot          := net=peer:offload:1
offload_smp-boot      := $(offload-boot) smp=2
offload_card-boot     := iommu=1 net=user net2=peer:offload:1 append=card
offload_card_smp-boot := $(offload_card-boot) smp=2
