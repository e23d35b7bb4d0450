#!/usr/bin/env python3
"""Unmodified Linux programs, and our own, under `make exec`: the same output and status as on this
machine, and a clear end for whatever cannot run."""
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tap_print import check, done, equal

BUSYBOX = "/bin/busybox"
FILE_BYTES = 10 << 20
WAYS = ["trampoline", "patched"]
SHOW = pathlib.Path("build/x86_64/user/show.elf")
LINKED = pathlib.Path("build/x86_64/user/exec_program.elf")
POSIX = pathlib.Path("build/x86_64/user/posix.elf")


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def make_root(root):
    noise = random.Random(1)
    (root / "bin").mkdir()
    (root / "d").mkdir()
    shutil.copy(BUSYBOX, root / "bin/busybox")
    shutil.copy(SHOW, root / "bin/show")
    (root / "big").write_bytes(noise.randbytes(FILE_BYTES))
    (root / "words").write_text("".join(f"{noise.choice(['ab', 'Zx', 'q7', 'm'])}{noise.randrange(10**6)}\n"
                                        for _ in range(3000)))
    (root / "d/plain").write_text("one\ntwo\n")
    (root / "d/run").write_text("#!/bin/busybox sh\necho script $0 $1; exit 3\n")
    (root / "d/run").chmod(0o755)
    (root / "d/text").write_text("echo no interpreter\n")
    (root / "d/text").chmod(0o755)
    (root / "d/short").write_bytes(pathlib.Path(BUSYBOX).read_bytes()[:100000])
    (root / "d/short").chmod(0o755)
    (root / "d/link").symlink_to("plain")
    (root / "d/show").symlink_to("../bin/show")
    os.link(root / "d/plain", root / "d/second")
    for name in sorted(os.listdir(root / "d")):
        os.utime(root / "d" / name, (1700000000, 1700000000), follow_symlinks=False)


def command_of(root, cmd, *options):
    return [sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "60", "--cmd", cmd,
            *options]


def run(root, cmd, *options, data=b""):
    return subprocess.run(command_of(root, cmd, *options), input=data, capture_output=True,
                          check=False)


def same(root, words, data=b""):
    """The same words here and there; they name files relative to the root. The ways take turns."""
    WAYS.reverse()
    here = subprocess.run([BUSYBOX, *words], cwd=root, input=data, capture_output=True, check=False,
                          env={"PATH": "/nowhere", "TZ": "UTC0"})
    there = run(root, " ".join(["/bin/busybox", *map(quote, words)]), "--via", WAYS[0], data=data)
    equal((there.returncode, there.stdout, there.stderr),
          (here.returncode, here.stdout, here.stderr), f"busybox {' '.join(words)} as on Linux, {WAYS[0]}")


def quote(word):
    return "'" + word + "'"


def test_same(root):
    begin = time.monotonic()
    summed = run(root, "/bin/busybox sha256sum /big")
    took = time.monotonic() - begin
    digest = hashlib.sha256((root / "big").read_bytes()).hexdigest()
    equal((summed.returncode, summed.stdout), (0, f"{digest}  /big\n".encode()),
          "10 MB have the right SHA-256")
    check(took < 15, "in less than 15 s", f"{took:.1f} s")
    for words in (["wc", "big", "words"], ["sort", "words"], ["sort", "-u", "-r", "words"],
                  ["cat", "d/plain", "d/link", "none"], ["ls", "-1", "d"], ["head", "-c", "5000", "big"],
                  ["false"], ["sh", "-c", "exit 7"], ["sh", "-c", "echo out; echo err >&2; exit 9"],
                  ["grep", "-c", "^ab", "words"], ["readlink", "d/link"], ["echo", "-n", ""],
                  ["stat", "-c", "%n %s %a %h %Y %F", "d/plain", "d/run", "d/link", "d/second"],
                  ["sh", "-c", "read a; read b; echo $b $a"], ["md5sum"], ["tr", "a-z", "A-Z"]):
        same(root, words, data=b"first line\nsecond line\n" * 2000)
    same(root, ["cat"])
    same(root, ["rev"], data=b"no newline at the end")
    if os.getuid() == 0:
        here = subprocess.run([BUSYBOX, "ls", "-ln", "d"], cwd=root, capture_output=True, check=True,
                              env={"TZ": "UTC0"})
        there = run(root, "/bin/busybox ls -ln d")
        equal(there.stdout.splitlines()[1:], here.stdout.splitlines()[1:], "ls -ln as on Linux")


def test_start(root):
    for cmd, options, status, out, err in (
            ("busybox echo found along PATH", [], 0, b"found along PATH\n", b""),
            ("/d/run a b", [], 3, b"script /d/run a\n", b""),
            ("/bin/none", [], 127, b"", b"/bin/none: not found"),
            ("none", [], 127, b"", b"none: not found"),
            ("/d/plain/none", [], 127, b"", b"not found"),
            ("/d/plain", [], 126, b"", b"permission denied"),
            ("/d", [], 126, b"", b"permission denied"),
            ("/d/text", [], 126, b"", b"cannot execute"),
            ("/d/short", [], 126, b"", b"cannot execute"),
            ("/bin/busybox true", ["--via", "trampoline"], 0, b"", b""),
            ("/bin/busybox true", ["--via", "libos"], 64, b"", b"not linked with"),
            ("/bin/busybox true", ["--via", "patched"], 0, b"", b""),
            ("/bin/busybox true", ["--via", "server"], 64, b"", b"VIA=server"),
            ("/bin/busybox true", ["--via", "odd"], 64, b"", b"VIA=odd"),
            ("/bin/show /d/plain", [], 0, b"/d/plain: 8 bytes\none\ntwo\n", b""),
            ("/bin/show d/link", ["--via", "libos"], 0, b"d/link: 8 bytes\none\ntwo\n", b""),
            ("/d/../d/show /d/plain", [], 0, b"/d/plain: 8 bytes\none\ntwo\n", b""),
            ("show /none", [], 1, b"", b"show: /none: No such file or directory\n"),
            ("/bin/show " + "x" * 5000, [], 1, b"", b"Filename too long"),
            ("/bin/show /d/plain", ["--via", "trampoline"], 0, b"/d/plain: 8 bytes\none\ntwo\n", b""),
            ("/bin/show /d/plain", ["--via", "patched"], 0, b"/d/plain: 8 bytes\none\ntwo\n", b"")):
        end = run(root, cmd, *options)
        check((end.returncode, end.stdout) == (status, out) and err in end.stderr and
              (err or not end.stderr), f"{cmd[:40]} {' '.join(options)}: status {status}",
              f"{end.returncode} {end.stdout} {end.stderr}")


def test_behaviour(root):
    """The same program as one of ours and, unmodified, with this machine's C library."""
    shutil.copy(LINKED, root / "bin/linked")
    behave(root, "/bin/linked")
    build = subprocess.run(["gcc", "-O1", "-static", "-o", root / "bin/program",
                            "tests/system/exec_program.c"], capture_output=True, check=False)
    if build.returncode:
        check(True, "programs of this machine's C library # SKIP no static C library")
        return
    check_end(root, "/bin/program vectors", 0, b"0 changed\n", "")
    behave(root, "/bin/program")


def behave(root, program):
    for what, status, out, log in (
            ("signal", 0, b"handled 10\n", ""), ("who", 0, b"0 differ, a process\n", ""),
            ("memory", 0, b"kept 7, dropped 0, kept 7, 1 TiB refused\n", ""),
            ("sleep", 0, b"slept\n", ""), ("abort", 134, b"", ""),
            ("store 8", 139, b"", "signal 11"), ("store 401000", 139, b"", "signal 11"),
            ("store ffffff0000002000", 139, b"", "signal 11"),
            ("store ffff800000000000", 139, b"", "signal 11"), ("stack", 139, b"", "signal 11"),
            ("undefined", 132, b"", "signal 4"), ("divide", 136, b"", "signal 8"),
            ("exhaust", 137, b"", "no memory is left")):
        check_end(root, f"{program} {what}", status, out, log)


def check_end(root, cmd, status, out, log):
    end = run(root, cmd, "--log", "-")
    check((end.returncode, end.stdout) == (status, out) and log in end.stderr.decode() and
          "panic" not in end.stderr.decode(), f"{cmd}: status {status}",
          f"{end.returncode} {end.stdout} {end.stderr}")


def test_no_vector_code():
    """Why vectors survive: nothing that runs in between uses more than their lower halves."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", POSIX], capture_output=True,
                             check=True, text=True).stdout
    users = {block.split(None, 2)[1] for block in listing.split("\n\n")
             if "%ymm" in block or "vzero" in block}
    check("syscall" in listing and users == {"<page_zero>:", "<page_copy>:"},
          f"posix.elf has AVX instructions where they are kept alone: {users}")


def test_nothing_is_left(root):
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)):
        runner = subprocess.Popen(command_of(root, "/bin/busybox cat"), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        runner.stdin.write(b"runs\n")
        runner.stdin.flush()
        came = runner.stdout.readline()
        children = pathlib.Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()
        runner.send_signal(number)
        ended = runner.wait()
        runner.stdin.close()
        runner.stdout.close()
        time.sleep(0.2)
        check(came == b"runs\n" and ended == status and children and
              not any(os.path.exists(f"/proc/{child}") for child in children),
              f"{number.name} ends it with status {status} and leaves no QEMU", (came, ended, children))


def main():
    if not os.access(BUSYBOX, os.X_OK):
        skip_all("no busybox on this machine")
    if b"INTERP" in subprocess.run(["readelf", "-lW", BUSYBOX], capture_output=True,
                                   check=True).stdout:
        skip_all("busybox of this machine is not static")
    with tempfile.TemporaryDirectory(prefix="exo4-exec-") as folder:
        root = pathlib.Path(folder)
        make_root(root)
        test_same(root)
        test_start(root)
        test_behaviour(root)
        test_no_vector_code()
        test_nothing_is_left(root)
    done()


main()
