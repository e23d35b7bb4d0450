#!/usr/bin/env python3
"""mkarchive.py against GNU cpio: what goes in comes out, and what cannot go in is refused."""
import io
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import mkarchive
from tap_print import check, done, equal

MTIME = 1_600_000_000


def make_tree(root):
    (root / "empty folder").mkdir(parents=True)
    (root / "sub").mkdir(mode=0o750)
    (root / "sub/data").write_bytes(os.urandom(5000))
    (root / "sub/program").write_text("#!/bin/sh\n")
    (root / "sub/program").chmod(0o4755)
    (root / "sub/nothing").touch()
    (root / "link").symlink_to("sub/data")
    (root / "dangling").symlink_to("/no where")
    os.link(root / "sub/data", root / "second")
    os.mkfifo(root / "pipe")
    pathlib.Path(os.fsdecode(os.fsencode(root) + b"/odd \xff\nname")).write_text("odd")
    os.utime(root / "sub/data", (MTIME, MTIME))
    os.utime(root, (MTIME, MTIME))


def archive(**what):
    out = io.BytesIO()
    mkarchive.make(out, **what)
    return out.getvalue()


def unpack(data, where):
    where.mkdir()
    run = subprocess.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], cwd=where,
                         input=data, capture_output=True, check=False)
    return run.returncode, run.stderr


def refused(**what):
    try:
        archive(**what)
    except mkarchive.Refused as problem:
        return str(problem)
    return ""


def test_tree(work):
    tree, out = work / "tree", work / "out"
    make_tree(tree)
    data = archive(trees=[str(tree)])
    equal(len(data) % 512, 0, "an archive is a multiple of 512 bytes")
    check(data == archive(trees=[str(tree)]), "the same tree gives the same bytes")
    equal(unpack(data, out), (0, b""), "cpio reads it without a complaint")
    names = [sorted(os.fsencode(p.relative_to(top)) for p in top.rglob("*")) for top in (tree, out)]
    equal(names[1], names[0], "every name comes out, odd ones too")
    equal((out / "sub/data").read_bytes(), (tree / "sub/data").read_bytes(), "contents come out")
    check((out / "second").samefile(out / "sub/data"), "a hard link comes out as one")
    check(len(data) < 5000 + 8192, "and its data is stored once", len(data))
    equal(os.readlink(out / "dangling"), "/no where", "a symbolic link keeps its target")
    equal(int((out / "sub/data").stat().st_mtime), MTIME, "times are kept")
    equal((data[110:112], int(data[46:54], 16)), (b".\0", MTIME),
          "also that of the root itself, which comes first")
    equal((out / "sub").stat().st_mode & 0o777, 0o750, "a folder's mode is kept")
    check(stat.S_ISFIFO((out / "pipe").stat().st_mode), "a pipe is a pipe")


def test_parts(work):
    one, two = work / "one.cpio", work / "two.cpio"
    one.write_bytes(archive(blobs=[(b".exo4/argv", b"a\0b c\0")]))
    two.write_bytes(archive(files=[(b"etc/deep/own", os.fsencode(__file__))]))
    both = archive(archives=[one, two])
    check(both.startswith(one.read_bytes() + two.read_bytes()), "archives are put one after another")
    odd = work / "odd.cpio"
    odd.write_bytes(one.read_bytes().rstrip(b"\0") + b"\0")
    equal(archive(archives=[odd]).rfind(b"070701") % 512, 0,
          "an archive without padding gets it")
    first, second = work / "first", work / "second"
    unpack(one.read_bytes(), first)
    unpack(two.read_bytes(), second)
    equal((first / ".exo4/argv").read_bytes(), b"a\0b c\0", "bytes given by name come out")
    equal((second / "etc/deep/own").read_bytes(), pathlib.Path(__file__).read_bytes(),
          "a file by name comes out under its folders")


def test_refusals(work):
    big = work / "big"
    big.mkdir()
    os.truncate(os.open(big / "huge", os.O_CREAT | os.O_WRONLY), 1 << 32)
    check("4 GiB" in refused(trees=[str(big)]), "a file of 4 GiB is refused with the reason")
    for number, name in enumerate(("TRAILER!!!", ".exo4")):
        folder = work / f"reserved{number}"
        folder.mkdir()
        (folder / name).touch()
        check("reserved" in refused(trees=[str(folder)]), f"{name} in a tree is refused")
    check("not a regular file" in refused(files=[(b"a", os.fsencode(work))]),
          "a folder given as a file is refused")
    run = subprocess.run(["python3", "exo/tools/mkarchive.py", "-o", str(work / "x"), "--tree",
                          str(work / "none")], capture_output=True, text=True, check=False)
    check(run.returncode == 1 and "Traceback" not in run.stderr and not (work / "x").exists(),
          "a missing folder is one line, and leaves no archive", run.stderr)


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        test_tree(work)
        test_parts(work)
        test_refusals(work)
    finally:
        shutil.rmtree(work)
    done()


main()
