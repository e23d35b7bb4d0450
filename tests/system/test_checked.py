#!/usr/bin/env python3
"""The checked kernel can fail: one word of its structures is changed while it runs, from outside and
through QEMU's debugger port; the run must end as a panic that names the invariant."""
import struct

import qemu
from debugger import attached
from tap_print import check, done, equal

FRAMES = 0xffffff0040000000  # the exported frame table (exo/abi/kinfo.h)
RECORD, ROOM = 16, 64 << 20 >> 12
FREE, MEMORY, TABLE, CAPTABLE = 0, 3, 4, 6
NODE, CAP = 16, 32           # bytes


def frames_of(table, kind):
    return [n for n in range(len(table) // RECORD) if table[n * RECORD] == kind]


def record(debugger, table):
    """A free frame gets an owner."""
    debugger.write(FRAMES + frames_of(table, FREE)[0] * RECORD + 2, b"\7\0")


def count(debugger, table):
    """A page is said to be bound once more than it is."""
    place = frames_of(table, MEMORY)[0] * RECORD + 4
    debugger.write(FRAMES + place, struct.pack("<I", struct.unpack_from("<I", table, place)[0] + 1))


def link(debugger, table):
    """A capability names itself as its elder sibling."""
    debugger.physical(1)
    first = frames_of(table, CAPTABLE)[0] << 12
    for cap in range(first, first + 4096, CAP):
        if struct.unpack("<I", debugger.read(cap, 4))[0]:
            debugger.write(cap + 12, struct.pack("<I", cap // NODE))
            return


def entry(debugger, table):
    """A page that is bound is no longer in its table."""
    debugger.physical(1)
    for frame in (n for n in frames_of(table, TABLE) if table[n * RECORD + 1] == 1):
        words = struct.unpack("<512Q", debugger.read(frame << 12, 4096))
        if any(words):
            index = next(i for i, w in enumerate(words) if w)
            debugger.write((frame << 12) + index * 8, bytes(8))
            return


def damaged(damage, smp):
    """Boots, damages the running kernel, and returns how the run ended."""
    options = qemu.Options(append="run=fuzz", mem="64M", smp=smp, kernel=str(qemu.CHECKED), timeout=60)
    with attached(options) as (machine, debugger):
        begun = machine.wait_for(lambda: any("starting" in line for line in machine.log), 30)
        debugger.stop()
        damage(debugger, debugger.read(FRAMES, ROOM * RECORD))
        debugger.send(b"c")
        status, why = machine.run()
    return begun, status, why


def main():
    for smp in (1, 2):
        for damage, name in ((record, "F1"), (count, "P2"), (link, "D"), (entry, "P1")):
            begun, status, why = damaged(damage, smp)
            check(begun, "the machine makes calls")
            equal((status, why.startswith(f"panic: {name}")), (qemu.STATUS_BROKEN, True),
                  f"{smp} CPU: {damage.__doc__} {why}")
    done()


main()
