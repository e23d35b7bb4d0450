# The personality core, and the ways into it.
# In the place of libext2fs and lwIP, where there is neither.
POSIX_LEAST := libos-posix/file/fs_none.c libos-posix/channel/inet_none.c
POSIX_CORE := $(addprefix libos-posix/base/,area.c area_look.c arena.c heap.c io.c text.c user.c)
POSIX_CORE += $(addprefix libos-posix/process/,aio.c deliver.c futex.c loan.c lock.c posix_keeper.c process.c signal.c \
    task.c timer.c)
POSIX_CORE += $(addprefix libos-posix/file/,access.c blocks.c cpio.c data.c device.c file.c lockf.c \
    mount.c node.c path.c proc.c proc_text.c stored.c stored_data.c unpack.c xattr.c)
POSIX_CORE += $(addprefix libos-posix/channel/,async.c epoll.c event.c pipe.c pty.c queue.c socket.c sysv.c terminal.c \
    terminal_io.c watch.c)
POSIX_CORE += $(addprefix libos-posix/load/,elf.c exec.c exec_image.c exec_stack.c)
POSIX_CORE += $(addprefix libos-posix/calls/,call_aio.c call_dir.c call_exec.c call_exit.c call_fd.c call_fork.c \
    call_inet.c call_io.c call_kill.c call_memory.c call_message.c call_mount.c call_path.c call_poll.c call_process.c \
    call_queue.c call_rename.c call_sched.c call_signal.c call_size.c call_socket.c call_stat.c call_system.c \
    call_sysv_memory.c call_sysv_message.c call_sysv_semaphore.c \
    call_time.c call_timer.c call_user.c call_various.c call_wait.c call_watch.c calls.c trace.c)
POSIX_CORE += $(addprefix libos-posix/way/,way_trampoline.c)

LIBOS_POSIX += $(POSIX_CORE) $(POSIX_LEAST)
LIBOS_POSIX += $(addprefix libos-posix/port/,port_libos.c port_libos_clock.c port_libos_console.c \
    port_no_disk.c port_no_loan.c port_no_net.c)
LIBOS_POSIX += $(addprefix libos-posix/way/,fault.c fault_signal.c quick.c way_libos.c way_libos_ask.c \
    way_libos_cp_x86_64.S way_libos_start.c way_libos_x86_64.S way_linux.c way_linux_x86_64.S)

# A family of processes: its pool of frames; its keeper and its members.
FAMILY := $(addprefix libos-posix/family/,disk.c frame_list.c keeper.c keeper_copy.c keeper_make.c keeper_fork.c \
    keeper_lost.c keeper_spare.c member.c space.c \
    space_fault.c space_renew.c family_x86_64.S page_x86_64.S)

# Runs unmodified programs, which lie at low addresses as a rule.
PROGRAMS      += posix
posix-sources := libos-posix/posix_main.c libos-posix/file/fs_disks.c libos-posix/way/vdso_image_$(ARCH).S $(FAMILY) \
    $(addprefix libos-posix/family/,keep.c net.c port.c way.c way_x86_64.S way_call_x86_64.S \
    patch_site_x86_64.c patch_x86_64.S patch_code_x86_64.c)
posix-libs    := libos-posix ext2 inet
posix-base    := 0x7fe000000000

# Written against plain POSIX, linked with musl and its own library OS.
PROGRAMS     += show
show-sources := libos-posix/examples/show.c
show-libs    := musl

POSIX_WORLD      := $(POSIX_CORE) $(addprefix tests/host/fakes/posix_,disk.c port.c tasks.c) \
    $(addprefix libos-posix/port/port_no_,loan.c net.c)
POSIX_TEST_NEEDS := $(POSIX_WORLD) $(POSIX_LEAST)
# With a disk, on which there are volumes that mkfs.ext4 made.
HOST_TESTS += posix_disk posix_journal
posix_disk-needs    := $(POSIX_WORLD) libos-posix/file/fs_disks.c libos-posix/channel/inet_none.c tests/host/fakes/panic.c
posix_disk-archives := build/host/libext2fs.a
posix_journal-needs    := $(posix_disk-needs)
posix_journal-archives := $(posix_disk-archives)
# With sockets of the Internet, over a card in the test's hands.
HOST_TESTS += posix_inet posix_inet_card posix_inet_epoll posix_inet_segments posix_inet_sums posix_message posix_netlink posix_share inet_sum
posix_inet-needs    := $(filter-out %/port_no_net.c,$(POSIX_WORLD)) libos-posix/file/fs_none.c tests/host/fakes/net_card.c \
                       libos-net/offload.c bindings/checksum.c \
    tests/host/fakes/panic.c
posix_inet-archives := build/host/libinet.a
posix_inet_card-needs    := $(posix_inet-needs)
posix_inet_segments-needs    := $(posix_inet-needs)
posix_inet_card-archives := $(posix_inet-archives)
posix_inet_segments-archives := $(posix_inet-archives)
posix_message-needs    := $(posix_inet-needs)
posix_message-archives := $(posix_inet-archives)
posix_inet_epoll-needs    := $(posix_inet-needs)
posix_inet_epoll-archives := $(posix_inet-archives)
posix_share-needs    := $(posix_inet-needs)
posix_share-archives := $(posix_inet-archives)
posix_netlink-needs    := $(posix_inet-needs)
posix_netlink-archives := $(posix_inet-archives)
posix_inet_sums-needs    := $(posix_inet-needs)
posix_inet_sums-archives := $(posix_inet-archives)
HOST_TESTS += posix_access posix_cpio posix_path posix_io posix_memory posix_process posix_exec posix_random \
    posix_family posix_thread posix_event posix_socket posix_terminal posix_elf \
    posix_aio posix_loan posix_proc posix_queue posix_sysv posix_various posix_watch
posix_watch-needs   := $(POSIX_TEST_NEEDS)
posix_aio-needs     := $(POSIX_TEST_NEEDS)
posix_loan-needs    := $(POSIX_TEST_NEEDS)
posix_sysv-needs    := $(POSIX_TEST_NEEDS)
posix_proc-needs    := $(POSIX_TEST_NEEDS)
posix_queue-needs   := $(POSIX_TEST_NEEDS)
posix_various-needs := $(POSIX_TEST_NEEDS)
posix_elf-needs     := $(POSIX_TEST_NEEDS) tests/host/elf_linux.c
posix_access-needs  := $(POSIX_TEST_NEEDS)
posix_event-needs   := $(POSIX_TEST_NEEDS)
posix_socket-needs  := $(POSIX_TEST_NEEDS)
posix_terminal-needs := $(POSIX_TEST_NEEDS)
posix_family-needs  := $(POSIX_TEST_NEEDS)
posix_thread-needs  := $(POSIX_TEST_NEEDS)
posix_cpio-needs    := $(POSIX_TEST_NEEDS)
posix_path-needs    := $(POSIX_TEST_NEEDS)
posix_io-needs      := $(POSIX_TEST_NEEDS)
posix_memory-needs  := $(POSIX_TEST_NEEDS)
posix_process-needs := $(POSIX_TEST_NEEDS)
posix_exec-needs    := $(POSIX_TEST_NEEDS)
posix_random-needs  := $(POSIX_TEST_NEEDS)

HOST_TOOLS += posix-run
posix-run-sources := $(POSIX_CORE) $(POSIX_LEAST) \
    $(addprefix libos-posix/port/port_no_,disk.c loan.c net.c) libos-posix/hosted/main.c libos-posix/hosted/port_linux.c \
    libos-posix/hosted/tasks_linux.c libos-posix/hosted/catch_linux.c

# A family without the core.
GUEST_TESTS    += family
family-sources := tests/qemu/family.c $(FAMILY) tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
family-base    := 0x7fe000000000
family-boot    := icount=1
family-checked := append=few
GUEST_TESTS        += family_smp family_kill family_kill_smp
family_kill-sources := tests/qemu/family_kill.c $(FAMILY)
family_kill-base    := $(family-base)
family_kill-boot    := icount=1
family_kill-checked := append=few
family_kill_smp-sources := $(family_kill-sources)
family_kill_smp-base    := $(family-base)
family_kill_smp-boot    := smp=2
family_smp-sources := $(family-sources)
family_smp-base    := $(family-base)
family_smp-boot    := smp=2
HOST_TESTS += posix_frames
posix_frames-needs := libos-posix/family/frame_list.c
posix_frames-flags := -pthread
HOST_TESTS += patch_code
patch_code-needs := libos-posix/family/patch_code_x86_64.c
