#!/usr/bin/env python3
"""A file system of a disk under `make exec`: volumes that mkfs made, busybox in the guest changes, and
e2fsck and debugfs look at; a guest that is killed; and two library file systems on one disk."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import mkarchive
import qemu
from tap_print import check, done, equal

BUSYBOX = "/bin/busybox"
SYSTEM = qemu.SYSTEM
MIB = 1 << 20
ROUNDS = 8  # that are synchronised before the kill

CHANGE = """set -e
cd ${FOLDER:-/mnt}
test "$(cat made/by/host)" = "from outside"
mkdir -p a/b; cp /bin/busybox a/b/busybox
a/b/busybox seq 1 20000 > numbers; sed -i s/9/nine/g numbers
ln a/b/busybox a/second; ln -s b/busybox a/link; mv made/by a/moved; rmdir made
chmod 751 a/b/busybox; chown 1000:100 numbers; touch -d @1600000000 a
busybox truncate -s 3000000 hole; echo end >> hole
for i in $(busybox seq 1 120); do echo $i > a/b/name-of-a-file-$i; done
rm a/b/name-of-a-file-?; sync; busybox md5sum numbers a/b/busybox hole
"""
ROUND = """cd /mnt; i=0
while true; do
    i=$((i + 1)); busybox seq $i 999 > new; mkdir d$i; mv new d$i/kept; sync; echo synced $i
    busybox seq 1 5000 > rest$i; rm -rf d$((i - 3))/nothing rest$((i - 1))
done
"""
LOOK = "cd /mnt; for i in $(busybox seq 1 %d); do busybox seq $i 999 | cmp - d$i/kept || exit 1; done; " \
       "echo more > after; echo all there"
PAIR = """cd /mnt; who=$(cat who); i=0
while [ $i -lt 12 ]; do i=$((i + 1)); for j in 1 2 3 4 5; do echo $who $i $j >> log; done; sync; done
busybox wc -l log > lines; umask 0; echo $who > done
"""


def host(*words):
    return subprocess.run(words, capture_output=True, check=False)


def debugfs(image, command):
    return host("debugfs", "-R", command, image).stdout


def listed(folder):
    """What is below a folder: kind, permissions, owner, and contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        s = path.lstat()
        text = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(s.st_mode), s.st_uid, s.st_gid, text)
    return found


def make_volume(image, size, kind, *options, folder=None):
    image.write_bytes(b"")
    with open(image, "r+b") as file:
        file.truncate(size)
    extra = ["-d", str(folder)] if folder else []
    made = host("mke2fs", "-q", "-F", "-t", kind, "-b", "4096", *options, *extra, str(image))
    if made.returncode:
        raise SystemExit(made.stderr.decode())


def clean(image, what):
    fsck = host("e2fsck", "-fn", image)
    in_use = b"needs_recovery" in debugfs(image, "show_super_stats -h")
    check(fsck.returncode == 0 and not in_use, what, fsck.stdout.decode() + fsck.stderr.decode())


def command(root, script, image, mount="/mnt", *options):
    return [sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--cmd",
            f"{BUSYBOX} sh -c '{script}'" if "'" not in script else f"{BUSYBOX} sh {script}",
            "--disk", image, "--mount", mount, *options]


def run(root, script, image, *options):
    return subprocess.run(command(root, script, image, *options), stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)


def compare_with_linux(root, folder, image, made, said):
    read = folder / "read-whole"
    read.mkdir()
    debugfs(image, f"rdump / {read}")
    shutil.rmtree(read / "lost+found")
    here = subprocess.run([BUSYBOX, "sh", root / "change"], capture_output=True, check=False,
                          env={"PATH": str(root / "bin"), "FOLDER": str(made)})
    equal((here.returncode, here.stdout), (0, said), "Linux says the same to the same commands")
    theirs, ours = listed(made), listed(read)
    differ = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    equal((differ, len(ours) > 115), ([], True), "and has the same tree afterwards")


def test_changed(root, folder):
    made = folder / "made"
    (made / "made/by").mkdir(parents=True)
    (made / "made/by/host").write_text("from outside\n")
    image = folder / "image"
    make_volume(image, 24 * MIB, "ext4", folder=made)
    end = run(root, ". /change", image)
    equal(end.returncode, 0, "busybox in the guest changes a volume that mkfs.ext4 made")
    check(not end.stderr, "without a word about it", end.stderr)
    clean(image, "e2fsck finds it clean")
    equal(debugfs(image, "cat /a/moved/host"), b"from outside\n", "what was moved is there")
    sums = {}
    for name in ("numbers", "a/b/busybox", "hole"):
        debugfs(image, f"dump /{name} {folder}/read")
        sums[name] = host("md5sum", folder / "read").stdout.split()[0]
    said = dict(reversed(line.split()) for line in end.stdout.splitlines()[:3])
    equal({k.encode(): v for k, v in sums.items()}, said, "debugfs reads what the guest says it wrote")
    equal(len(debugfs(image, "ls -p /a/b").split()), 1 + 2 + 111, "all names are there, and no others")
    if os.geteuid() == 0:  # who alone gives files away
        compare_with_linux(root, folder, image, made, end.stdout)
    stat = debugfs(image, "stat /a/second")
    check(b"Links: 2" in stat and b"Mode:  0751" in stat, "links and mode", stat)
    check(b"User:  1000   Group:   100" in debugfs(image, "stat /numbers"), "owners")


def kill_after(root, image, rounds):
    """The guest writes on while it is killed, at whatever moment that is."""
    with subprocess.Popen(command(root, ". /round", image), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as guest:
        for line in guest.stdout:
            if line.split() == [b"synced", str(rounds).encode()]:
                break
        guest.terminate()
        guest.stdout.read()
        return line


def test_killed(root, folder):
    image, copy = folder / "killed", folder / "copy"
    make_volume(image, 24 * MIB, "ext4")
    equal(kill_after(root, image, ROUNDS), b"synced %d\n" % ROUNDS, "a guest that synchronises is killed")
    shutil.copy(image, copy)
    repaired = host("e2fsck", "-fy", copy).returncode
    check(repaired in (0, 1), "e2fsck repairs what it left", repaired)
    kept = all(debugfs(copy, f"cat /d{i}/kept") ==
               b"".join(b"%d\n" % n for n in range(i, 1000)) for i in range(1, ROUNDS + 1))
    check(kept, "and all that was synchronised is there")
    (root / "look").write_text(LOOK % ROUNDS)
    end = run(root, ". /look", image)
    equal((end.returncode, end.stdout), (0, b"all there\n"), "the next guest replays the journal")
    check(not end.stderr, "without a word about it", end.stderr)
    clean(image, "e2fsck finds clean what it left")
    equal(debugfs(image, "cat /after"), b"more\n", "and what that one wrote")


def test_pair(root, folder):
    """Each half of the disk is one family's, by its capability."""
    image, halves = folder / "pair", [folder / "left", folder / "right"]
    for half, kind in zip(halves, ("ext4", "ext2")):
        made = folder / f"made-{half.name}"
        made.mkdir()
        (made / "who").write_text(half.name + "\n")
        make_volume(half, 16 * MIB, kind, folder=made)
    image.write_bytes(b"".join(half.read_bytes() for half in halves))
    with open(folder / "archive", "w+b") as archive:
        mkarchive.make(archive, trees=[str(root)], archives=[str(SYSTEM)],
                       blobs=[(b".exo4/argv", b"/bin/busybox\0sh\0/pair\0"), (b".exo4/mount", b"/mnt\0"),
                              (b".exo4/environ", b"PATH=/bin\0")])
    end = host(sys.executable, "exo/tools/qemu.py", "--append", "run=disk_pair", "--initrd",
               folder / "archive", "--disk", image, "--timeout", "60")
    equal((end.returncode, end.stdout), (0, b""), "two families write to halves of one disk at once")
    data = image.read_bytes()
    for i, half in enumerate(halves):
        half.write_bytes(data[i * 16 * MIB:(i + 1) * 16 * MIB])
        clean(half, f"e2fsck finds the {half.name} half clean")
        log = b"".join(b"%s %d %d\n" % (half.name.encode(), i, j) for i in range(1, 13) for j in range(1, 6))
        equal(debugfs(half, "cat /log"), log, "which has all that one wrote, and nothing else")
        equal(debugfs(half, "cat /done"), half.name.encode() + b"\n", "to its end")


def test_strangers(root, folder):
    """Two kinds of file systems: what libraries keep in a tree, and a family's ext4."""
    image, right = folder / "strangers", folder / "right"
    made = folder / "made-strangers"
    made.mkdir()
    (made / "who").write_text("right\n")
    make_volume(right, 16 * MIB, "ext4", folder=made)
    image.write_bytes(bytes(16 * MIB) + right.read_bytes())
    with open(folder / "archive", "w+b") as archive:
        mkarchive.make(archive, trees=[str(root)], archives=[str(SYSTEM)],
                       blobs=[(b".exo4/argv", b"/bin/busybox\0sh\0/pair\0"), (b".exo4/mount", b"/mnt\0"),
                              (b".exo4/environ", b"PATH=/bin\0")])
    end = host(sys.executable, "exo/tools/qemu.py", "--append", "run=disk_pair tree", "--initrd",
               folder / "archive", "--disk", image, "--timeout", "60")
    check(end.returncode == 0 and b"ok 40 - both of them" in end.stdout and b"not ok" not in end.stdout,
          "libraries with a tree on one half, a family with ext4 on the other, at once", end.stdout[-400:])
    data = image.read_bytes()
    right.write_bytes(data[16 * MIB:])
    clean(right, "e2fsck finds the family's half clean")
    log = b"".join(b"right %d %d\n" % (i, j) for i in range(1, 13) for j in range(1, 6))
    equal(debugfs(right, "cat /log"), log, "which has all that it wrote")
    plan = folder / "plan"
    own = pathlib.Path("build/grafts").resolve()
    kinds = f"type 1 {own}/own_inodes.o 2\ntype 2 {own}/own_pointers.o\n"
    plan.write_text(f"tree 0 512 root 64 1\ntype 1 {own}/own_volume.o\n"
                    f"tree 200 128 root 65 1\n{kinds}tree 328 128 root 66 1\n{kinds}")
    end = host("build/host/graft", "fsck", image, plan)
    check(end.returncode == 0 and b"3 of metadata, 4 of data, 505 free" in end.stdout,
          "and graft fsck the libraries'", (end.stdout, end.stderr))
    check(not any(data[512 * 4096:16 * MIB]), "nobody wrote beyond it")


def test_refused(root, folder):
    image = folder / "zeros"
    image.write_bytes(b"\0" * MIB)
    end = run(root, "echo not reached", image)
    check(end.returncode == 64 and b"MOUNT=/mnt: no ext2" in end.stderr and not end.stdout,
          "a disk without a file system: status 64, and the reason", (end.returncode, end.stderr))
    end = subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--cmd", "/bin/busybox",
                          "--mount", "/mnt"], capture_output=True, check=False)
    check(end.returncode == 64 and b"needs DISK=" in end.stderr, "MOUNT without DISK", end.stderr)
    end = run(root, "echo not reached", image, "mnt")
    check(end.returncode == 64 and b"want '/directory" in end.stderr, "MOUNT that is no path", end.stderr)


def main():
    if not pathlib.Path(BUSYBOX).exists() or not all(map(shutil.which, ("mke2fs", "e2fsck", "debugfs"))):
        print("1..0 # SKIP there is no static busybox, or no e2fsprogs")
        return
    with tempfile.TemporaryDirectory(prefix="exo4-mount-") as name:
        folder = pathlib.Path(name)
        root = folder / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(BUSYBOX, root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        for script, text in (("change", CHANGE), ("round", ROUND), ("pair", PAIR)):
            (root / script).write_text(text)
        for applet in ("cat cp mkdir sed ln mv rmdir chmod chown touch rm sync seq cmp").split():
            (root / "bin" / applet).symlink_to("busybox")
        test_changed(root, folder)
        test_killed(root, folder)
        test_pair(root, folder)
        test_strangers(root, folder)
        test_refused(root, folder)
    done()


main()
