# musl, built from its pinned source with the overlay of libos-posix/musl in place of the few files
# that hold a `syscall` instruction.
MUSL         := build/musl
MUSL_OVERLAY := $(shell find libos-posix/musl -type f ! -name '*.md' ! -name '*.mk' 2>/dev/null)
MUSL_LIBC    := $(MUSL)/lib/libc.a

$(MUSL_LIBC): exo/tools/build_musl.sh $(MUSL_OVERLAY) $(MUSL_STAMP) | $(SETUP)
	@sh exo/tools/build_musl.sh $(MUSL_SOURCE) libos-posix/musl $(MUSL)

# Programs for musl see its headers and the compiler's own, and nothing of this machine's.
MUSL_FLAGS := $(FLAGS) -D_GNU_SOURCE -O2 -fno-stack-protector -fno-pie -mno-avx -nostdinc \
              -isystem $(MUSL)/include -isystem $(shell $(CC) -print-file-name=include 2>/dev/null)
$(eval $(call flags_file,musl,$(CC) $(MUSL_FLAGS)))
$(eval $(call object_rule,musl,$(MUSL_FLAGS),$(MUSL_LIBC)))
