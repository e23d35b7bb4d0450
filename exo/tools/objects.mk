# How sources become objects, libraries, grafts and the kernel. One folder of objects per kind of
# code, because a file shared by kernel and user (exo/base, grafts) is compiled for each.
objects = $(patsubst %,$(OBJ)/$(1)/%.o,$(basename $(2)))

PLAIN := -ffreestanding -nostdlib -fno-stack-protector -fno-asynchronous-unwind-tables -O2
KERNEL_FLAGS := $(FLAGS) $(PLAIN) -flto=2 -fno-tree-loop-distribute-patterns -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -mbranch-cost=1 -fno-pic \
                -fno-pie -Iexo/arch/$(ARCH)
CHECKED_FLAGS := $(KERNEL_FLAGS) -DCHECKED
USER_FLAGS   := $(FLAGS) $(PLAIN) -fPIE -mcmodel=small -mno-avx -Ilibos/include
LWIP_INCLUDE := -isystem libos-net/port/include -isystem $(LWIP_SOURCE)/src/include
NET_FLAGS    := $(USER_FLAGS) $(LWIP_INCLUDE)
# Small loops unrolled, as clang does for other machines.
GRAFT_UNROLL := -mllvm -unroll-allow-partial -mllvm -unroll-partial-threshold=32
GRAFT_FLAGS  := -target bpf -ffreestanding -O2 -g -fdebug-compilation-dir=. -mcpu=v3 $(GRAFT_UNROLL) -Wall -Wextra -Werror -I.

# One partition: which registers a function may keep over a call does not hang on how many files there are.
KERNEL_FLAGS += -flto-partition=one

# A flag that changes (ARCH, WARN) rebuilds what it touches, and nothing else; so does what the kernel is
# made of (STRINGS).
define flags_file
$(OBJ)/$(1).flags: FORCE | $(SETUP)
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' > $$@
endef
$(eval $(call flags_file,kernel,$(CC) $(KERNEL_FLAGS)))
$(eval $(call flags_file,checked,$(CC) $(CHECKED_FLAGS)))
$(eval $(call flags_file,kernel-sources,$(KERNEL)))
$(eval $(call flags_file,user,$(CC) $(USER_FLAGS)))
$(eval $(call flags_file,net,$(CC) $(NET_FLAGS)))
$(eval $(call flags_file,graft,$(CLANG) $(GRAFT_FLAGS)))

# object_rule: kind, flags, what must exist first.
define object_rule
$(OBJ)/$(1)/%.o: %.c $(OBJ)/$(1).flags | $(SETUP) $(3)
	@mkdir -p $$(@D)
	@echo "  CC      $$< ($(1))"
	@$(CC) $(2) $$(OBJECT_FLAGS) -MMD -MP -c $$< -o $$@
	@$$(OBJECT_CHECK)
$(OBJ)/$(1)/%.o: %.S $(OBJ)/$(1).flags | $(SETUP) $(3)
	@mkdir -p $$(@D)
	@echo "  AS      $$< ($(1))"
	@$(CC) $(2) $$(ASM_DEFINES) -MMD -MP -c $$< -o $$@
endef
$(eval $(call object_rule,kernel,$(KERNEL_FLAGS),))
$(eval $(call object_rule,checked,$(CHECKED_FLAGS),))
$(eval $(call object_rule,user,$(USER_FLAGS),))
$(eval $(call object_rule,net,$(NET_FLAGS),$(LWIP_STAMP)))

# The fast path of IPC leaves messages in the registers (entry.S): it is compiled alone, to use none of them, and
# calls no function, which would, but endpoint_fast, around which they are saved. Each way out of it is whole.
FAST_OBJECTS := $(addprefix $(OBJ)/,kernel/l4core/fast.o checked/l4core/fast.o)
$(FAST_OBJECTS) $(OBJ)/kernel/l4core/fast_big.o: exo/tools/objects.mk
$(FAST_OBJECTS) $(OBJ)/kernel/l4core/fast_big.o: \
    OBJECT_FLAGS := -fno-lto -fno-crossjumping $(addprefix -ffixed-,rbx rbp r10 r12 r13 r14 r15)
$(FAST_OBJECTS): OBJECT_CHECK = if objdump -r $@ | grep PLT32 | grep -vw endpoint_fast; then \
    rm $@; echo '$<: calls a function' >&2; exit 1; fi

# The same for protected control transfers, whose message is all registers but three.
PCT_OBJECTS := $(addprefix $(OBJ)/,kernel/bindings/pct_fast.o checked/bindings/pct_fast.o)
$(PCT_OBJECTS): exo/tools/objects.mk
$(PCT_OBJECTS): OBJECT_FLAGS := -fno-lto -fno-crossjumping \
    $(addprefix -ffixed-,rbx rbp rdx rsi rdi r8 r9 r10 r12 r13 r14 r15)
$(PCT_OBJECTS): OBJECT_CHECK = if objdump -r $@ | grep PLT32; then \
    rm $@; echo '$<: calls a function' >&2; exit 1; fi

# The kernel, and the same sources as a kernel that checks itself after each call (kernel-checked.elf,
# for tests). Each holds its first user program as bytes; exo/arch/<cpu>/image.S says where.
SIGMA0        := $(USER_DIR)/sigma0.elf
KERNEL_SCRIPT := exo/arch/$(ARCH)/kernel.ld

# kernel_rule: image, its kind of objects, their flags.
define kernel_rule
$(OBJ)/$(2)/exo/arch/$(ARCH)/image.o: ASM_DEFINES := -DSIGMA0_PATH='"$(SIGMA0)"'
$(OBJ)/$(2)/exo/arch/$(ARCH)/image.o: $(SIGMA0)

$(BUILD)/$(1).elf: $(call objects,$(2),$(KERNEL)) $(KERNEL_SCRIPT) $(OBJ)/kernel-sources.flags
	@echo "  LINK    $$@"
	@$(CC) $(3) -nostdlib -static -no-pie -Wl,-z,noexecstack -Wl,--build-id=none \
	    -Wl,-z,max-page-size=0x1000 -Wl,-T,$(KERNEL_SCRIPT) $$(filter %.o,$$^) -o $$@
endef
$(eval $(call kernel_rule,kernel,kernel,$(KERNEL_FLAGS)))
$(eval $(call kernel_rule,kernel-checked,checked,$(CHECKED_FLAGS)))

# Variants of the kernel: the same objects but what varies. kernel_rule takes the sources from KERNEL when it is
# called; the rule for the image it holds is there already.
define variant_rule
$(BUILD)/kernel-$(1).elf: $(call objects,kernel,$(filter-out $($(1)-without),$(KERNEL)) $($(1)-with)) \
        $(KERNEL_SCRIPT) $(OBJ)/kernel-sources.flags
	@echo "  LINK    $$@"
	@$(CC) $(KERNEL_FLAGS) -nostdlib -static -no-pie -Wl,-z,noexecstack -Wl,--build-id=none \
	    -Wl,-z,max-page-size=0x1000 -Wl,-T,$(KERNEL_SCRIPT) $$(filter %.o,$$^) -o $$@
endef
$(foreach v,$(VARIANTS),$(eval $(call variant_rule,$(v))))
VARIANT_IMAGES := $(VARIANTS:%=$(BUILD)/kernel-%.elf)

# archive_rule: library, its objects.
define archive_rule
$(LIB)/$(1).a: $(2)
	@mkdir -p $$(@D)
	@echo "  AR      $$@"
	@rm -f $$@
	@$(AR) rcsD $$@ $$(filter %.o,$$^)
endef
$(eval $(call archive_rule,libos,$(call objects,user,$(LIBOS))))
$(eval $(call archive_rule,libos-net,$(call objects,net,$(LIBOS_NET))))
$(eval $(call archive_rule,libos-posix,$(call objects,net,$(LIBOS_POSIX))))
# The grafts' library as users have it, with the prover, whose memory is the libOS's.
$(eval $(call archive_rule,libgraft,$(call objects,user,$(LIBGRAFT) $(graft-library) \
    $(filter-out grafts/prover/memory.c,$(graft-prover)))))

# For programs that bring a C library, all of the library OS is one object that shows only the names
# that musl calls: anything else in it may be called as something in the program is. What begins and
# ends programs without musl is left out. Calls that cancel threads are beside, because they bring
# in more of musl.
MUSL_NAMES   := libos_entry libos_syscall libos_set_fs libos_clone libos_vfork libos_unmapself \
                libos_sigreturn libos_door $(addprefix libos_get,pid ppid uid euid gid egid)
MUSL_CANCEL  := $(call objects,net,libos-posix/way/way_libos_cp_$(ARCH).S)
MUSL_PARTS   := $(filter-out $(MUSL_CANCEL),$(call objects,net,$(LIBOS_POSIX))) \
                $(call objects,user,$(filter-out %/crt0.S libos/start.c,$(LIBOS)))
$(OBJ)/libos-musl.o: $(MUSL_PARTS)
	@echo "  LINK    $@"
	@$(CROSS)ld -r -o $@ $^
	@$(CROSS)objcopy $(MUSL_NAMES:%=--keep-global-symbol=%) $@
$(eval $(call archive_rule,libos-musl,$(OBJ)/libos-musl.o $(MUSL_CANCEL)))

# lwIP's core, by name: the folder is not there yet when this is read for the first time.
LWIP_FILES := $(addprefix core/,altcp altcp_alloc altcp_tcp def dns inet_chksum init ip mem memp \
                netif pbuf raw stats sys tcp tcp_in tcp_out timeouts udp) \
              $(addprefix core/ipv4/,autoip dhcp etharp icmp igmp ip4 ip4_addr ip4_frag) \
              $(addprefix core/ipv6/,dhcp6 ethip6 icmp6 inet6 ip6 ip6_addr ip6_frag mld6 nd6) \
              netif/ethernet
LWIP_OBJECTS := $(LWIP_FILES:%=$(OBJ)/lwip/%.o)
LWIP_FLAGS   := -std=gnu11 $(PLAIN) -g -fPIE -mcmodel=small -mno-avx -I. $(LWIP_INCLUDE)
$(eval $(call flags_file,lwip,$(CC) $(LWIP_FLAGS)))
$(eval $(call archive_rule,liblwip,$(LWIP_OBJECTS)))

LWIP_HEADERS := libos-net/port/include/lwipopts.h libos-net/port/include/arch/cc.h exo/abi/checksum.h libos-net/segment_hook.h # as the system's: in no .d file
$(call objects,net,$(addprefix libos-net/,net.c link_netif.c examples/http_server.c port/sys.c)): $(LWIP_HEADERS)
$(LWIP_OBJECTS): $(OBJ)/lwip/%.o: $(OBJ)/lwip.flags $(LWIP_HEADERS) $(LWIP_STAMP) | $(SETUP)
	@mkdir -p $(@D)
	@echo "  CC      lwip/$*.c"
	@$(CC) $(LWIP_FLAGS) -MMD -MP -c $(LWIP_SOURCE)/src/$*.c -o $@

graft_object = build/grafts/$(notdir $(basename $(1))).o
# What clang makes, build/grafts/clang/NAME.o, is linked and proved: a graft without proof is not built.
clang_object = build/grafts/clang/$(notdir $(basename $(1))).o
define graft_rule
$(call clang_object,$(1)): $(1) $(OBJ)/graft.flags | $(SETUP)
	@mkdir -p $$(@D)
	@$(CLANG) $(GRAFT_FLAGS) -MMD -MP -c $$< -o $$@
$(call graft_object,$(1)): $(call clang_object,$(1)) build/host/graft
	@echo "  GRAFT   $(1)"
	@build/host/graft prove $$< -o $$@ > $$(@:.o=.proved)
endef
$(foreach g,$(GRAFTS),$(eval $(call graft_rule,$(g))))

# Sources that tests prove, for each CPU version that clang knows.
define proved_rule
build/grafts/prove/$(1)/%.o: tests/vectors/bpf/prove/%.c $(OBJ)/graft.flags | $(SETUP)
	@mkdir -p $$(@D)
	@$(CLANG) $(filter-out -mcpu=%,$(GRAFT_FLAGS)) -mcpu=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach v,v1 v2 v3,$(eval $(call proved_rule,$(v))))

# Sources that a guest links and proves itself.
build/grafts/load/%.o: tests/vectors/bpf/load/%.c $(OBJ)/graft.flags | $(SETUP)
	@mkdir -p $(@D)
	@$(CLANG) $(GRAFT_FLAGS) -MMD -MP -c $< -o $@

-include $(patsubst %.o,%.d,$(call objects,kernel,$(KERNEL) $(foreach v,$(VARIANTS),$($(v)-with))) $(call objects,checked,$(KERNEL)) $(call objects,user,$(LIBOS) $(LIBGRAFT) $(graft-library) $(graft-prover)) \
    $(call objects,net,$(LIBOS_NET) $(LIBOS_POSIX)) $(LWIP_OBJECTS) \
    $(foreach g,$(GRAFTS),$(call clang_object,$(g)))) $(wildcard build/grafts/prove/*/*.d build/grafts/load/*.d)

.PHONY: FORCE
.DELETE_ON_ERROR:
