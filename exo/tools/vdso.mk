# The vDSO: a shared object of its own, which the program `posix` holds as bytes.
VDSO       := $(BUILD)/vdso.so
VDSO_PARTS := libos-posix/way/vdso_$(ARCH).c libos-posix/way/vdso.ld
VDSO_FLAGS := $(FLAGS) $(PLAIN) -fPIC -fvisibility=hidden -fno-jump-tables -mgeneral-regs-only -Ilibos/include
$(eval $(call flags_file,vdso,$(CC) $(VDSO_FLAGS)))

$(VDSO): $(VDSO_PARTS) $(OBJ)/vdso.flags | $(SETUP)
	@echo "  VDSO    $@"
	@$(CC) $(VDSO_FLAGS) -MMD -MP -MF $(OBJ)/vdso.d -MT $@ -shared -nostdlib -s -Wl,-soname,linux-vdso.so.1 \
	    -Wl,--hash-style=both -Wl,--build-id=none -Wl,-Bsymbolic -Wl,-z,max-page-size=0x1000 \
	    -Wl,-T,libos-posix/way/vdso.ld $< -o $@
-include $(OBJ)/vdso.d

VDSO_IMAGE := $(call objects,net,libos-posix/way/vdso_image_$(ARCH).S)
$(VDSO_IMAGE): ASM_DEFINES := -DVDSO_PATH='"$(VDSO)"'
$(VDSO_IMAGE): $(VDSO)
