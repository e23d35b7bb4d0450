# Set-up: Debian packages and pinned third-party sources, each fetched once.
MUSL_SOURCE := build/src/musl-1.2.3
LWIP_SOURCE := build/src/lwip-2.1.3+dfsg1
MUSL_STAMP  := $(MUSL_SOURCE)/.exo4-unpacked
EXT2FS_SOURCE := build/src/e2fsprogs-1.47.0
EXT2FS_STAMP  := $(EXT2FS_SOURCE)/.exo4-unpacked
LWIP_STAMP  := $(LWIP_SOURCE)/.exo4-unpacked

# Every rule that needs a tool waits for this; once it is there nothing is asked again.
$(SETUP): exo/tools/setup.sh
	@mkdir -p $(@D)
	@sh exo/tools/setup.sh
	@touch $@

$(MUSL_STAMP): exo/tools/fetch_source.sh exo/tools/sources.sha256 | $(SETUP)
	@sh exo/tools/fetch_source.sh musl 1.2.3-1 $(MUSL_SOURCE)

$(LWIP_STAMP): exo/tools/fetch_source.sh exo/tools/sources.sha256 | $(SETUP)
	@sh exo/tools/fetch_source.sh lwip 2.1.3+dfsg1-2 $(LWIP_SOURCE)

$(EXT2FS_STAMP): exo/tools/fetch_source.sh exo/tools/sources.sha256 | $(SETUP)
	@sh exo/tools/fetch_source.sh e2fsprogs 1.47.0-2 $(EXT2FS_SOURCE)
