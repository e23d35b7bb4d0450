# Guest tests: programs that print TAP, one per behaviour. Each is booted alone by run=NAME.
GUEST := tests/qemu/guest.c tests/qemu/$(ARCH)/blobs.S

GUEST_TESTS   += calls
calls-sources := tests/qemu/calls.c $(GUEST)
