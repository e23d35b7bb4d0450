# libinet: lwIP for the sockets of a family, for the guest and for tests on this machine. libos-posix/inet is
# compiled with it, since only that sees its headers; the static variables of both are the family's (program.ld).
INET_LIB     := $(LWIP_SOURCE)/src
INET_FILES   := $(filter-out core/altcp% core/ipv4/autoip core/ipv6/dhcp6,$(LWIP_FILES))
INET_OURS    := begin card control datagram group interface message name netlink netlink_dump option option_ip share socket stack start stream stream_bytes stream_info tables
INET_INCLUDE := -isystem libos-posix/inet/include
INET_SYSTEM  := -isystem $(INET_LIB)/include
INET_RULES   := $(lastword $(MAKEFILE_LIST))
INET_HEADERS := libos-posix/inet/include/lwipopts.h libos-posix/inet/include/arch/cc.h exo/abi/checksum.h libos-net/segment_hook.h # as the system's: in no .d file

INET_WITHOUT := core/timeouts # has no clocks of groups

# inet_kind: folder of objects, compiler and flags for lwIP, the same for our own sources, archive.
define inet_kind
$(1)/lib/%.o: $(INET_RULES) $(LWIP_STAMP) $(INET_HEADERS)
	@mkdir -p $$(@D)
	@echo "  CC      inet: lwip/$$*.c"
	@$(2) -w $$(if $$(filter $(INET_WITHOUT),$$*),-DINET_WITHOUT_GROUPS) $(INET_INCLUDE) $(5) $(INET_SYSTEM) -c $(INET_LIB)/$$*.c -o $$@
$(1)/%.o: libos-posix/inet/%.c $(INET_RULES) $(LWIP_STAMP) $(INET_HEADERS) | $(SETUP)
	@mkdir -p $$(@D)
	@echo "  CC      $$<"
	@$(3) $(INET_INCLUDE) $(5) $(INET_SYSTEM) -MMD -MP -c $$< -o $$@
$(4): $(INET_FILES:%=$(1)/lib/%.o) $(INET_OURS:%=$(1)/%.o)
	@mkdir -p $$(@D)
	@echo "  AR      $$@"
	@rm -f $$@
	@ar rcsD $$@ $$(filter %.o,$$^)
-include $(INET_OURS:%=$(1)/%.d)
endef
INET_PLAIN := -std=gnu11 $(PLAIN) -g -fPIE -mcmodel=small -mno-avx -include libos-posix/inet/include/hidden.h
$(eval $(call inet_kind,$(OBJ)/inet,$(CC) $(INET_PLAIN) -I.,$(CC) $(FLAGS) $(INET_PLAIN),$(LIB)/libinet.a,-isystem libos-net/port/include))
$(eval $(call inet_kind,build/host/inet,gcc -O1 -g -I. $(SANITIZE),gcc $(FLAGS) -O1 -DCHECKED $(SANITIZE) -D_GNU_SOURCE,build/host/libinet.a,))
