#!/usr/bin/env python3
"""The test suite of busybox, with Debian's static binary: each of its tests comes out as on Linux.

usage: test_busybox.py [BOOT...]    names from BOOTS; by default all
"""
import collections
import pathlib
import re
import shutil
import sys
import tempfile

import beside_linux
from tap_print import check, done, equal

SOURCE = pathlib.Path("build/src/busybox-1.35.0")
LIMIT = 400  # seconds of one boot, some of which need a tenth of it on an idle machine

# Which of the suite's parts run in one boot. That of wget asks servers of the Internet, and those of mount,
# mkfs.minix, mdev and makedevs ask for loop devices and device nodes.
BOOTS = {
    "archives": "ar bunzip2 bzcat cpio gunzip gzip tar uncompress unlzma unzip",
    "text": "awk comm cut expand fold grep head hexdump nl od paste patch printf rev sed sort tail tr unexpand",
    "files": "basename cat cmp cp diff dirname du find ln ls mkdir mv parse pwd readlink realpath rm rmdir rx "
             "strings sum tee touch uniq uuencode wc which",
    "shell": "ash busybox cal cryptpw date dd echo expr factor false hostid hostname id pidof seq "
             "start-stop-daemon taskset test true uptime xargs",
    "numbers": "dc",
    "more-numbers": "bc",
    "md5": "md5sum",
    "sha1": "sha1sum",
    "sha256": "sha256sum",
    "sha512": "sha512sum",
    "sha3": "sha3sum",
}

EXPECTED = [line.split("\t") for line in pathlib.Path(__file__).with_name("busybox.expected").read_text().splitlines()
            if not line.startswith("#")]
OTHERWISE = {name for kind, name, _ in EXPECTED if kind == "other"}
COUNT = collections.Counter()


def results(text):
    """The outcome of each test, under its name."""
    lines = (line.split(": ", 1) for line in text.decode(errors="replace").splitlines() if ": " in line)
    return {name: word for word, name in lines if word in ("PASS", "FAIL", "SKIPPED", "UNTESTED")}


def cut_out(path, name):
    """Takes a test, which ends at an empty line, out of its file."""
    text = path.read_text()
    less = re.sub(rf'^testing "{re.escape(name)}" (.|\n)*?\n\n', "", text, flags=re.M)
    check(less != text, f"{name} is left out")
    path.write_text(less)


def make_root(root):
    beside_linux.make_root(root)
    shutil.copytree(SOURCE / "testsuite", root / "bb/testsuite", symlinks=True)
    for name in (name for kind, name, _ in EXPECTED if kind == "out"):
        cut_out(root / "bb/testsuite" / (name.split()[0] + ".tests"), name)
    shutil.copy(beside_linux.BUSYBOX, root / "bb/busybox")
    shutil.copy(SOURCE / "debian/config/pkg/static", root / "bb/.config")


# The suite goes one way whole, and the others with these.
WAYS = {"patched": tuple(BOOTS), "trampoline": ("text", "shell"), "hide=1": ("files", "shell")}


def one_boot(root, name, way):
    cmd = f"/bin/sh -c 'cd /bb/testsuite; ./runtest {BOOTS[name]} </dev/null'"
    copy = root.parent / "linux"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy, symlinks=True)
    want = results(beside_linux.on_linux(copy, cmd, timeout=LIMIT).stdout)
    end = beside_linux.on_exo4(root, cmd, *beside_linux.way_options(way), timeout=LIMIT)
    got = results(end.stdout)
    check("PASS" in want.values(), f"{name}: the tests run on Linux", want)
    if way == "patched":
        COUNT.update(f"{word} on Linux" for word in want.values())
        COUNT.update(f"{word} on exo4" for word in got.values())
    differ = {test: f"{got.get(test)}, on Linux {want.get(test)}" for test in {**want, **got}
              if got.get(test) != want.get(test)}
    good = equal({test: how for test, how in differ.items() if test not in OTHERWISE}, {},
                 f"{name}, {way}: {len(want)} tests come out as on Linux, "
                 f"{sum(word == 'PASS' for word in got.values())} pass")
    beside_linux.went(way, good, "" if way == "patched" else f"({', '.join(WAYS[way])})")
    if not good:
        print(f"# status {end.returncode}: {end.stderr[-300:]!r}")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-busybox-") as folder:
        root = pathlib.Path(folder) / "root"
        make_root(root)
        beside_linux.not_by("libos", "it is Debian's static binary, for glibc")
        for way, names in WAYS.items():
            for name in names:
                if not sys.argv[1:] or name in sys.argv[1:]:
                    one_boot(root, name, way)
        print("# " + ", ".join(f"{COUNT[what]} {what}" for what in sorted(COUNT)))
    done()


main()
