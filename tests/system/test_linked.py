#!/usr/bin/env python3
"""Programs that are linked with their library OS, as members of a family: processes, threads and signals as
on this machine."""
import pathlib
import re
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


def test_log(root):
    """TRACE=1: who called what with which result, and what is missing."""
    end = run(root, "/bin/linked calls", "--trace", "1")
    lines = end.stderr.decode().splitlines()
    equal((end.returncode, end.stdout), (0, b""), "a program whose calls are written down")
    for wanted in (r'\[2\] open\("/none", .*\) = -2', r"\[2\] exit_group\(9\)", r"\[1\] getppid\(\) = 0",
                   r"\[1\] call 214\(7, .*\) = -38 \(missing\)", r"\[1\] wait4\(2, .*\) = 2"):
        check(sum(bool(re.fullmatch(wanted, line)) for line in lines) == 1, f"once in the log: {wanted}", lines)
    equal(lines[-1:], ["missing call 214: 2 times"], "and at the end what is missing")
    end = run(root, "/bin/linked", "--trace", "2")
    check(end.returncode == 64 and b"TRACE=2" in end.stderr, "only 1 is taken", end.stderr)


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
        test_log(root)
        if BUSYBOX.exists():
            shutil.copy(BUSYBOX, root / "bin/busybox")
            words = "/bin/busybox sh -c '/bin/linked status 3; echo $?; /bin/linked status 4; echo $?'"
            for via in ("patched", "trampoline"):
                end = run(root, words, "--via", via)
                equal((end.returncode, end.stdout), (0, b"3\n4\n"), f"an unmodified shell starts it, {via}")
    done()


main()
