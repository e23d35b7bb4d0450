# libos: the library that programs are linked with, the servers that start the system, examples.
LIBOS += libos/start/$(ARCH)/crt0.S libos/start/$(ARCH)/crt_musl.S libos/start/$(ARCH)/upcall.S \
         libos/start/$(ARCH)/pct.S
LIBOS += libos/archive.c libos/archive_map.c libos/areas.c libos/elf.c libos/error.c \
         libos/exit.c libos/frame_pool.c libos/frames.c libos/heap.c libos/log.c libos/pct.c \
         libos/print.c libos/region.c libos/setup.c libos/slots.c libos/spawn.c libos/start.c \
         libos/string.c libos/tables.c libos/thread.c libos/upcall.c libos/vm.c
LIBOS += libos/servers/program.c

# The kernel carries sigma0 and starts it. It maps memory where it is physically, so its own image
# is far above.
PROGRAMS       += sigma0
sigma0-sources := libos/servers/sigma0.c
sigma0-libs    := libos
sigma0-base    := 0x7d0000000000

PROGRAMS     += root
root-sources := libos/servers/root.c
root-libs    := libos

PROGRAMS      += hello
hello-sources := libos/examples/hello.c
hello-libs    := libos

PROGRAMS         += pingpong
pingpong-sources := libos/examples/pingpong.c
pingpong-libs    := libos
