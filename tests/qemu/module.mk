# Guest tests: programs that print TAP, one per behaviour. Each is booted alone by run=NAME.
GUEST_TESTS += calls caps memory

# Those that share tests/qemu/guest.h: all.
GUEST_SHARED := tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
$(foreach t,$(GUEST_TESTS),$(eval $(t)-sources := tests/qemu/$(t).c $(GUEST_SHARED)))
