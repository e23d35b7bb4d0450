# The lab: programs that count and draw, and the goals that run them.
PROGRAMS += lab lab_hello lab_posix lab_echo lab_lines lab_cross lab_disk lab_http lab_sockets lab_offload

lab-sources := $(addprefix tests/lab/,lab.c measure.c calls.c pages.c upcalls.c ipc.c line.c transfer.c vm.c rpc.c grafts.c policies.c slices.c moments.c \
               graft_tools.c graft_object.c \
               partner.c $(ARCH)/port.S $(ARCH)/probe.S)
lab-libs    := libos
lab_cross-sources := $(filter-out tests/lab/lab.c,$(lab-sources)) tests/lab/cross.c
lab_cross-libs    := libos
lab_lines-sources := $(filter-out tests/lab/lab.c,$(lab-sources)) tests/lab/lines.c
lab_lines-libs    := libos
lab_disk-sources := $(addprefix tests/lab/,disk.c graft_tools.c graft_object.c measure.c $(ARCH)/probe.S)
lab_disk-libs    := libos
lab_hello-sources := tests/lab/hello.c
lab_hello-libs    := libos
lab_echo-sources := $(addprefix tests/lab/,echo.c contents.c keys.c load.c graft_tools.c graft_object.c measure.c $(ARCH)/probe.S $(ARCH)/wait.S) \
                    tests/qemu/filter_rig.c tests/qemu/rig.c
lab_echo-libs    := libos-net
lab_http-sources := $(addprefix tests/lab/,http.c web.c kv.c served.c measure.c $(ARCH)/probe.S $(ARCH)/wait.S) \
                    $(addprefix libos-net/examples/,http_server.c kv.c kv_kernel.c kv_serve.c)
lab_http-libs    := libos-net
lab_offload-sources := $(addprefix tests/lab/,offload.c measure.c $(ARCH)/probe.S)
lab_offload-libs    := libos-net
lab_sockets-sources := $(addprefix tests/lab/,sockets.c web.c measure.c $(ARCH)/probe.S $(ARCH)/wait.S)
lab_sockets-libs    := libos-net
lab_posix-sources := tests/lab/posix.c tests/lab/posix_calls.c tests/lab/posix_tasks.c
lab_posix-libs    := musl

# The same as a program of Linux, which knows nothing of exo4's libraries; and one without any library.
LAB_FOREIGN := build/lab/root/posix build/lab/root/tiny build/lab/root/sockets
build/lab/root/posix: $(lab_posix-sources) tests/lab/posix.h | $(SETUP)
	@mkdir -p $(@D)
	@echo "  CC      $@ (Linux)"
	@$(CC) $(FLAGS) -D_GNU_SOURCE -O2 -static $(filter %.c,$^) -o $@
# At other addresses than the lab's own programs, which are in the same trace.
build/lab/root/sockets: tests/lab/sockets_server.c | $(SETUP)
	@mkdir -p $(@D)
	@echo "  CC      $@ (Linux)"
	@$(CC) $(FLAGS) -D_GNU_SOURCE -O2 -static -Wl,-Ttext-segment=0x10000000 $< -o $@
build/lab/root/tiny: tests/lab/tiny.c | $(SETUP)
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -O2 -static -nostdlib $< -o $@

lab: $(IMAGE) $(VARIANTS:%=$(BUILD)/kernel-%.elf) $(LAB_FOREIGN)                       ## Count what operations cost: build/lab/results.jsonl, report.html.
	@python3 tests/lab/run_lab.py --variants '$(VARIANTS)'

lab-trace: $(IMAGE) $(LAB_FOREIGN)          ## Print the instructions of KEY=, an operation of the lab, by function.
	@python3 tests/lab/run_trace.py $(if $(ASM),--asm) "$$KEY"

graph: $(IMAGE)                             ## Draw a live system: build/graph/forest.svg, frames.svg and the .dot files.
	@python3 tests/lab/run_graph.py

# A Linux guest to compare with: Debian's cloud kernel and servers, fetched and not installed.
LINUX := build/linux/versions
$(LINUX): tests/lab/fetch_linux.py | $(SETUP)
	@echo "  FETCH   $(@D)"
	@python3 $< $(@D)

build/.setup-linux: exo/tools/setup.sh | $(SETUP)
	@sh exo/tools/setup.sh wrk
	@touch $@

lab-linux: $(IMAGE) $(LINUX) build/.setup-linux ## Web servers on exo4 and on a Linux guest, in time: ROUNDS=n (3), SECONDS=n (4).
	@python3 tests/lab/run_linux.py --rounds $(call number,ROUNDS,3) --seconds $(call number,SECONDS,4) --only "$$ONLY"

GUEST_TESTS += book
book-boot   := icount=1

.PHONY: lab lab-linux lab-trace graph
