# Other people's programs, built with the SDK's compiler from pinned Debian sources: what test_programs.py runs.
PORTED       := build/ported
DASH_STAMP   := build/src/dash-0.5.12/.exo4-unpacked
LUA_STAMP    := build/src/lua5.4-5.4.4/.exo4-unpacked
TCC_STAMP    := build/src/tcc-0.9.27+git20200814.62c30a4a/.exo4-unpacked
PORTED_FILES := $(addprefix $(PORTED)/,dash lua tcc)

$(DASH_STAMP): exo/tools/fetch_source.sh | $(SETUP)
	@sh exo/tools/fetch_source.sh dash 0.5.12-2 $(@D)
$(LUA_STAMP): exo/tools/fetch_source.sh | $(SETUP)
	@sh exo/tools/fetch_source.sh lua5.4 5.4.4-3+deb12u1 $(@D)
$(TCC_STAMP): exo/tools/fetch_source.sh | $(SETUP)
	@sh exo/tools/fetch_source.sh tcc 0.9.27+git20200814.62c30a4a-1 $(@D)

# They carry the library OS along, so they are linked anew with it; what was compiled is kept.
$(PORTED)/dash: $(DASH_STAMP)
$(PORTED)/lua: $(LUA_STAMP)
$(PORTED)/tcc: $(TCC_STAMP)
$(PORTED_FILES): exo/tools/build_ported.sh $(SDK_STAMP)
	@sh exo/tools/build_ported.sh $(@F) $(filter build/src/%,$^) $(SDK)/bin/exo4-cc $(PORTED)
