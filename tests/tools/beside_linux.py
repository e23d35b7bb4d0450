"""Runs one command with a folder as its root file system, on exo4 and on this machine's Linux, and says
whether both did the same. On Linux that is a chroot in a mount and process namespace of its own."""
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

from tap_print import equal

BUSYBOX = "/bin/busybox"
PORTED = pathlib.Path("build/ported")
MUSL = pathlib.Path("/usr/lib/x86_64-linux-musl"), pathlib.Path("/usr/include/x86_64-linux-musl")
ENVIRONMENT = {"PATH": "/bin:/sbin:/usr/bin:/usr/sbin", "HOME": "/", "TERM": "dumb"}
ENTER = """mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" "$@" """


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def make_root(root, *programs):
    """A root file system with Debian's busybox for all of its commands, and other people's programs."""
    if not os.access(BUSYBOX, os.X_OK):
        skip_all("no busybox on this machine")
    for name in ("bin", "dev/shm", "proc", "tmp"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for name in subprocess.run([BUSYBOX, "--list"], capture_output=True, check=True, text=True).stdout.split():
        if not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")
    for program in programs:
        (root / "bin" / program).unlink(missing_ok=True)
        shutil.copy(PORTED / program, root / "bin" / program)


def on_linux(root, cmd, data=b"", timeout=120):
    """The command in a copy of that root, which is left as the command left it."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if os.getuid():
        words.append("--map-root-user")
    if subprocess.run([*words, "sh", "-c", ENTER, "sh", root, BUSYBOX, "true"], capture_output=True,
                      check=False).returncode:
        skip_all("this machine gives no namespace with a root of its own")
    return subprocess.run([*words, "sh", "-c", ENTER, "sh", root, *shlex.split(cmd)], input=data, env=ENVIRONMENT,
                          capture_output=True, check=False, timeout=timeout)


def on_exo4(root, cmd, *options, data=b"", timeout=120):
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", str(timeout),
                           "--cmd", cmd, *options], input=data, capture_output=True, check=False,
                          env={**os.environ, "TERM": "dumb"})


def outcome(end):
    return end.returncode, end.stdout, end.stderr


def differences(got, want):
    """The first lines that differ, for a result that is long."""
    for stream, there, here in zip(("output", "error"), got[1:], want[1:]):
        for number, (a, b) in enumerate(zip(there.split(b"\n") + [b"(end)"], here.split(b"\n") + [b"(end)"])):
            if a != b:
                yield f"{stream}, line {number + 1}: {a!r}, on Linux {b!r}"
                break


WAYS = ("libos", "patched", "trampoline", "hide=1")


def way_options(way):
    """By their marks, linked programs go by `libos`, and others beside them by `patched`; with hide=1 too."""
    return {"libos": (), "hide=1": ("--append", "hide=1")}.get(way, ("--via", way))


def went(way, good, what=""):
    """A cell of the table that ways_table.py prints: this test's program went that way."""
    print(f"# way {way}: {'pass' if good else 'FAIL'}{' ' + what if what else ''}")


def not_by(way, why):
    print(f"# way {way}: not applicable: {why}")


def same(root, cmd, what, ways=WAYS, data=b"", options=()):
    """The same status, output and error output as on Linux, in each of these ways."""
    copy = root.parent / "linux"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy, symlinks=True)
    want = outcome(on_linux(copy, cmd, data))
    for way in ways:
        got = outcome(on_exo4(root, cmd, *way_options(way), *options, data=data))
        good = equal(got[0], want[0], f"{what}, {way}: the status as on Linux")
        if not good:
            print(f"# {got[2][-300:]!r}")
        went(way, equal(list(differences(got, want)), [], f"{what}, {way}: the output as on Linux") and good)
    return want
