#!/usr/bin/env python3
"""Sleeping and waking at random: processes and threads that wake each other by pipes, futexes, conditions and
signals, on exo4 by both ways of unmodified programs, on one CPU and on two; none may sleep for ever."""
import pathlib
import subprocess
import sys
import tempfile

# Between two CPUs each wake-up waits for the host, which has to run the other one.
WAYS = {"patched": (1,), "trampoline": (1, "--via", "trampoline"), "patched, on two CPUs": (20, "--smp", "2"),
        "trampoline, on two CPUs": (20, "--via", "trampoline", "--smp", "2")}
count = 0


def ok(good, what):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {what}")
    return good


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-wake-") as folder:
        root = pathlib.Path(folder)
        (root / "bin").mkdir()
        build = subprocess.run(["gcc", "-O1", "-D_GNU_SOURCE", "-static", "-pthread", "-o", root / "bin/wake",
                                "tests/system/wake_program.c"], capture_output=True, check=False)
        if build.returncode:
            print("1..0 # SKIP no static C library")
            return
        for way, (divisor, *options) in WAYS.items():
            here = subprocess.run([root / "bin/wake", str(divisor)], capture_output=True, check=False)
            there = subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "500", *options,
                                    "--cmd", f"/bin/wake {divisor}"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if not ok((there.returncode, there.stdout) == (0, here.stdout), f"who sleeps is woken, as on Linux: {way}"):
                print(f"# {there.returncode} {there.stdout!r}, not {here.stdout!r}; {there.stderr!r}")
    print(f"1..{count}")


main()
