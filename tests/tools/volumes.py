"""Volumes with ext2 for tests: made, judged and read with e2fsprogs on this machine."""
import shutil
import subprocess

from tap_print import check

MIB = 1 << 20


def host(*words):
    return subprocess.run(words, capture_output=True, check=False)


def make(image, size=64 * MIB, folder=None):
    """A new volume in the file `image`, with what is in the folder."""
    image.write_bytes(b"")
    with open(image, "r+b") as file:
        file.truncate(size)
    made = host("mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", *(["-d", folder] if folder else []), image)
    if made.returncode:
        raise SystemExit(made.stderr.decode())


def check_clean(image, what):
    fsck = host("e2fsck", "-fn", image)
    check(fsck.returncode == 0, what, fsck.stdout.decode())


def taken_out(image, folder):
    """A folder, new each time, with all that the volume's root has."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    host("debugfs", "-R", f"rdump / {out}", image)
    return out
