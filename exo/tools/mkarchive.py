#!/usr/bin/env python3
"""Makes cpio archives (newc, as the Linux initramfs) for the guest.

usage: mkarchive.py -o OUT [--file NAME=PATH]... [--tree DIR]... [--append ARCHIVE]...

--file    stores one file under NAME, with the folders on the way to it; nothing of this machine
          but the bytes and the x bit goes in: owner 0, mtime 0
--tree    stores a folder's content as the root: modes, times, symbolic and hard links and special
          files are kept, the owner is 0; `.exo4/` is the system's own and refused
--append  adds an archive as it is; Linux and exo4 read one after the other

The same input gives the same bytes.
"""
import argparse
import collections
import os
import stat
import sys

RESERVED = b".exo4"
TRAILER = b"TRAILER!!!"
MAX_SIZE = 0xFFFFFFFF  # the header has eight hexadecimal digits
CHUNK = 1 << 20


class Refused(Exception):
    """The input cannot be stored; the text says which and why."""


def printable(name):
    return os.fsdecode(name).encode("unicode_escape").decode("ascii")


class Writer:
    """Appends newc members to an open binary file."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.position = 0

    def write(self, data):
        self.out.write(data)
        self.position += len(data)

    def pad(self, unit):
        self.write(b"\0" * (-self.position % unit))

    def next_ino(self):
        self.ino += 1
        return self.ino

    def header(self, name, mode, size, mtime=0, device=0, ino=None, links=1):
        if size > MAX_SIZE:
            raise Refused(f"{printable(name)}: {size} bytes; the format ends at 4 GiB")
        if ino is None:
            ino = self.next_ino()
        fields = (ino, mode, 0, 0, links, max(0, min(int(mtime), MAX_SIZE)), size, 0, 0,
                  os.major(device), os.minor(device), len(name) + 1, 0)
        self.write(b"070701" + b"".join(b"%08X" % f for f in fields) + name + b"\0")
        self.pad(4)

    def member(self, name, mode, data, mtime=0):
        self.header(name, mode, len(data), mtime)
        self.write(data)
        self.pad(4)

    def file(self, name, path, mode, size, mtime=0, ino=None, links=1):
        self.header(name, mode, size, mtime, 0, ino, links)
        left = size
        with open(path, "rb") as source:
            while left and (data := source.read(min(left, CHUNK))):
                self.write(data)
                left -= len(data)
        if left:
            raise Refused(f"{printable(name)}: became shorter while it was read")
        self.pad(4)

    def trailer(self):
        self.header(TRAILER, 0, 0, ino=0)
        self.pad(512)


def add_folders(writer, name, made):
    parts = name.split(b"/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = b"/".join(parts[:depth])
        if folder not in made:
            made.add(folder)
            writer.header(folder, stat.S_IFDIR | 0o755, 0, links=2)


def add_files(writer, pairs):
    made = set()
    for name, path in sorted(pairs):
        name = name.strip(b"/")
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise Refused(f"{printable(path)}: not a regular file")
        add_folders(writer, name, made)
        mode = stat.S_IFREG | (0o755 if info.st_mode & 0o111 else 0o644)
        writer.file(name, path, mode, info.st_size)


def tree_paths(root):
    """Every path under `root`, folders before what they hold, in a fixed order."""
    for entry in sorted(os.scandir(root), key=lambda e: e.name):
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from tree_paths(entry.path)


class Links:
    """Hard links among the paths of one tree: one number for all names, data with the last."""

    def __init__(self, writer, infos):
        self.writer = writer
        self.names = collections.Counter(map(self.key, infos))
        self.left = dict(self.names)
        self.numbers = {}

    @staticmethod
    def key(info):
        return info.st_dev, info.st_ino

    def next(self, info):
        """(number, names in all, is this the last one) of the next name of a file."""
        key = self.key(info)
        if key not in self.numbers:
            self.numbers[key] = self.writer.next_ino()
        self.left[key] -= 1
        return self.numbers[key], self.names[key], self.left[key] == 0


def add_tree(writer, root):
    root = os.fsencode(root)
    found = [(path, os.lstat(path)) for path in (root, *tree_paths(root))]
    links = Links(writer, [info for _, info in found if stat.S_ISREG(info.st_mode)])
    for path, info in found:
        name = os.path.relpath(path, root)
        if name == TRAILER or name.split(b"/")[0] == RESERVED:
            raise Refused(f"{printable(name)}: this name is reserved in an archive")
        mode, mtime = info.st_mode, info.st_mtime
        if stat.S_ISREG(mode):
            ino, names, is_last = links.next(info)
            size = info.st_size if is_last else 0
            writer.file(name, path, mode, size, mtime, ino, names)
        elif stat.S_ISLNK(mode):
            writer.member(name, mode, os.readlink(path), mtime)
        elif stat.S_ISSOCK(mode):
            print(f"mkarchive: {printable(name)}: a socket, left out", file=sys.stderr)
        elif stat.S_ISDIR(mode):
            writer.header(name, mode, 0, mtime, links=2)
        else:
            writer.header(name, mode, 0, mtime, info.st_rdev)


def add_archive(writer, path):
    with open(path, "rb") as source:
        while data := source.read(CHUNK):
            writer.write(data)
    writer.pad(512)


def make(out, files=(), blobs=(), trees=(), archives=()):
    """Writes one archive. `files`: (name, path) pairs; `blobs`: (name, bytes) pairs."""
    for path in archives:
        add_archive(Writer(out), path)
    writer = Writer(out)
    add_files(writer, files)
    made = set()
    for name, data in blobs:
        add_folders(writer, name, made)
        writer.member(name, stat.S_IFREG | 0o644, data)
    for root in trees:
        add_tree(writer, root)
    writer.trailer()


def pair(text):
    name, equals, path = text.partition("=")
    if not (name.strip("/") and equals and path):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=PATH")
    return os.fsencode(name), os.fsencode(path)


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("-o", dest="out", required=True)
    ap.add_argument("--file", dest="files", type=pair, action="append", default=[])
    ap.add_argument("--tree", dest="trees", action="append", default=[])
    ap.add_argument("--append", dest="archives", action="append", default=[])
    args = ap.parse_args()

    part = args.out + ".part"
    try:
        with open(part, "wb") as out:
            make(out, args.files, (), args.trees, args.archives)
        os.replace(part, args.out)
    except (Refused, OSError) as problem:
        if os.path.exists(part):
            os.unlink(part)
        sys.exit(f"mkarchive: {problem}")


if __name__ == "__main__":
    main()
