#!/usr/bin/env python3
"""The disk from outside: what a guest made durable lies in the image where it belongs, though the
machine was killed; the next boot reads it; and images that cannot be are refused in one line."""
import pathlib
import subprocess
import sys
import tempfile

import qemu
from tap_print import check, done, equal

BLOCK, FIRST, COUNT, NOISE = 4096, 10, 8, 100
SIZE = 4 << 20


def test_killed(image):
    options = qemu.Options(append="run=disk_life write", disk=str(image))
    with qemu.Machine(options) as machine:
        said = machine.wait_for(lambda: b"durable:" in machine.out and b"\n" in machine.out, 60)
        machine.kill()
        equal((said, bytes(machine.out).split(b"\n")[0]), (True, b"durable: done"),
              "a guest says that its blocks are durable, and is killed while it writes")
    data = image.read_bytes()
    want = b"".join(bytes([FIRST + i]) * BLOCK for i in range(COUNT))
    check(data[FIRST * BLOCK:(FIRST + COUNT) * BLOCK] == want, "they are where they belong")
    rest = data[:FIRST * BLOCK] + data[(FIRST + COUNT) * BLOCK:NOISE * BLOCK] + \
        data[(NOISE + COUNT) * BLOCK:]
    check(not any(rest), "and nothing else was touched")
    equal(len(data), SIZE, "the image has its size")


def boot(command, disk):
    return subprocess.run([sys.executable, "exo/tools/qemu.py", "--append", command, "--timeout",
                           "60", "--disk", disk], capture_output=True, check=False)


def test_next_life(image):
    for disk in (str(image), f"ro:{image}"):
        end = boot("run=disk_life read", disk)
        equal((end.returncode, end.stdout), (0, b"0 bytes are wrong\n"),
              f"the next life reads them, from {disk[:3]}")
    before = image.read_bytes()
    end = boot("run=disk_life write", f"ro:{image}")
    check(end.returncode == 1 and b"durable: an argument" in end.stdout,
          "an image that is read-only is not written", (end.returncode, end.stdout))
    check(image.read_bytes() == before, "not a byte of it")


def test_refused(folder):
    odd = folder / "odd"
    odd.write_bytes(b"x" * 1000)
    comma = folder / "a,b"
    comma.write_bytes(b"\0" * SIZE)
    for disk, word in ((str(folder / "none"), b"no such file"), (str(folder), b"no such file"),
                       (str(odd), b"multiple of 512")):
        end = boot("run=disk_life read", disk)
        check(end.returncode == 64 and word in end.stderr and b"Traceback" not in end.stderr,
              f"DISK={pathlib.Path(disk).name}: status 64, and the reason is said", end.stderr)
    end = boot("run=disk_life read", str(comma))
    check(end.returncode == 1 and b"bytes are wrong" in end.stdout,
          "a comma in the name is part of the name", end.stderr)


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-disk-") as name:
        folder = pathlib.Path(name)
        image = folder / "image"
        image.write_bytes(b"\0" * SIZE)
        test_killed(image)
        test_next_life(image)
        test_refused(folder)
    done()


main()
