# libext2fs, for the guest and for tests on this machine, by name: the folder is not there yet when this is
# read for the first time. libos-posix/ext2 is compiled with it, since only that sees its headers.
EXT2FS_FILES := alloc alloc_sb alloc_stats badblocks bitmaps bitops blkmap64_ba blkmap64_rb blknum block bmap \
                closefs crc16 crc32c csum dir_iterate dirblock dirhash expanddir ext_attr extent fallocate \
                fileio freefs gen_bitmap gen_bitmap64 get_num_dirs hashmap i_block ind_block inline inline_data \
                inode io_manager link lookup mkdir mmp newdir openfs punch rbtree read_bb rw_bitmaps \
                sha512 symlink unlink valid_blk
EXT2FS_LIB     := $(EXT2FS_SOURCE)/lib
EXT2FS_MADE    := build/ext2fs/include
EXT2FS_HEADERS := $(EXT2FS_MADE)/ext2fs/ext2_err.h $(EXT2FS_MADE)/crc32c_table.h
EXT2FS_INCLUDE := $(addprefix -isystem ,libos-posix/ext2/include libos-posix/ext2/include/ext2fs $(EXT2FS_MADE) \
                    $(EXT2FS_MADE)/ext2fs $(EXT2FS_LIB))
# Whoever gives blocks back tells the volume, which keeps them until its next commit.
EXT2FS_RENAMED := -Dext2fs_unmark_block_bitmap_range2=volume_blocks_freed \
                  -Dext2fs_unmark_block_bitmap2=volume_block_freed
# Where punch.c asks it, a run of blocks that ends with the volume's last one is taken for one behind the end.
EXT2FS_PUNCH   := -Dext2fs_blocks_count=volume_blocks_behind
EXT2FS_RULES   := $(lastword $(MAKEFILE_LIST))

$(EXT2FS_MADE)/ext2fs/ext2_err.h: $(EXT2FS_STAMP)
	@mkdir -p $(@D)
	@sed 's/@E2FSPROGS_VERSION@/1.47.0/' $(EXT2FS_LIB)/ext2fs/ext2_err.et.in > $(@:.h=.et)
	@awk -f $(EXT2FS_LIB)/et/et_h.awk outfile=$@ outfn=ext2_err.h $(@:.h=.et)

$(EXT2FS_MADE)/crc32c_table.h: $(EXT2FS_STAMP)
	@mkdir -p $(@D)
	@gcc -w -Ilibos-posix/ext2/include $(EXT2FS_LIB)/ext2fs/gen_crc32ctable.c -o $(@D)/gen_crc32ctable
	@$(@D)/gen_crc32ctable > $@

# ext2fs_kind: folder of objects, compiler and flags for libext2fs, the same for our own sources, archive.
define ext2fs_kind
$(1)/lib/%.o: $(EXT2FS_RULES) $(EXT2FS_HEADERS) libos-posix/ext2/include/config.h $(5)
	@mkdir -p $$(@D)
	@echo "  CC      ext2fs/$$*.c"
	@$(2) -w $(EXT2FS_INCLUDE) $$(EXT2FS_OPTION) -c $(EXT2FS_LIB)/ext2fs/$$*.c -o $$@
$(1)/lib/alloc_stats.o: EXT2FS_OPTION := $(EXT2FS_RENAMED)
$(1)/lib/punch.o: EXT2FS_OPTION := $(EXT2FS_PUNCH)
$(1)/%.o: libos-posix/ext2/%.c $(EXT2FS_RULES) $(EXT2FS_HEADERS) $(5)
	@mkdir -p $$(@D)
	@echo "  CC      $$<"
	@$(3) $(EXT2FS_INCLUDE) -MMD -MP -c $$< -o $$@
$(4): $(EXT2FS_FILES:%=$(1)/lib/%.o) $(EXT2FS_OURS:%=$(1)/%.o) $(EXT2FS_ADDED:%=$(1)/%.o)
	@mkdir -p $$(@D)
	@echo "  AR      $$@"
	@rm -f $$@
	@ar rcsD $$@ $$(filter %.o,$$^)
-include $(EXT2FS_OURS:%=$(1)/%.d) $(EXT2FS_ADDED:%=$(1)/%.d)
endef
EXT2FS_OURS   := volume volume_channel volume_dir volume_inode volume_journal volume_replay needs
EXT2FS_PLAIN  := -std=gnu11 $(PLAIN) -g -ffunction-sections -fdata-sections -fPIE -mcmodel=small -mno-avx -nostdinc \
                 -isystem $(MUSL)/include -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) -D_GNU_SOURCE \
                 -include libos-posix/ext2/include/hidden.h
EXT2FS_MALLOC := $(foreach f,malloc calloc realloc,-D$(f)=volume_$(f)) -Dfree=volume_release
EXT2FS_ADDED  := libc
$(eval $(call ext2fs_kind,$(OBJ)/ext2fs,$(CC) $(EXT2FS_PLAIN) $(EXT2FS_MALLOC),$(CC) $(FLAGS) $(EXT2FS_PLAIN),$(LIB)/libext2fs.a,$(MUSL_LIBC)))
EXT2FS_ADDED  :=
$(eval $(call ext2fs_kind,build/host/ext2fs,gcc -O2 -g -D_GNU_SOURCE $(EXT2FS_MALLOC),gcc $(FLAGS) -O1 -DCHECKED $(SANITIZE) -D_GNU_SOURCE,build/host/libext2fs.a,))
