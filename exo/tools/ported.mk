# Other people's programs, from pinned Debian sources: what the tests of real programs run. Those of
# PORTED_LIGHT belong to `make test`, all of them to `make test-programs`.
PORTED       := build/ported
PORTED_LIGHT := dash lua tcc
PORTED_HEAVY := make sqlite3 gawk coreutils redis-server nginx go-program go-server python3
PORTED_FILES := $(PORTED_LIGHT:%=$(PORTED)/%)
PORTED_ALL   := $(PORTED_FILES) $(PORTED_HEAVY:%=$(PORTED)/%) build/src/busybox-1.35.0/.exo4-unpacked
SOURCES_OF    = build/src/$(1)/.exo4-unpacked

# What building the larger ones takes beside the set-up of all: some 100 MB to fetch, most of it for Go.
PORTED_SETUP := build/.setup-ported
$(PORTED_SETUP): exo/tools/setup.sh exo/tools/ported.mk
	@mkdir -p $(@D)
	@sh exo/tools/setup.sh autoconf automake tcl golang-1.19-go \
	    libpython3.11-dev libexpat1-dev zlib1g-dev redis-tools apache2-utils wrk
	@touch $@

# source: folder, Debian's package, version.
define source
$(call SOURCES_OF,$(1)): exo/tools/fetch_source.sh | $(SETUP)
	@sh exo/tools/fetch_source.sh $(2) $(3) $$(@D)
endef
$(eval $(call source,dash-0.5.12,dash,0.5.12-2))
$(eval $(call source,lua5.4-5.4.4,lua5.4,5.4.4-3+deb12u1))
$(eval $(call source,tcc-0.9.27,tcc,0.9.27+git20200814.62c30a4a-1))
$(eval $(call source,make-4.3,make-dfsg,4.3-4.1))
$(eval $(call source,sqlite3-3.40.1,sqlite3,3.40.1-2+deb12u2))
$(eval $(call source,gawk-5.2.1,gawk,1:5.2.1-2))
$(eval $(call source,coreutils-9.1,coreutils,9.1-1))
$(eval $(call source,redis-7.0.15,redis,5:7.0.15-1~deb12u7))
$(eval $(call source,nginx-1.22.1,nginx,1.22.1-9+deb12u9))
$(eval $(call source,busybox-1.35.0,busybox,1:1.35.0-4+deb12u1))

$(PORTED_HEAVY:%=$(PORTED)/%): | $(PORTED_SETUP)

# Those that exo4-cc builds carry the library OS along, so they are linked anew with it; what was compiled is kept.
# port: program, folder of the source.
define port
$(PORTED)/$(1): $(call SOURCES_OF,$(2)) exo/tools/build_ported.sh $(SDK_STAMP)
	@sh exo/tools/build_ported.sh $(1) $$< $(SDK)/bin/exo4-cc $(PORTED)
endef
$(eval $(call port,dash,dash-0.5.12))
$(eval $(call port,lua,lua5.4-5.4.4))
$(eval $(call port,tcc,tcc-0.9.27))
$(eval $(call port,make,make-4.3))
$(eval $(call port,sqlite3,sqlite3-3.40.1))
$(eval $(call port,gawk,gawk-5.2.1))
$(eval $(call port,redis-server,redis-7.0.15))
$(eval $(call port,coreutils,coreutils-9.1))
$(eval $(call port,nginx,nginx-1.22.1))

# go: program, source
define go
$(PORTED)/$(1): $(2)
	@echo "  GO      $$@"
	@mkdir -p $$(@D)
	@GO111MODULE=off CGO_ENABLED=0 GOCACHE=$(abspath $(PORTED))/go-cache GOPATH=$(abspath $(PORTED))/go-path \
	    /usr/lib/go-1.19/bin/go build -p 2 -ldflags '-s -w' -o $$@ $$<
endef
$(eval $(call go,go-program,tests/programs/program.go))
$(eval $(call go,go-server,tests/programs/server.go))

# As Debian compiled it, for glibc. What it would load by dlopen is left out, of which the linker warns.
$(PORTED)/python3: tests/programs/python_main.c
	@echo "  LINK    $@"
	@mkdir -p $(@D)
	@gcc -O1 -static -s -w -Wl,--no-warnings -o $@ $< -lpython3.11 -lexpat -lz -lm 2> $@.log || { cat $@.log >&2; exit 1; }
