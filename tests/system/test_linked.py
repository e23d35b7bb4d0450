#!/usr/bin/env python3
"""Programs that are linked with their library OS, as members of a family: processes, threads and signals as
on this machine."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tap_print import check, done, equal

LINKED = pathlib.Path("build/x86_64/user/family_program.elf")
BUSYBOX = pathlib.Path("/bin/busybox")


def run(root, cmd, *options):
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--icount", "1",
                           "--cmd", cmd, *options], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-linked-") as folder:
        root = pathlib.Path(folder)
        (root / "bin").mkdir()
        shutil.copy(LINKED, root / "bin/linked")
        there = run(root, "/bin/linked", "--via", "libos")
        build = subprocess.run(["gcc", "-O1", "-D_GNU_SOURCE", "-static", "-pthread", "-o", root / "bin/here",
                                "tests/system/family_program.c"], capture_output=True, check=False)
        if build.returncode:
            check(True, "a program of this machine's C library # SKIP no static C library")
        else:
            here = subprocess.run([root / "bin/here"], capture_output=True, check=False)
            equal((there.returncode, there.stdout.decode().splitlines(), there.stderr),
                  (0, here.stdout.decode().splitlines(), b""), "a linked program in a family: as on Linux")
        check(there.returncode == 0 and b"0 wrong" in there.stdout, "and nothing is wrong", there.stdout)
        if BUSYBOX.exists():
            shutil.copy(BUSYBOX, root / "bin/busybox")
            words = "/bin/busybox sh -c '/bin/linked status 3; echo $?; /bin/linked status 4; echo $?'"
            for via in ("patched", "trampoline"):
                end = run(root, words, "--via", via)
                equal((end.returncode, end.stdout), (0, b"3\n4\n"), f"an unmodified shell starts it, {via}")
    done()


main()
