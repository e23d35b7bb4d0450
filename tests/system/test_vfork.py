#!/usr/bin/env python3
"""The child of vfork borrows its parent's memory: a program that looks closely, on exo4 by each way and on this
machine's Linux, with glibc, with musl, and linked with its library OS. And many children leave nothing behind."""
import pathlib
import shutil
import subprocess
import tempfile

from beside_linux import make_root, on_exo4, same, skip_all, way_options
from tap_print import check, done, equal

SOURCE = "tests/system/vfork_program.c"
LINKED = pathlib.Path("build/x86_64/user/vfork_program.elf")
FLAGS = ("-O1", "-D_GNU_SOURCE", "-static", "-pthread", SOURCE)
CHILDREN = 10000


def compiled(path, compiler):
    return subprocess.run([compiler, "-o", path, *FLAGS], capture_output=True, check=False).returncode == 0


def test_many(root, way):
    end = on_exo4(root, f"/bin/vfork spawn {CHILDREN}", "--mem", "128M", *way_options(way), timeout=240)
    equal((end.returncode, end.stdout, end.stderr), (0, b"wrong: 0\npages lost: 0\n", b""),
          f"{CHILDREN} children leave nothing behind, {way}")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-vfork-") as folder:
        root = pathlib.Path(folder) / "root"
        make_root(root)
        (root / "dev/null").touch()
        program = root / "bin/vfork"
        if not compiled(program, "gcc"):
            skip_all("no static C library")
        want = same(root, "/bin/vfork", "glibc", ("patched", "trampoline"))
        equal(want[0], 5, "and Linux says nothing else")
        same(root, "/bin/vfork", "glibc, on two CPUs", ("patched",), options=("--smp", "2"))
        test_many(root, "patched")
        shutil.copy(LINKED, program)
        same(root, "/bin/vfork", "linked with its library OS", ("libos",))
        if compiled(program, "musl-gcc"):
            same(root, "/bin/vfork", "musl", ("patched", "trampoline"))
        else:
            check(True, "musl # SKIP no musl-gcc")
    done()


main()
