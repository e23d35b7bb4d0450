# What a user types. `help` prints the sentences behind ##.
all: $(IMAGE) $(ROOT_TASK_FILES) $(HOST_TOOLS:%=build/host/%) ## Build the kernel, its programs and the tools.

image: $(IMAGE)

setup: $(SETUP) $(MUSL_STAMP) $(LWIP_STAMP) ## Install packages and fetch sources, and nothing else.

# The options of a boot are read from the command line of make: SMP=2 MEM=1G ICOUNT=1 NET=user
# FWD=8080:80 DISK=file ACCEL=kvm TIMEOUT=60 LOG=file. They reach Python unexpanded, so that `$` is safe.
BOOT_OPTIONS := ROOT CMD VIA TRACE TASK MODULES SMP MEM ICOUNT NET FWD ADDRESS DISK MOUNT IOMMU NET2 FWD2 DISK2 ACCEL TIMEOUT LOG SERVER
$(foreach v,$(BOOT_OPTIONS),$(eval override $(v) := $$(value $(v))))
export $(BOOT_OPTIONS)
MACHINE := --smp "$$SMP" --mem "$$MEM" --icount "$$ICOUNT" --accel "$$ACCEL" --timeout "$$TIMEOUT" \
           --disk "$$DISK" --iommu "$$IOMMU" --net2 "$$NET2" --fwd2 "$$FWD2" --disk2 "$$DISK2"

run: $(BUILD)/kernel.elf $(BUILD)/run.cpio  ## Boot: a shell here, and a web page on port 8080.
	@echo "exo4: booting; web page on http://localhost:8080/"
	@python3 exo/tools/run.py --append "$${APPEND:-} run=default" --initrd $(BUILD)/run.cpio $(MACHINE) \
	    --net "$${NET:-user}" --fwd "$${FWD:-8080:80}" --log "$$LOG"

# make itself ends with 2 whenever a recipe fails, and says so. These goals end with the status of
# what they ran, by the extension in make_exit.c: GOAL-run leaves a status other than 0 in a file,
# and the recipe of GOAL, which make reads only then, ends make with it. The last line of
# end_with_status is for a make that cannot load extensions.
STATUS := build/.status.
ifneq ($(and $(filter exec exec-l4 test test-%,$(MAKECMDGOALS)),$(filter load,$(.FEATURES))),)
-load build/host/make_exit.so
endif
build/host/make_exit.so: exo/tools/make_exit.c | $(SETUP)
	@mkdir -p $(@D)
	@gcc -std=c11 $(WARN) -O2 -shared -fPIC $< -o $@

recorded = mkdir -p build; rm -f $(STATUS)$$PPID; $(1) || echo $$? > $(STATUS)$$PPID
define end_with_status
$(exit-as-recorded $(STATUS))
@if [ -e $(STATUS)$$PPID ]; then read s < $(STATUS)$$PPID; rm $(STATUS)$$PPID; exit $$s; fi
endef

exec-image:
	@mkdir -p build
	@flock build/.lock $(MAKE) --silent image </dev/null >&2

exec-run: exec-image
	@$(call recorded,python3 exo/tools/exec.py --root "$$ROOT" --cmd "$$CMD" --via "$$VIA" \
	    --trace "$$TRACE" --mount "$$MOUNT" --address "$$ADDRESS" --append "$$APPEND" $(MACHINE) --net "$$NET" --fwd "$$FWD" --log "$$LOG")

exec: exec-run                              ## Run CMD='/bin/prog args' with the folder ROOT=dir as /; DISK=image MOUNT=/dir.
	$(end_with_status)

exec-l4-run: exec-image
	@$(call recorded,python3 exo/tools/exec_l4.py --task "$$TASK" --modules "$$MODULES" \
	    $(MACHINE) --net "$$NET" --fwd "$$FWD" --log "$$LOG")

exec-l4: exec-l4-run                        ## Boot TASK='file args', an ELF, as the L4 root task; MODULES='file args; ...'.
	$(end_with_status)

# T=name chooses among the tests by a part of their names.
chosen       = $(foreach t,$(1),$(if $(T),$(if $(findstring $(T),$(notdir $(t))),$(t)),$(t)))
SCRIPT_TESTS := tests/suites/test_suites.py tests/suites/test_lwip.py $(sort $(wildcard tests/system/*.sh tests/system/*.py tests/tools/test_*.py))
PROGRAM_TESTS := $(sort $(wildcard tests/programs/test_*.py))
host_paths   = $(patsubst %,build/host/test_%,$(call chosen,$(HOST_TESTS)))
run_host     = $(addprefix --host ,$(host_paths))
run_guest    = $(foreach t,$(call chosen,$(GUEST_TESTS)),--guest '$(t) $($(t)-boot)') \
               $(foreach t,$(call chosen,$(filter-out %_smp $(UNCHECKED),$(GUEST_TESTS))),--guest \
                   '$(t) $($(t)-boot) icount=0 mem=64M smp=2 kernel=checked $($(t)-checked)')
run_script   = $(addprefix --script ,$(call chosen,$(SCRIPT_TESTS)))
run_tests    = $(call recorded,python3 tests/tools/run_tests.py --logs build/test $(1))
TOOLS       := $(HOST_TOOLS:%=build/host/%)

test-run: $(IMAGE) $(ROOT_TASK_FILES) $(CHECKED) $(VARIANT_IMAGES) $(BUILD)/run.cpio $(TOOLS) $(SDK_STAMP) $(PORTED_FILES) $(POSIX_TESTS) $(LWIP_TESTS) $(host_paths)
	@$(call run_tests,$(run_host) $(run_guest) $(run_script) $(if $(T),,--features))
test-host-run: $(host_paths)
	@$(call run_tests,$(run_host))
test-qemu-run: $(IMAGE) $(CHECKED) $(VARIANT_IMAGES)
	@$(call run_tests,$(run_guest))
test-programs-run: $(IMAGE) $(SDK_STAMP) $(PORTED_ALL)
	@$(call run_tests,$(addprefix --script ,$(call chosen,$(PROGRAM_TESTS))) --ways)
test-system-run: $(IMAGE) $(ROOT_TASK_FILES) $(CHECKED) $(BUILD)/run.cpio $(TOOLS) $(SDK_STAMP) $(PORTED_FILES) $(POSIX_TESTS) $(LWIP_TESTS)
	@$(call run_tests,$(run_script))

test: test-run                              ## Every test, or T=name.
	$(end_with_status)
test-host: test-host-run                    ## The tests of C code on this machine (CMocka), or T=name.
	$(end_with_status)
test-qemu: test-qemu-run                    ## The tests inside the guest (TAP), or T=name.
	$(end_with_status)
test-system: test-system-run                ## The tests from outside, or T=name.
	$(end_with_status)
test-browser-run: $(BUILD)/kernel.elf $(BUILD)/run.cpio
	@$(call run_tests,--script tests/system/test_browser.py)
test-browser: test-browser-run              ## The page of `make run` in Chromium (apt-get install chromium chromium-driver).
	$(end_with_status)
test-programs: test-programs-run            ## Larger programs of other people, built first (10 minutes), or T=name.
	$(end_with_status)

# A whole number that the command line names, or else the second one.
number = $(if $(shell printf %s '$($(1))' | tr -d 0-9),$(error $(1)=$($(1)) is no whole number),$(or $($(1)),$(2)))

fuzz-l4: build/host/test_fuzz_l4            ## Random L4 calls for SECONDS=n (60), from SEED=n (1) on.
	@nice $< $(call number,SECONDS,60) $(call number,SEED,1)

fuzz-net: $(IMAGE) $(CHECKED)               ## Wrong packets at servers of a guest for SECONDS=n (60), from SEED=n (1); SERVER='http,kv graft'.
	@python3 tests/tools/fuzz_net.py $(call number,SECONDS,60) $(call number,SEED,1) "$$SERVER"

bench-graft: build/host/graft $(GRAFT_LOOPS) ## Compiled grafts beside clang's code: instructions and bytes.
	@$< bench build/grafts/loops

fuzz-graft: $(GRAFT_FUZZERS)                ## Graft engines, compiler, checker, loader for SECONDS=n (60), SEED=n (1).
	@sh tests/tools/fuzz_graft.sh $(call number,SECONDS,60) $(call number,SEED,1) $^

check: | $(SETUP)                           ## Format, layers, manual, sizes, words, static analysis.
	@sh tests/tools/check.sh $(filter %.c,$(KERNEL))
	@python3 tests/tools/check_features.py $(run_guest)

format: | $(SETUP)                          ## Let clang-format rewrite every C file.
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

clean:                                      ## Remove what was built; keep fetched sources and set-up.
	@rm -rf $(BUILD) build/host build/grafts build/test build/lab build/graph

distclean:                                  ## Remove build/ whole.
	@rm -rf build

help:                                       ## Print this list.
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t14

.PHONY: all image setup run fuzz-l4 fuzz-net fuzz-graft bench-graft exec exec-image exec-run exec-l4 exec-l4-run test test-run test-host test-host-run test-qemu \
        test-qemu-run test-system test-system-run test-browser test-browser-run test-programs test-programs-run check format clean distclean help
