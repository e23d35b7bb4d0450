#!/usr/bin/env python3
"""make on exo4, with jobs, and a compiler that it starts: it builds Lua from its sources with tcc, and the Lua that
came out runs; the same as on Linux, to the byte."""
import pathlib
import shutil
import tempfile

import beside_linux
from tap_print import check, done

TCC = beside_linux.PORTED / "tcc.d"
LUA = beside_linux.PORTED / "lua.d/src"
MAKEFILE = r"""
CC := tcc -nostdinc -nostdlib -I/include/tcc -I/include/musl
START := /lib/crt1.o /lib/crti.o
OBJECTS := $(patsubst %.c,%.o,$(filter-out luac.c,$(sort $(wildcard *.c))))
lua: $(OBJECTS)
	@$(CC) -static -o $@ $(START) $^ /lib/libc.a /lib/libtcc1.a /lib/crtn.o
	@echo "linked of $(words $^) objects"
%.o: %.c
	@$(CC) -DLUA_USE_POSIX -c -o $@ $<
"""
RULES = r"""
.PHONY: all jobs fail
names := $(addsuffix .txt,$(foreach n,3 1 2,file-$(n)))
define twice
$(1) $(1)
endef
VALUE ?= unset
export VALUE
all: $(sort $(names)) jobs
	@echo $(call twice,word) $(words $(names)) '$(shell cat file-2.txt)' $(subst e,E,$(firstword $(names)))
	@$(MAKE) --no-print-directory -f rules nested VALUE=given
ifeq ($(VALUE),unset)
	@echo "value $$VALUE"
endif
%.txt:
	@echo "made $*" > $@
nested: file-1.txt
	@echo nested "$$VALUE" $?; test -e file-3.txt
jobs: $(foreach n,0 1 2 3 4 5 6 7 8 9,job-$(n))
	@cat $^ | sort | uniq -c | wc -l
job-%:
	@sleep 0.01; echo $* > $@
fail: missing
	@echo not reached
missing:
	@exit 3
"""
SCRIPT = r"""
cd /rules; make -f rules; echo "ended $?"; make -f rules -n all; touch -d @1 file-1.txt; make -f rules -q nested
echo "asked $?"; rm job-*; make -j4 -f rules jobs; make -k -f rules fail; echo "ended $?"; make -f none; echo "ended $?"
cd /lua; time -f built make -j2; echo "ended $?"; sha256sum lua lapi.o lvm.o; make
./lua -e 'local t = {} for i = 1, 200 do t[#t + 1] = string.format("%x", i * i) end print(#table.concat(t), _VERSION)'
./lua -e 'error("thrown")'; echo "ended $?"; touch lapi.c; make -n | wc -l
"""


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-make-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "make", "tcc")
        (root / "rules").mkdir()
        (root / "rules/rules").write_text(RULES)
        (root / "script").write_text(SCRIPT)
        shutil.copytree(LUA, root / "lua", ignore=shutil.ignore_patterns("*.o", "lua", "Makefile"))
        (root / "lua/Makefile").write_text(MAKEFILE)
        shutil.copytree(TCC / "include", root / "include/tcc")
        shutil.copytree(beside_linux.MUSL[1], root / "include/musl")
        (root / "lib").mkdir()
        for file in (*(beside_linux.MUSL[0] / n for n in ("crt1.o", "crti.o", "crtn.o", "libc.a")), TCC / "libtcc1.a"):
            shutil.copy(file, root / "lib")
        want = beside_linux.same(root, "/bin/sh /script", "make, and Lua built by it with tcc")
        check(b"linked of 33 objects" in want[1], "on Linux Lua was built", want)
    done()


main()
