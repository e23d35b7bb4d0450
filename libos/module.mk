# libos: the library that programs are linked with, the servers that start the system, examples.
LIBOS += libos/start/$(ARCH)/crt0.S libos/start/$(ARCH)/crt_musl.S libos/start/$(ARCH)/upcall.S \
         libos/start/$(ARCH)/pct.S libos/start/$(ARCH)/layout_check.c
LIBOS += libos/archive.c libos/archive_map.c libos/archive_words.c libos/areas.c libos/disk.c libos/elf.c \
         libos/error.c libos/exit.c libos/frame_pool.c libos/frames.c libos/heap.c \
         libos/inspect.c libos/log.c libos/pct.c \
         libos/print.c libos/policy.c libos/region.c libos/revoke.c libos/setup.c libos/slots.c libos/spawn.c libos/start.c \
         libos/string.c libos/tables.c libos/thread.c libos/upcall.c libos/vm.c
LIBOS += libos/servers/program.c

# The kernel carries sigma0 and starts it. It maps memory where it is physically, so its own image
# is far above.
PROGRAMS       += sigma0
sigma0-sources := libos/servers/sigma0.c
sigma0-libs    := libos
sigma0-base    := 0x7d0000000000

PROGRAMS     += root
root-sources := libos/servers/root.c libos/servers/command.c
root-libs    := libos

PROGRAMS      += hello
hello-sources := libos/examples/hello.c
hello-libs    := libos

PROGRAMS         += pingpong
pingpong-sources := libos/examples/pingpong.c
pingpong-libs    := libos

HOST_TESTS += libos_string libos_print libos_heap libos_frames libos_areas libos_elf \
              libos_archive libos_hello libos_command
libos_print-needs   := libos/print.c
libos_heap-needs    := libos/heap.c
libos_frames-needs  := libos/frame_pool.c
libos_areas-needs   := libos/areas.c
libos_elf-needs     := libos/elf.c
libos_archive-needs := libos/archive.c
libos_command-needs := libos/servers/command.c libos/archive.c libos/archive_words.c libos/elf.c

GUEST_TESTS += libos_vm libos_spawn libos_upcall libos_sigma0

PROGRAMS      += graph
graph-sources := $(addprefix libos/examples/,graph.c graph_life.c graph_rows.c graph_forest.c \
                 graph_frames.c)
graph-libs    := libos
