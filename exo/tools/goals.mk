# What a user types.
IMAGE := $(BUILD)/kernel.elf $(BUILD)/system.cpio

all: $(IMAGE) $(HOST_TOOLS:%=build/host/%)  ## Build the kernel, its programs and the tools.

clean:                                      ## Remove what was built; keep fetched sources and set-up.
	@rm -rf $(BUILD) build/host build/grafts build/test build/lab build/graph

distclean:                                  ## Remove build/ whole.
	@rm -rf build

help:                                       ## Print this list.
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t14

.PHONY: all clean distclean help
