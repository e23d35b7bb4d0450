#!/usr/bin/env python3
"""The ways of unmodified programs under `make exec`: what a way could spoil comes out as on this machine,
and calls are patched where that is safe and nowhere else."""
import pathlib
import re
import subprocess
import sys
import tempfile

from tap_print import done, equal

PATCHED, TRAPS = "ffd0", "0f05"  # call *%rax; syscall
WHERE = {"elsewhere": PATCHED, "first in turns": PATCHED, "second in turns": PATCHED, "made": PATCHED,
         "made anew": PATCHED, "below the stack pointer": TRAPS, "below the frame": TRAPS, "across a line": TRAPS}


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def run(root, cmd, via):
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60",
                           "--icount", "1", "--cmd", cmd, "--via", via],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)


def without_sites(text):
    return re.sub(r"^(@ .*) \w+$", r"\1", text, flags=re.M)


def test_program(root):
    here = subprocess.run([root / "bin/ways"], capture_output=True, text=True, check=False)
    for via in ("patched", "trampoline"):
        there = run(root, "/bin/ways", via)
        out = there.stdout.decode()
        equal((there.returncode, without_sites(out).splitlines(), there.stderr),
              (here.returncode, without_sites(here.stdout).splitlines(), b""), f"{via}: as on Linux")
        sites = dict(re.findall(r"^@ (.*) (\w+)$", out, flags=re.M))
        equal(sites, WHERE if via == "patched" else dict.fromkeys(WHERE, TRAPS),
              f"{via}: which instructions are changed")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-ways-") as folder:
        root = pathlib.Path(folder)
        (root / "bin").mkdir()
        build = subprocess.run(["gcc", "-O1", "-static", "-no-pie", "-fno-pie", "-pthread", "-o",
                                root / "bin/ways", "tests/system/ways_program.c"],
                               capture_output=True, check=False)
        if build.returncode:
            skip_all("no static C library")
        test_program(root)
    done()


main()
