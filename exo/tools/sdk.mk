# `make sdk`: what programs outside this tree are built and booted with, in one folder that may be moved;
# `make new`: a library OS to start from.
SDK       := build/sdk
SDK_LIB   := $(SDK)/lib/exo4
SDK_STAMP := $(SDK)/.built
SDK_TOOLS := exo4-cc exo4-run
SDK_BOOT  := boot_command.py exec.py mkarchive.py qemu.py
SDK_HEADERS = $(wildcard exo/abi/*.h exo/abi/*.def exo/abi/$(ARCH)/*.h exo/base/print.h libos/*.h \
    libos/start/*.h libos/start/$(ARCH)/*.h libos-net/*.h)
SDK_ARCHIVES := $(addprefix $(LIB)/,libos.a libos-net.a liblwip.a)
SDK_SYSTEM   := root posix
SDK_FILES     = $(wildcard exo/tools/sdk/* libos/examples/new/*)

$(eval $(call cpio_rule,sdk,$(foreach p,$(SDK_SYSTEM),.exo4/$(p).elf=$(USER_DIR)/$(p).boot),))

$(SDK_STAMP): $(SDK_FILES) $(SDK_HEADERS) $(SDK_ARCHIVES) $(LIB)/libos-musl.a $(MUSL_LIBC) $(PROGRAM_SCRIPT) \
        $(BUILD)/kernel.elf $(BUILD)/sdk.cpio build/host/graft exo/tools/sdk.mk \
        $(SDK_BOOT:%=exo/tools/%)
	@echo "  SDK     $(SDK)"
	@rm -rf $(SDK)
	@mkdir -p $(SDK)/bin $(SDK)/include/exo4/lwip $(SDK)/lib/pkgconfig $(SDK_LIB)/musl
	@cp $(SDK_TOOLS:%=exo/tools/sdk/%) build/host/graft $(SDK)/bin
	@cp -r $(MUSL)/include $(MUSL)/lib $(SDK_LIB)/musl
	@rm -f $(SDK_LIB)/musl/lib/*.specs
	@cp $(LIB)/libos-musl.a $(SDK_LIB)/musl/lib/libexo4.a
	@cp $(SDK_ARCHIVES) $(PROGRAM_SCRIPT) exo/tools/sdk/exo4.specs $(BUILD)/kernel.elf \
	    $(SDK_BOOT:%=exo/tools/%) $(SDK_LIB)
	@cp $(BUILD)/sdk.cpio $(SDK_LIB)/boot.cpio
	@cp exo/tools/sdk/*.pc $(SDK)/lib/pkgconfig
	@cp --parents $(SDK_HEADERS) $(SDK)/include/exo4
	@cp -r libos/include/l4 $(SDK)/include/exo4
	@cp -r libos-net/port/include/. $(LWIP_SOURCE)/src/include/. $(SDK)/include/exo4/lwip
	@touch $@

sdk: $(SDK_STAMP)                           ## Compiler, libraries and runner for programs outside this tree: build/sdk.

# The folder's name reaches the shell unexpanded.
override APP := $(value APP)
export APP
new: $(SDK_STAMP)                           ## A library OS to start from, in the new folder APP=dir.
	@sh exo/tools/sdk/new_app.sh libos/examples/new $(SDK) "$$APP"

.PHONY: sdk new
