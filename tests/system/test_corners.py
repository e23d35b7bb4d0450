#!/usr/bin/env python3
"""What few programs ask for: policies and processors of tasks, alternate stacks, locked memory, memory
behind the end of a mapped file, hundreds of threads.
The same program says the same on this machine, linked with the core, and unmodified by the two other ways. The time
of day is set on exo4 only, and what Linux would say is written here."""
import pathlib
import subprocess
import tempfile

import beside_linux
from tap_print import check, done, equal

SOURCE = "tests/system/corners_program.c"
PARTS = ("affinity", "stacks", "locks", "ends", "threads", "policies")
BY_WAY = {"libos": "corners", "patched": "corners-glibc", "trampoline": "corners-glibc"}
CLOCK = """set: 0
1 1 1
by a call 1, since then 1
of long ago: -1 Invalid argument
not valid: -1 Invalid argument
negative: -1 Invalid argument
monotonic: -1 Invalid argument
of the process: -1 Operation not permitted
of no such clock: -1 Invalid argument
from nowhere: -1 Bad address
settimeofday: 0
a child sees it: 1
another user: 0
may not: -1 Operation not permitted
child: 0
set: 0
a sleep: 0, at once
set: 0
a futex: 110, at once
set: 0
a timer: 12, at once
set: 0
a file of a timer: 1, at once
set: 0
one that is cancelled: -125, at once
"""


def build(root):
    """Linked with the core, and with this machine's C library, whose vDSO tells the time."""
    for name, compiler in (("corners", ["build/sdk/bin/exo4-cc"]), ("corners-glibc", ["gcc", "-static", "-pthread"])):
        made = subprocess.run([*compiler, "-O1", "-w", "-o", root / "bin" / name, SOURCE], capture_output=True,
                              text=True, check=False)
        if made.returncode:
            beside_linux.skip_all(f"{compiler[0]} builds no static program: {made.stderr}")


def test_parts(root):
    """All parts in one boot; the last one gives up being the superuser."""
    parts = PARTS
    if b"FIFO: 0\n" not in beside_linux.on_linux(root, "/bin/corners policies").stdout:
        print("# this machine's Linux gives nobody a policy of real time: those are not compared")
        parts = PARTS[:-1]
    for way, program in BY_WAY.items():
        want = beside_linux.same(root, f"/bin/{program} {' '.join(parts)}", "corners", (way,))
        check(want[0] == 0 and want[1].count(b"\n") >= 40, f"{way}: it ran to its end on Linux", want)


def test_clock(root):
    for way, program in BY_WAY.items():
        got = beside_linux.on_exo4(root, f"/bin/{program} clock", *beside_linux.way_options(way), "--icount", "1")
        equal(got.stdout.decode().splitlines(), CLOCK.splitlines(), f"clock, {way}: what Linux would say")
        equal(got.returncode, 0, f"clock, {way}: the status")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-corners-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root)
        build(root)
        test_parts(root)
        test_clock(root)
    done()


main()
