# What judges the compiler of grafts: the bench's programs, for eBPF and for this machine, and fuzzers.

# Each as a graft, and as clang makes it for this machine: position independent, from its first byte on.
LOOP_SOURCES := $(wildcard tests/vectors/bpf/loops/*.c)
GRAFT_LOOPS  := $(LOOP_SOURCES:tests/vectors/bpf/loops/%.c=build/grafts/loops/%.o) \
                $(LOOP_SOURCES:tests/vectors/bpf/loops/%.c=build/grafts/loops/%.bin)
LOOP_NATIVE  := -O2 -fno-vectorize -fno-slp-vectorize -ffreestanding -fPIC -fcf-protection=none \
                -fno-asynchronous-unwind-tables

build/grafts/loops/%.o: tests/vectors/bpf/loops/%.c $(OBJ)/graft.flags | $(SETUP)
	@mkdir -p $(@D)
	@$(CLANG) $(filter-out -g,$(GRAFT_FLAGS)) -c $< -o $@

build/grafts/loops/%.bin: tests/vectors/bpf/loops/%.c exo/tools/grafts.mk | $(SETUP)
	@mkdir -p $(@D)
	@$(CLANG) $(LOOP_NATIVE) -c $< -o $@.o
	@ld --oformat binary -N -Ttext 0 -e 0 $@.o -o $@

# The differential test without sanitizers: it is to run many programs. The others are libFuzzer's.
GRAFT_FUZZERS := build/host/fuzz_graft_differ $(addprefix build/host/fuzz_graft_,elf checker jit)

build/host/fuzz_graft_differ: tests/host/test_graft_differ.c $(graft_differ-needs) tests/host/fakes/panic.c | $(SETUP)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@gcc $(FLAGS) -O2 -D_GNU_SOURCE $(filter %.c,$^) -lcmocka -o $@

build/host/fuzz_graft_%: tests/fuzz/graft_%.c $(graft-engines) tests/fuzz/graft_bytes.c tests/host/graft_random.c \
    tests/host/graft_random_groups.c tests/fuzz/graft_panic.c | $(SETUP)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(CLANG) -std=c11 -g -O1 -I. -D_GNU_SOURCE -DCHECKED -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all $(filter %.c,$^) -o $@
