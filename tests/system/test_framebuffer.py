#!/usr/bin/env python3
"""A display that two programs share, from outside: a picture of the screen shows each in its own band
and nowhere else, and nothing more in a band that was taken back."""
import json
import pathlib
import socket
import tempfile

import qemu
from pumping import pumping
from tap_print import check, done, equal

WIDTH, ROWS, BORDER, BAND, TILE = 1024, 768, 64, 256, 32
BACKGROUND, BLACK = bytes([0x20] * 3), bytes(3)
UPPER = (bytes([0x40, 0, 0]), bytes([0x40, 0x80, 0]))
LOWER = (bytes([0, 0, 0x40]), bytes([0, 0x80, 0x40]))


def chequered(first, second):
    def line(one, other):
        return (one * TILE + other * TILE) * (WIDTH // TILE // 2)
    return (line(first, second) * TILE + line(second, first) * TILE) * (BAND // TILE // 2)


def screen(lower):
    border = BACKGROUND * WIDTH * BORDER
    middle = BACKGROUND * WIDTH * (ROWS - 2 * BORDER - 2 * BAND)
    return border + chequered(*UPPER) + middle + lower + border


def picture(path):
    """Width, height and pixels of a PPM file."""
    kind, size, most, pixels = path.read_bytes().split(b"\n", 3)
    equal((kind, most), (b"P6", b"255"), "the picture is one of bytes")
    return (*map(int, size.split()), pixels)


class Monitor:
    """QEMU's machine protocol: one command at a time."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer

    def close(self):
        self.lines.close()
        self.socket.close()


def see(folder, command, word, want, what):
    """Boots, waits for `word`, and compares a picture of the screen."""
    path = folder / "monitor"
    options = qemu.Options(append=f"run={command}", iommu="1", display=True, smp=2,
                           further=("-qmp", f"unix:{path},server=on,wait=off"))
    with qemu.Machine(options) as machine:
        check(machine.wait_for(lambda: word.encode() in machine.out, 60), f"{command}: {word}",
              bytes(machine.out + machine.err))
        with pumping(machine):
            monitor = Monitor(path)
            equal(monitor.run("screendump", filename=str(folder / "screen")), {"return": {}},
                  "a picture is taken")
            monitor.close()
        equal((machine.panic, machine.guest_status), (None, None), "the machine runs on")
    width, height, pixels = picture(folder / "screen")
    equal((width, height), (WIDTH, ROWS), "it is as large as the owner said")
    wrong = [i // 3 for i in range(0, len(want), 3) if pixels[i:i + 3] != want[i:i + 3]]
    check(len(pixels) == len(want) and not wrong, what,
          [(i % WIDTH, i // WIDTH, pixels[3 * i:3 * i + 3].hex()) for i in wrong[:4]])


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-screen-") as name:
        folder = pathlib.Path(name)
        see(folder, "bands", "two programs draw", screen(chequered(*LOWER)),
            "each program's pixels are in its band, and in no other place")
        see(folder, "bands back", "the lower one was taken back", screen(BLACK * WIDTH * BAND),
            "where the band was taken back nobody draws")
    without = qemu.Options(append="run=bands", iommu="1", timeout=60)
    with qemu.Machine(without) as machine:
        status, _ = machine.run()
        check(status == 1 and b"no such device" in machine.err, "without a display the program says so",
              (status, bytes(machine.err)))
    done()


main()
