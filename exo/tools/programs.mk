# Programs: for the guest (NAME.elf), for this machine (tools and CMocka tests), and the archives
# that carry the guest's.
LIBGCC          = $(shell $(CC) -print-libgcc-file-name)
PROGRAM_SCRIPT := libos/start/$(ARCH)/program.ld

# A guest test is a program made of its own file, what NAME-sources adds, and the TAP printer.
define guest_test
$(1)-sources := $$(if $$($(1)-sources),$$($(1)-sources),tests/qemu/$(1).c) tests/qemu/tap.c
$(1)-libs    := $$(if $$($(1)-libs),$$($(1)-libs),libos)
endef
$(foreach t,$(GUEST_TESTS),$(eval $(call guest_test,$(t))))
GUEST_PROGRAMS := $(PROGRAMS) $(GUEST_TESTS)

# Each library brings those below it; lwIP comes with libos-net.
below-libos       := libos
below-libos-net   := libos-net liblwip libos
below-libos-posix := libos-posix libos-net liblwip libos
below-musl        := libos-musl
below-ext2        := libext2fs
below-inet        := libinet
below-graft       := libgraft libos
archives = $(sort $(foreach l,$(1),$(patsubst %,$(LIB)/%.a,$(below-$(l)))))

# Which headers a program may see follows from its libraries.
program_kind = $(if $(filter musl,$($(1)-libs)),musl,$(if \
                    $(filter libos-net libos-posix,$($(1)-libs)),net,user))
program_objects = $(call objects,$(call program_kind,$(1)),$($(1)-sources))
program_base = -Wl,-Ttext-segment=$(or $($(1)-base),0x400000)

STATIC := -nostdlib -static -no-pie -Wl,-z,noexecstack -Wl,--build-id=none \
          -Wl,-z,max-page-size=0x1000

define libos_program
$(USER_DIR)/$(1).elf: $(call program_objects,$(1)) $(call archives,$($(1)-libs)) $(PROGRAM_SCRIPT)
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	@$(CC) $(STATIC) $(call program_base,$(1)) -Wl,-T,$(PROGRAM_SCRIPT) $$(filter %.o,$$^) \
	    -Wl,--start-group $$(filter %.a,$$^) $(LIBGCC) -Wl,--end-group -o $$@
endef
define musl_program
$(USER_DIR)/$(1).elf: $(call program_objects,$(1)) $(call archives,$($(1)-libs)) $(MUSL_LIBC)
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	@$(CC) $(STATIC) -Wl,-e,libos_entry $(call program_base,$(1)) $(MUSL)/lib/crt1.o $(MUSL)/lib/crti.o \
	    $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) $(LIBGCC) -Wl,--end-group \
	    $(MUSL)/lib/crtn.o -o $$@
endef
$(foreach p,$(GUEST_PROGRAMS),$(eval $(if $(filter musl,$($(p)-libs)), \
    $(call musl_program,$(p)),$(call libos_program,$(p)))))
-include $(foreach p,$(GUEST_PROGRAMS),$(patsubst %.o,%.d,$(call program_objects,$(p))))

# Host programs: tools plain, tests with the sanitizers and the kernel's own checks on.
, := ,
nothing :=
space := $(nothing) $(nothing)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
TOOL_FLAGS := $(FLAGS) -O2 -D_GNU_SOURCE
build/host/tool/%.o: %.c | $(SETUP)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $<"
	@gcc $(TOOL_FLAGS) -MMD -MP -c $< -o $@

define host_tool
$(1)-tool-objects := $$(patsubst %.c,build/host/tool/%.o,$$(filter %.c,$$($(1)-sources)))
build/host/$(1): $$($(1)-tool-objects)
	@echo "  LINK    $$@"
	@gcc $$($(1)-tool-objects) $($(1)-libs) -o $$@
endef
# NAME-flags: further options of a test; NAME-archives: libraries behind its sources. What several tests are
# made of is compiled once for all that have the same options, in a folder named by these.
CHECKED_FLAGS := $(FLAGS) -O1 -DCHECKED $(SANITIZE)
compiled_by    = $(filter-out -Wl%,$($(1)-flags))
checked_folder = build/host/checked$(subst $(space),,$(subst /,.,$(compiled_by)))
define host_folder
$(call checked_folder,$(1))/%.o: %.c | $(SETUP)
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $$< (checked)"
	@gcc $(CHECKED_FLAGS) $(call compiled_by,$(1)) -MMD -MP -c $$< -o $$@
endef
define host_test
$(1)-checked-sources := tests/host/test_$(1).c $(sort $($(1)-needs) $(if $($(1)-archives),,tests/host/fakes/panic.c))
$(1)-checked-objects := $$(patsubst %.c,$(call checked_folder,$(1))/%.o,$$(filter %.c,$$($(1)-checked-sources)))
build/host/test_$(1): $$($(1)-checked-objects) $($(1)-archives) $(filter-out %.c,$($(1)-needs))
	@echo "  LINK    $$@"
	@gcc $(SANITIZE) $(filter -Wl%,$($(1)-flags)) $$($(1)-checked-objects) $($(1)-archives) -lcmocka -o $$@
endef

# The kernel for the CPU `host`, once for all tests of the whole kernel.
HOST_KERNEL_FLAGS   := $(FLAGS) -O1 -DCHECKED $(SANITIZE) -Iexo/arch/host
HOST_KERNEL_OBJECTS := $(HOST_KERNEL:%.c=build/host/kernel/%.o)
HOST_KERNEL_LIBRARY := build/host/libkernel.a
HOST_KERNEL_WRAP    := $(addprefix -Wl$(,)--wrap=,frame_take frame_give frame_unbound)
define kernel_test
$(1)-flags    := -Iexo/arch/host $(HOST_KERNEL_WRAP)
$(1)-archives := $(HOST_KERNEL_LIBRARY)
endef
$(foreach t,$(KERNEL_TESTS),$(eval $(call kernel_test,$(t))))

$(HOST_KERNEL_OBJECTS): build/host/kernel/%.o: %.c | $(SETUP)
	@mkdir -p $(@D)
	@echo "  HOSTCC  $< (kernel)"
	@gcc $(HOST_KERNEL_FLAGS) -MMD -MP -c $< -o $@

$(HOST_KERNEL_LIBRARY): $(HOST_KERNEL_OBJECTS)
	@rm -f $@
	@gcc-ar rcsD $@ $^

$(foreach t,$(HOST_TOOLS),$(eval $(call host_tool,$(t))))
$(foreach t,$(HOST_TESTS),$(eval $(call host_test,$(t))))
$(foreach f,$(sort $(foreach t,$(HOST_TESTS),$(call checked_folder,$(t)))),\
    $(eval $(call host_folder,$(firstword $(foreach t,$(HOST_TESTS),$(if $(filter $(f),$(call checked_folder,$(t))),$(t)))))))
-include $(HOST_KERNEL_OBJECTS:%.o=%.d) $(sort $(foreach t,$(HOST_TESTS),$($(t)-checked-objects:%.o=%.d))) \
    $(sort $(foreach t,$(HOST_TOOLS),$($(t)-tool-objects:%.o=%.d)))

# The system archive: all that the guest starts, under .exo4/, where no root file system reaches.
# sigma0 is in the kernel's own image.
ROOT_TASK_FILES := $(ROOT_TASKS:%=$(USER_DIR)/%.elf)
ARCHIVED     := $(filter-out sigma0 $(ROOT_TASKS),$(GUEST_PROGRAMS))
ARCHIVE_LIST := $(foreach p,$(ARCHIVED),.exo4/$(p).elf=$(USER_DIR)/$(p).boot) \
                $(foreach g,$(GRAFTS),.exo4/$(notdir $(basename $(g))).o=$(call graft_object,$(g))) \
                $(SYSTEM_FILES)
path_of = $(lastword $(subst =, ,$(1)))

# A machine boots programs without what debuggers want to know.
$(USER_DIR)/%.boot: $(USER_DIR)/%.elf
	@strip -g -o $@ $<

# cpio_rule: archive, its files, an archive that it begins with, a root file system.
define cpio_rule
$(OBJ)/$(1).flags: FORCE | $(SETUP)
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' > $$@
$(BUILD)/$(1).cpio: $(foreach e,$(2),$(call path_of,$(e))) $(OBJ)/$(1).flags $(3) $(4) \
    exo/tools/mkarchive.py
	@echo "  CPIO    $$@"
	@python3 exo/tools/mkarchive.py -o $$@ $(addprefix --append ,$(3)) $(addprefix --file ,$(2)) \
	    $(addprefix --tree ,$(dir $(4)))
endef
$(eval $(call cpio_rule,system,$(ARCHIVE_LIST),))

# The root file system of `make run`: this machine's static busybox, with a name for each of its commands.
RUN_ROOT := $(BUILD)/root
RUN_BUSYBOX := $(firstword $(wildcard /bin/busybox /usr/bin/busybox))
RUN_FILES += .exo4/argv=$(BUILD)/run.argv .exo4/environ=$(BUILD)/run.environ
$(BUILD)/run.argv: exo/tools/programs.mk
	@mkdir -p $(@D)
	@printf 'sh\0-l\0' > $@
$(BUILD)/run.environ: exo/tools/programs.mk
	@mkdir -p $(@D)
	@printf 'PATH=/bin:/sbin:/usr/bin\0HOME=/root\0TERM=linux\0USER=root\0' > $@
$(RUN_ROOT)/.made: exo/tools/make_root.sh $(RUN_BUSYBOX) $(USER_DIR)/show.elf | $(SETUP)
	@sh exo/tools/make_root.sh $(RUN_ROOT) $(USER_DIR)/show.elf
$(eval $(call cpio_rule,run,$(RUN_FILES),$(BUILD)/system.cpio,$(RUN_ROOT)/.made))
