#!/usr/bin/env python3
"""The host's side of a boot (qemu.py, exec.py) and the judging of TAP, with a guest of its own that
keeps the agreement of exo/tools/README.md and nothing more."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import qemu
import tap
from tap_print import check, done, equal

GUEST_FLAGS = ("-m32 -std=c11 -O1 -ffreestanding -nostdlib -static -fno-pic -no-pie "
               "-fno-stack-protector -fno-asynchronous-unwind-tables -Wl,--build-id=none "
               "-Wl,-Ttext-segment=0x100000 -Wl,-z,noexecstack -Wall -Wextra -Werror").split()


def build_guest(work):
    guest = work / "guest.elf"
    subprocess.run(["gcc", *GUEST_FLAGS, "tests/tools/runner_guest.c", "-o", guest], check=True)
    return guest


def boot(guest, command, *options, data=b""):
    return subprocess.run([sys.executable, "exo/tools/qemu.py", "--kernel", guest, "--initrd",
                           "Makefile", "--append", command, *options], input=data,
                          capture_output=True, check=False)


def test_ends(guest):
    plain = boot(guest, "plain")
    equal((plain.returncode, plain.stdout, plain.stderr), (7, b"", b"to standard error\n"),
          "the guest's status and output are the program's own, and nothing else is printed")
    for command, options, status, word in (
            ("panic", [], 70, b"panic: on purpose"), ("silent", [], 70, b"without an exit status"),
            ("reset", [], 70, b"reset itself"), ("hang", ["--timeout", "1"], 124, b"still running"),
            ("plain", ["--kernel", "none.elf"], 70, b"none.elf"),
            ("plain", ["--net", "odd"], 64, b"NET=odd"), ("plain", ["--fwd", "1:2"], 64, b"NET=user"),
            ("plain", ["--net2", "odd"], 64, b"NET2=odd"),
            ("plain", ["--fwd2", "1:2"], 64, b"NET2=user"),
            ("plain", ["--disk2", "/none"], 64, b"no such file"),
            ("plain", ["--smp", "0"], 64, b"SMP=0"), ("plain", ["--mem", "1Q"], 64, b"MEM=1Q")):
        end = boot(guest, command, *options)
        check(end.returncode == status and word in end.stderr and b"Traceback" not in end.stderr,
              f"{command} {' '.join(options)}: status {status}, and the reason is said",
              f"{end.returncode} {end.stderr}")


def test_streams(guest):
    data = os.urandom(20000)
    echoed = boot(guest, "exec", data=data)
    check(echoed.stdout == data and echoed.returncode == 7,
          "standard input and output pass every byte", len(echoed.stdout))
    counted = boot(guest, "exec", "--icount", "1", "--smp", "2", data=data[:2000])
    check(counted.stdout == data[:2000], "also when instructions are counted", counted.stderr)
    sent = boot(guest, "archive")
    equal(sent.stdout, pathlib.Path("Makefile").read_bytes(), "the archive reaches the guest whole")


def test_nothing_is_left(guest):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        runner = subprocess.Popen([sys.executable, "exo/tools/qemu.py", "--kernel", guest,
                                   "--initrd", "Makefile", "--append", "hang", "--log", "-"],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        runner.stderr.readline()  # the guest runs
        children = pathlib.Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()
        runner.send_signal(number)
        runner.wait()
        runner.stderr.close()
        time.sleep(0.2)
        check(children and not any(is_running(child) for child in children),
              f"no QEMU is left after {number.name}", children)


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_exec(guest, work, root, cmd, *options):
    system = work / "system.cpio"
    subprocess.run([sys.executable, "exo/tools/mkarchive.py", "-o", system], check=True)
    return subprocess.run([sys.executable, "exo/tools/exec.py", "--kernel", guest, "--system",
                           system, "--root", root, "--cmd", cmd, *options],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)


def test_exec(guest, work):
    root = work / "root"
    root.mkdir()
    end = run_exec(guest, work, root, "/bin/x 'a  $b' c")
    equal((end.returncode, end.stdout), (7, b""), "exec ends with the command's status")
    for options, word in (((work / "none", "x"), b"no such folder"),
                          (("Makefile", "x"), b"not a folder"), (("", "x"), b"ROOT is missing"),
                          ((root, ""), b"CMD is missing"), ((root, "a 'b"), b"quotation"),
                          ((root, "x", "--via", "odd"), b"VIA=odd"),
                          ((root, "x", "--smp", "two"), b"smp")):
        end = run_exec(guest, work, *options)
        check(end.returncode == 64 and word in end.stderr and end.stderr.count(b"\n") == 1,
              f"exec says in one line: {word.decode()}", end.stderr)


def test_make():
    """make itself would end with 2 each time."""
    for options, status in ((["CMD=x", "ROOT=/no/such/folder"], 64), (["ROOT=."], 64)):
        end = subprocess.run(["make", "exec", *options], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False)
        check(end.returncode == status and end.stdout == b"" and end.stderr.count(b"\n") == 1,
              f"make exec {' '.join(options)} ends with {status} and one line", end.stderr)


def test_judge():
    for name, lines, want in (
            ("a good run", "1..2\nok 1 - a\nok 2 - b", (2, 0, 0)),
            ("a plan at the end", "ok 1 - a\n1..1", (1, 0, 0)),
            ("a bad result", "1..2\nok 1\nnot ok 2 - b", (1, 1, 0)),
            ("a skipped result, as CMocka says it", "1..1\nnot ok 1 # SKIP a", (0, 0, 1)),
            ("a missing result", "1..3\nok 1\nok 2", (2, 1, 0)),
            ("a result twice", "1..2\nok 1\nok 1", (2, 1, 0)),
            ("no plan", "ok 1", (1, 1, 0)),
            ("nothing at all", "", (0, 1, 0)),
            ("two plans", "1..1\nok 1\n1..1\nok 1", (2, 1, 0)),
            ("a test that gave up", "1..1\nBail out! no disk", (0, 2, 0)),
            ("all skipped", "1..0 # SKIP no network", (0, 0, 1))):
        verdict = tap.judge(lines.splitlines())
        equal((verdict.passed, verdict.failed, verdict.skipped), want, f"judged: {name}")


def test_networks():
    for net, want in (("tap:t0", "tap,ifname=t0,script=no,downscript=no,id=net0"),
                      ("tap:t0:4", "tap,ifname=t0,script=no,downscript=no,queues=4,id=net0"),
                      ("fd:7", "tap,fd=7,id=net0"), ("fd:7:9", "tap,fds=7:9,id=net0")):
        plug, card = (qemu.net_arguments(net, "")[i] for i in (1, 3))
        equal((plug, "mq=on" in card), (want, ":4" in net or "7:9" in net), f"NET={net} is plugged in")
    for net in ("tap:t0:0", "tap:t0:9", "tap:t0:", "tap:", "fd:", "fd:x"):
        try:
            qemu.net_arguments(net, "")
            check(False, f"NET={net} is refused")
        except qemu.Misuse as problem:
            check("QUEUES" in str(problem), f"NET={net} is refused", str(problem))
    # Without any right of its own: nobody gives such a program a network.
    end = subprocess.run(["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
                          sys.executable, "tests/tools/qemu_run.py", "none", "net=peer:flows:2"],
                         capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    check(end is None or (end.returncode == 0 and end.stdout.startswith("1..0 # SKIP no network")),
          "a test that gets no network is skipped, with the reason", end)


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        guest = build_guest(work)
        test_ends(guest)
        test_streams(guest)
        test_nothing_is_left(guest)
        test_exec(guest, work)
        test_make()
        test_judge()
        test_networks()
    finally:
        shutil.rmtree(work)
    done()


main()
