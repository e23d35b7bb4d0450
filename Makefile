# The whole build: what there is to make. Each folder's module.mk says what it adds; how each kind
# of thing is made stands in exo/tools/*.mk. `make help` lists the goals.
MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
ARCH  ?= x86_64
BUILD := build/$(ARCH)
CC    := $(CROSS)gcc
AR    := $(CROSS)ar
CLANG ?= clang

# Where things go, for use in module.mk files too.
SETUP    := build/.setup
OBJ      := $(BUILD)/obj
LIB      := $(BUILD)/lib
USER_DIR := $(BUILD)/user
IMAGE    := $(BUILD)/kernel.elf $(BUILD)/system.cpio
CHECKED  := $(BUILD)/kernel-checked.elf# what boot option kernel=checked names

WARN  := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
FLAGS := -std=c11 $(WARN) -Wvla -Wpedantic -g -I.

# Everything below is filled by the module.mk of each folder.
KERNEL :=# sources of the kernel, .c and .S
VARIANTS :=# kernels to compare it with: NAME-without, NAME-with
LIBOS :=# sources of libos.a
LIBOS_NET :=# sources of libos-net.a
LIBOS_POSIX :=# sources of libos-posix.a
LIBGRAFT :=# sources of libgraft.a, beside those of grafts/ that it shares
PROGRAMS :=# guest programs: NAME-sources, NAME-libs, NAME-base
GUEST_TESTS :=# guest programs that print TAP: tests/qemu/NAME.c, NAME-libs, NAME-boot
GRAFTS :=# sources of grafts
HOST_TOOLS :=# programs for this machine: NAME-sources, NAME-libs
HOST_TESTS :=# CMocka tests: tests/host/test_NAME.c, NAME-needs
HOST_KERNEL :=# sources of the kernel for the CPU `host`, in build/host/libkernel.a
KERNEL_TESTS :=# those of HOST_TESTS that link it
SYSTEM_FILES :=# name=path: further files of the system archive, under .exo4/
RUN_FILES :=# name=path: files of the root file system of `make run`

.DEFAULT_GOAL := all
include $(sort $(filter-out build/%,$(wildcard */module.mk */*/module.mk */*/$(ARCH)/module.mk)))
include exo/tools/setup.mk exo/tools/objects.mk exo/tools/vdso.mk exo/tools/musl.mk exo/tools/programs.mk exo/tools/ext2fs.mk exo/tools/inet.mk exo/tools/sdk.mk exo/tools/ported.mk \
        exo/tools/grafts.mk exo/tools/suites.mk exo/tools/goals.mk
