# Guest tests: programs that print TAP, one per behaviour. Each is booted alone by run=NAME.
guest-tests := calls caps memory
GUEST_TESTS += $(guest-tests)

# These share tests/qemu/guest.h.
guest-shared := tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S
$(foreach t,$(guest-tests),$(eval $(t)-sources := tests/qemu/$(t).c $(guest-shared)))
