#!/usr/bin/env python3
"""The examples of L4 (libos/examples/l4): each boots, says what it should, and ends well; the one
with threads on several processors on two of them too, and those that make few calls also on the kernel
that checks itself. As root tasks, too, and the serial driver with somebody at the other end."""
import random
import re
import socket
import struct
import subprocess
import sys
import threading

import qemu
from tap_print import check, done, equal

MANY_CALLS = {"pingpong", "pipes"}
TIMEOUT = 100  # seconds; only to notice a hang

# By name: what it must have said, as patterns.
EXAMPLES = {
    "task": [r"task: it is thread \d+, and has a space without pages",
              r"task: [1-9]\d* page faults later it says 42, and its name is right: yes",
              r"task: it ended; a message to it fails with error 2"],
    "pingpong": [*(rf"pingpong: {how}: {words:2} words, [1-9]\d* ticks"
                    for how in ("inter", "intra", "Lipc") for words in range(0, 61, 4)),
                  r"pingpong: a map of one page and an empty answer: [1-9]\d* ticks",
                  *(rf"pingpong: a string of {bytes_:4} bytes and an empty answer: [1-9]\d* ticks"
                    for bytes_ in (16, 64, 256, 1024, 4096)),
                  r"pingpong: every message came back"],
    "pager": [r"pager: 16 pages in 4 frames: \d+ faults, [1-9]\d* pages left for another",
               r"pager: the client's sum is 360: right"],
    "chief": [r"chief: 20 messages passed, 2 refused, 0 went round it",
               r"chief: 2 of 2 members had the answers that they should"],
    "pipes": [*(rf"pipes: {how}: 1 byte [1-9]\d* ticks, 4096 bytes [1-9]\d*"
                 for how in ("asynchronous pipe", "synchronous RPC", "mapping RPC")),
               r"pipes: what went in came out"],
    "colour": [r"colour: real-time task: 24 pages, of colours 0 to 3",
                r"colour: time-sharing task: 96 pages, of colours 4 to 15",
                r"colour: both results are right"],
}


# Those that are booted as the root task by `make exec-l4`.
ROOT_TASKS = ["task", "pingpong", "pager", "chief"]
SERIAL_BYTES = 20000


def judge(name, patterns, lines, what):
    said = [line for line in lines if line.startswith(f"{name}:")]
    wrong = [line for line, wanted in zip(said, patterns) if not re.fullmatch(wanted, line)]
    equal((wrong, len(said)), ([], len(patterns)), f"{name}{what} says what it should")


def boot_as_root(name, patterns):
    task = qemu.TOP / f"build/x86_64/user/l4_root_{name}.elf"
    out = subprocess.run([sys.executable, "exo/tools/exec_l4.py", "--task", str(task), "--timeout",
                          str(TIMEOUT)], input=b"", capture_output=True, check=False)
    equal((out.returncode, out.stderr), (0, b""), f"{name} as the root task ends well")
    judge(name, patterns, out.stdout.decode(errors="replace").splitlines(), " as the root task")


def talk(ours, count, heard):
    """The other end of the serial line: sends bytes, as fast as they are taken, while it listens."""
    data = random.Random(count).randbytes(count)
    sender = threading.Thread(target=ours.sendall, args=(struct.pack("<I", count) + data,))
    sender.start()
    back = bytearray()
    while len(back) < count:
        try:
            some = ours.recv(4096)
        except ConnectionError:
            some = b""
        if not some:
            break
        back += some
    sender.join()
    heard.append(bytes(back) == bytes((byte + 1) % 256 for byte in data))
    ours.sendall(b"!")


def serial(count, what, **options):
    ours, theirs = socket.socketpair()
    given = {"append": "run=l4_ex_serial", "timeout": TIMEOUT, "pass_fds": (theirs.fileno(),),
             "further": tuple(qemu.uart_arguments(f"socket,fd={theirs.fileno()}")), **options}
    heard = []
    with qemu.Machine(qemu.Options(**given)) as machine:
        theirs.close()
        partner = threading.Thread(target=talk, args=(ours, count, heard), daemon=True)
        partner.start()
        status, why = machine.run()
        partner.join(5)
        check(status == 0 and not why, f"serial{what} ends well", why or f"status {status}\n" +
              "\n".join(list(machine.log)[-5:]))
        equal(heard, [True], f"serial{what}: every byte came back, one higher")
        asked = "yes" if count > 1 else "(yes|no)"  # the first may be there before anybody waits
        judge("serial", [r"serial: ready",
                         rf"serial: {count} bytes in and out, interrupts for them: {asked}"],
              bytes(machine.out).decode(errors="replace").splitlines(), what)
    ours.close()


def boot(name, patterns, what, **options):
    given = {"append": f"run=l4_ex_{name}", "timeout": TIMEOUT, **options}
    with qemu.Machine(qemu.Options(**given)) as machine:
        status, why = machine.run()
        lines = bytes(machine.out).decode(errors="replace").splitlines()
        check(status == 0 and not why, f"{name}{what} ends well", why or f"status {status}\n" +
              "\n".join([*lines[-5:], *list(machine.log)[-5:]]))
        judge(name, patterns, lines, what)


def main():
    checked = str(qemu.KERNEL).replace("kernel.elf", "kernel-checked.elf")
    for name, patterns in EXAMPLES.items():
        boot(name, patterns, "")
        if name not in MANY_CALLS:
            boot(name, patterns, ", on the kernel that checks itself,", kernel=checked, smp=2)
    boot("chief", EXAMPLES["chief"], ", on two processors,", smp=2)
    for name in ROOT_TASKS:
        boot_as_root(name, EXAMPLES[name])
    serial(1, " with one byte")
    serial(SERIAL_BYTES, " with many bytes")
    serial(SERIAL_BYTES, " with many bytes on two processors", smp=2)
    serial(500, " on the kernel that checks itself", smp=2, kernel=checked)
    done()


main()
