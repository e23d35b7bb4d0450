#!/usr/bin/env python3
"""`graft fsck`: volumes of small file systems, whole and damaged, plans that cannot be; and the image that
the guest's libraries leave behind, also of machines that are killed while they write."""
import pathlib
import random
import struct
import subprocess
import tempfile

import qemu
from tap_print import check, done, equal

BLOCK, BLOCKS = 4096, 512
VOLUME, ROOTS, PARTS, PART = 64, (65, 66), (200, 328), 128
INODE_AT, INODE_BYTES = 64, 64
OBJECTS = pathlib.Path("build/grafts").resolve()
PLAN = f"""# a volume of two small file systems
tree 0 {BLOCKS} root {VOLUME} 1
type 1 {OBJECTS}/own_volume.o
tree {PARTS[0]} {PART} root {ROOTS[0]} 1
type 1 {OBJECTS}/own_inodes.o 2      # the type of blocks of pointers
type 2 {OBJECTS}/own_pointers.o
tree {PARTS[1]} 0x80 root {ROOTS[1]} 1
type 1 {OBJECTS}/own_inodes.o 2
type 2 {OBJECTS}/own_pointers.o
"""


def fsck(image, plan, *more):
    r = subprocess.run(["build/host/graft", "fsck", image, plan, *more], capture_output=True, text=True, check=False)
    return r.returncode, r.stdout, r.stderr


def put(data, block, at, *numbers):
    struct.pack_into(f"<{len(numbers)}I", data, block * BLOCK + at, *numbers)


def inode(data, root, which, direct, pointers=0):
    """Inode `which` of the block of inodes `root`: twelve direct blocks at most, and one of pointers."""
    put(data, root, INODE_AT + which * INODE_BYTES, 1, 1, *direct, *[0] * (12 - len(direct)), pointers)


def whole():
    """One file system with a large file and a small one; the other one empty."""
    data = bytearray(BLOCKS * BLOCK)
    put(data, VOLUME, 0, 0x6c6f7653, *ROOTS)
    for root in ROOTS:
        put(data, root, 0, 0x6f6e6953)
    inode(data, ROOTS[0], 0, list(range(210, 222)), 222)
    put(data, 222, 0, 223, 0, 224)
    inode(data, ROOTS[0], 7, [230])
    return data


def test_whole(folder, plan):
    image = folder / "whole"
    image.write_bytes(whole())
    status, said, error = fsck(image, plan)
    equal((status, error), (0, ""), "a volume that is whole")
    equal(said.splitlines(), ["tree of block 64, blocks 0 to 511: 1 of type 1, 0 of data",
                              "tree of block 65, blocks 200 to 327: 1 of type 1, 1 of type 2, 15 of data",
                              "tree of block 66, blocks 328 to 455: 1 of type 1, 0 of data",
                              f"{image}: blocks: 4 of metadata, 15 of data, 493 free"], "each block is somebody's or free")
    said = fsck(image, plan, "-v")[1]
    check("block 222, type 2: owns 2 blocks in 2 runs\n" in said, "-v: what each block of metadata owns", said)
    data = whole()
    data[ROOTS[1] * BLOCK:(ROOTS[1] + 1) * BLOCK] = bytes(BLOCK)
    image.write_bytes(data)
    status, said, error = fsck(image, plan)
    check((status, error) == (0, "") and said.endswith("4 of metadata, 15 of data, 493 free\n"),
          "a root whose tree is not there yet", (said, error))


def damage(change):
    data = whole()
    change(data)
    return data


DAMAGES = (
    ("a block that two files have", lambda d: inode(d, ROOTS[0], 8, [230]), "block 65 is malformed: it owns a block twice"),
    ("or a file and its own pointers", lambda d: put(d, 222, 0, 210), "block 210 has two owners: block 65 and block 222"),
    ("or pointers that are data, too", lambda d: put(d, 222, 0, 222), "block 222 has two owners: block 65 and block 222"),
    ("a block of the neighbour's part", lambda d: inode(d, ROOTS[1], 0, [230]), "block 230, which block 66 owns, is not of its tree"),
    ("of no part", lambda d: inode(d, ROOTS[1], 0, [100]), "block 100, which block 66 owns, is not of its tree"),
    ("behind the extent", lambda d: inode(d, ROOTS[1], 0, [512]), "block 512, which block 66 owns, is not of its tree"),
    ("that no disk has", lambda d: inode(d, ROOTS[1], 0, [0xffffffff]), "block 66 is malformed: it owns a block twice, or more"),
    ("one's own root", lambda d: inode(d, ROOTS[1], 0, [ROOTS[1]]), "block 66, which block 66 owns, is not of its tree"),
    ("the volume's root twice", lambda d: put(d, VOLUME, 4, 65, 65), "block 64 is malformed: it owns a block twice"),
    ("the root of all", lambda d: put(d, VOLUME, 12, 64), "block 64, which block 64 owns, is the root of all"),
    ("a root in a part", lambda d: put(d, VOLUME, 12, 240), "block 240, which block 64 owns, is not of its tree"),
    ("a root that the plan does not know", lambda d: (put(d, VOLUME, 12, 70), put(d, 70, 0, 1)),
     "block 70 is the root of a tree that"),
    ("a root that the volume forgot", lambda d: put(d, VOLUME, 8, 0), "block 66, the root of a tree"),
    ("a block of inodes that is none", lambda d: put(d, ROOTS[0], 0, 7), "block 65 is malformed: "),
)


def test_damaged(folder, plan):
    image = folder / "damaged"
    for name, change, want in DAMAGES:
        image.write_bytes(damage(change))
        status, said, error = fsck(image, plan)
        check(status == 1 and f"{image}: {want}" in error and "1 thing is wrong" in said and len(error.splitlines()) == 1,
              f"{name}: one line", (said, error))
    image.write_bytes(whole()[:222 * BLOCK + 100])
    status, _, error = fsck(image, plan)
    check(status == 1 and "block 222 cannot be read: the image ends before it" in error, "an image that is cut off", error)
    data = whole()
    for which in range(63):
        inode(data, ROOTS[1], which, [which + 1, which + 101])
    image.write_bytes(data)
    status, said, error = fsck(image, plan)
    check(status == 1 and "126 things are wrong" in said and len(error.splitlines()) == 51 and "and 76 more" in error,
          "of many faults the first 50", (said, error[-200:]))
    no_type = folder / "no_type.plan"
    no_type.write_text(PLAN.replace("own_inodes.o 2", "own_inodes.o 3"))
    image.write_bytes(whole())
    error = fsck(image, no_type)[2]
    check("block 222, which block 65 owns, is of type 3, which has no template" in error, "a type without a template", error)
    strange = folder / "strange.plan"
    strange.write_text(PLAN.replace(f"tree {PARTS[1]} 0x80", "tree 300 20"))
    error = fsck(image, strange)[2]
    check("block 66 is the root of a tree (" in error and "whose part its owner cannot give away" in error,
          "a part that is another tree's than its root", error)
    for words, want in ((("nowhere", plan), "nowhere: No such file"), ((image, "nowhere"), "nowhere: No such file")):
        status, _, error = fsck(*words)
        check(status == 1 and want in error, f"what is not there: {want}", error)


def test_plans(folder, image):
    first, volume = f"tree 0 {BLOCKS} root 64 1", f"type 1 {OBJECTS}/own_volume.o"
    for lines, want in (
            ((), "it tells of no tree"),
            (("branch 1",), ":1: a line tells of a tree or a type"),
            ((volume,), ":1: a type stands below its tree"),
            (("tree 0 512 64 1",), ":1: a tree is told by: tree FIRST COUNT root BLOCK TYPE"),
            (("tree 0 -5 root 64 1",), ":1: -5 is no number from 0 to 1048576"),
            (("tree 0 5x root 64 1",), ":1: 5x is no number"),
            (("tree 0 1048577 root 64 1",), ":1: 1048577 is no number from 0 to 1048576"),
            (("tree 0 0 root 64 1",), ":1: a tree has blocks, and its root a type"),
            (("tree 0 512 root 64 0",), ":1: a tree has blocks, and its root a type"),
            (("tree 0 512 root 512 1",), ":1: the first tree's root is one of its blocks"),
            (("tree 0 512 root 64 16",), ":1: 16 is no number from 0 to 15"),
            ((first,), ":1: type 1, the root's, has no template"),
            ((first, "type 1"), ":2: a type is told by"),
            ((first, "type 0 x"), ":2: type 0 is data"),
            ((first, volume, volume), ":3: the tree has such a type already"),
            ((first, volume + " 1 2 3 4 5"), ":2: a type is told by"),
            ((first, volume + " 1 2 3 4 5 6"), ":2: too many words"),
            ((first, volume + " blue"), ":2: blue is no number"),
            ((first, volume + " -1"), ":2: -1 is no number"),
            ((first, "type 1 nothing.o"), f"{folder}/nothing.o: No such file"),
            ((first, f"type 1 {OBJECTS}/filter_udp.o"), "filter_udp.o: it is for PACKET_FILTER; templates are for OWNERSHIP"),
            ((first, volume, "tree 500 100 root 65 1"), ":3: a tree's part lies in that of one above it here"),
            ((first, volume, "tree 600 100 root 65 1"), ":3: a tree's part lies in that of one above it here"),
            ((first, volume, "tree 0 512 root 65 1"), ":3: a tree's part lies in that of one above it here"),
            ((first, volume, "tree 100 10 root 64 1"), ":3: two trees have one root"),
            ((first, volume, "tree 100 10 root 65 1", volume, "tree 105 10 root 66 1"), ":5: a tree's part lies"),
            ((first, volume, "tree 100 10 root 65 1", volume, "tree 90 50 root 66 1"), ":5: a tree's part lies"),
            ((first, "# " + "x" * 5000), ":2: the line is too long")):
        plan = folder / "bad.plan"
        plan.write_text("".join(f"{line}\n" for line in lines))
        status, said, error = fsck(image, plan)
        check((status, said) == (1, "") and want in error and len(error.splitlines()) == 1, f"a plan that cannot be: {want}", error)


def boot(image, stop):
    """The guest's test of trees on an empty disk; ended by itself, or killed so many seconds after it names its libraries' roots."""
    image.write_bytes(bytes(BLOCKS * BLOCK))
    with qemu.Machine(qemu.Options(append="run=tree", disk=str(image))) as machine:
        if stop is None:
            machine.wait_for(lambda: b"both of them\n" in machine.out, 60)
        else:
            machine.wait_for(lambda: b"then they are named\n" in machine.out, 60)
            machine.wait_for(lambda: False, stop)
        machine.kill()
        return bytes(machine.out)


def test_guest(folder, plan):
    image = folder / "guest"
    out = boot(image, None)
    check(b"ok 40 - both of them" in out and b"not ok" not in out, "two libraries in the guest come to their end", out[-300:])
    status, said, error = fsck(image, plan)
    check((status, error) == (0, "") and said.endswith("blocks: 3 of metadata, 4 of data, 505 free\n"),
          "what they leave is whole, and as much as they say", (said, error))
    chance = random.Random(7)
    wrong = []
    for _ in range(6):
        boot(image, chance.uniform(0, 0.15))
        status, said, error = fsck(image, plan)
        if status:
            wrong.append(error)
    equal(wrong, [], "and so it is when the machine is killed at any moment")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-fsck-") as name:
        folder = pathlib.Path(name)
        plan = folder / "plan"
        plan.write_text(PLAN)
        test_whole(folder, plan)
        test_damaged(folder, plan)
        test_plans(folder, folder / "whole")
        test_guest(folder, plan)
    done()


main()
