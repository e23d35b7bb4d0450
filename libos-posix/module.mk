# The personality core, and the ways into it.
POSIX_CORE := $(addprefix libos-posix/,arena.c area.c call_dir.c call_fd.c call_io.c \
    call_memory.c call_path.c call_poll.c call_process.c call_rename.c call_size.c call_stat.c \
    call_system.c call_time.c calls.c cpio.c data.c device.c elf.c exec.c exec_stack.c file.c \
    heap.c io.c node.c path.c pipe.c proc.c signal.c text.c unpack.c user.c way_trampoline.c)

LIBOS_POSIX += $(POSIX_CORE) libos-posix/way_libos.c libos-posix/way_libos_ask.c \
    libos-posix/way_libos_x86_64.S \
    libos-posix/way_libos_cp_x86_64.S libos-posix/port_libos.c libos-posix/port_libos_console.c \
    libos-posix/fault.c libos-posix/reflect.c libos-posix/reflect_ask.c libos-posix/reflect_x86_64.S \
    libos-posix/way_libos_start.c

# Runs unmodified programs, which lie at low addresses as a rule.
PROGRAMS      += posix
posix-sources := libos-posix/posix_main.c
posix-libs    := libos-posix
posix-base    := 0x7e0000000000

# Written against plain POSIX, linked with musl and its own library OS.
PROGRAMS     += show
show-sources := libos-posix/examples/show.c
show-libs    := musl

POSIX_TEST_NEEDS := $(POSIX_CORE) tests/host/fakes/posix_port.c
HOST_TESTS += posix_cpio posix_path posix_io posix_memory posix_process posix_exec posix_random
posix_cpio-needs    := $(POSIX_TEST_NEEDS)
posix_path-needs    := $(POSIX_TEST_NEEDS)
posix_io-needs      := $(POSIX_TEST_NEEDS)
posix_memory-needs  := $(POSIX_TEST_NEEDS)
posix_process-needs := $(POSIX_TEST_NEEDS)
posix_exec-needs    := $(POSIX_TEST_NEEDS)
posix_random-needs  := $(POSIX_TEST_NEEDS)

HOST_TOOLS += posix-run
posix-run-sources := $(POSIX_CORE) libos-posix/hosted/main.c libos-posix/hosted/port_linux.c
