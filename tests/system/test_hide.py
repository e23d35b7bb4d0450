#!/usr/bin/env python3
"""hide=1 from outside: programs on libos-posix and the web server run in it as without, and the web
server's own page shows nobody but itself."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import mkarchive
import qemu
from tap_print import check, done, equal

BUSYBOX = pathlib.Path("/bin/busybox")
SHOW = pathlib.Path("build/x86_64/user/show.elf")
LINES = "".join(f"line {n}\n" for n in range(2000))
# Pipes, pages that are written to by two, a program linked with its library OS; and more children than there would
# be memory for, were theirs not found and given back.
SCRIPT = """a=1; (a=2; echo $a); echo $a; cat /lines | wc -c; /bin/show /lines | tail -n 1
i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/dev/null bs=2M count=1 2>/dev/null; i=$((i+1)); done; echo $i"""
SCRIPT_SAYS = f"2\n1\n{len(LINES)}\nline 1999\n60\n".encode()
PATIENCE = 30  # seconds


def make_image(work, words):
    root = work / "root"
    (root / "bin").mkdir(parents=True, exist_ok=True)
    (root / "bin/show").write_bytes(SHOW.read_bytes())
    (root / "bin/show").chmod(0o755)
    if BUSYBOX.exists():
        shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "lines").write_text(LINES)
    image = work / "image.cpio"
    argv = b"".join(word.encode() + b"\0" for word in words)
    with open(image, "wb") as out:
        mkarchive.make(out, trees=[root], archives=[qemu.SYSTEM],
                       blobs=[(b".exo4/argv", argv), (b".exo4/environ", b"A=b\0")])
    return image


def run(image, append, mem="512M"):
    return subprocess.run([sys.executable, "exo/tools/qemu.py", "--append", append, "--timeout", "60", "--mem", mem,
                           "--initrd", str(image)], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)


def test_posix(work):
    image = make_image(work, ["/bin/show", "/lines"])
    want = f"/lines: {len(LINES)} bytes\n{LINES}".encode()
    for append in ("exec via=libos", "hide=1 exec via=libos"):
        ran = run(image, append)
        check(ran.returncode == 0 and ran.stdout == want, f"a program runs with '{append}'",
              (ran.returncode, ran.stdout[:200], ran.stderr[-500:]))
    if not BUSYBOX.exists():
        return
    image = make_image(work, ["/bin/busybox", "sh", "-c", SCRIPT])
    for append in ("hide=1 exec via=trampoline", "hide=1 exec"):
        ran = run(image, append, mem="96M")
        equal((ran.returncode, ran.stdout), (0, SCRIPT_SAYS), f"unmodified programs and their children run with '{append}'")


def test_http(work):
    image, port = make_image(work, []), qemu.free_port()
    with qemu.Machine(qemu.Options(append="hide=1 run=http", initrd=str(image), net="user",
                                   fwd=f"{port}:80")) as machine:
        if not check(machine.wait_for(lambda: b"port 80" in machine.out, PATIENCE),
                     "the web server comes up", bytes(machine.out)):
            return
        client = subprocess.Popen(["curl", "-s", "-m", "30", f"http://localhost:{port}/lines",
                                   f"http://localhost:{port}/"], stdout=subprocess.PIPE)
        while client.poll() is None and machine.pump():
            pass
        got = client.stdout.read().decode()
    check(got.startswith(LINES), "it answers", got[:200])
    index = got[len(LINES):]
    check(" http</td>" in index and "others', hidden" in index, "its page shows itself", index)
    check(" root</td>" not in index and "processors</td>" not in index,
          "and neither who started it nor what others own", index)


def main():
    with tempfile.TemporaryDirectory() as name:
        test_posix(pathlib.Path(name))
        test_http(pathlib.Path(name))
    done()


main()
