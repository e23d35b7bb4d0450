#!/usr/bin/env python3
"""make lab-trace KEY=...: the instructions of one operation of the lab, grouped by function.

usage: run_trace.py KEY [--kernel ELF] [--initrd ARCHIVE] [--asm]

Boots the experiments that KEY belongs to with QEMU writing down each instruction, and prints what ran
in one of the last rounds: how many instructions each function had, in the order in which they ran;
with --asm (ASM=1), each instruction. A round goes from its first stamp to the next one's. Of POSIX calls
KEY is posix.OPERATION.WAY, where the way is patched or trampoline: functions of the program and of its core;
of servers on sockets it is as in make lab.
"""
import argparse
import bisect
import collections
import dataclasses
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "exo/tools"))
sys.path.insert(0, str(HERE))
import exec as boot_exec  # noqa: E402
import machines           # noqa: E402
import mkarchive          # noqa: E402
import qemu               # noqa: E402

PROGRAMS = TOP / "build/x86_64/user"
MACHINES = {"lab": {}, "lab_echo": machines.CARDS,
            "lab_disk": {"further": machines.slow_disk(300)}}
FOREIGN = TOP / "build/lab/root/posix"            # unmodified, a program of Linux
CORE = TOP / "build/x86_64/user/posix.elf"        # what is below it then
KERNEL_HALF = 1 << 63
CORE_LOW = 0x7f8000000000  # what belongs to a family: libos-posix/family/family.h
PLACES = ("kernel", "core", "program")
ROUNDS_BACK = 2          # of 64, so that all is warm
WAITING = ("wait_loops", "wait_used", "wait_for_queue")  # what is not written: as often as a device likes
BLOCK, KEPT = 1 << 20, 128 << 20  # bytes of what QEMU writes: to read at once, and to look at
KV_SOCKETS = "kv.get.sockets"
TIMEOUT = 300
LINE = re.compile(rb"\[[0-9a-f]+/([0-9a-f]+)/")


class Failed(Exception):
    """No trace; the text says why."""


class Symbols:
    """Functions by address, and the text of instructions, of one ELF file."""

    def __init__(self, *elves):
        """All of them, at different addresses."""
        functions, self.code = [], {}
        for elf in elves:
            names = subprocess.run(["nm", "-n", elf], capture_output=True, text=True, check=True)
            rows = [row.split() for row in names.stdout.splitlines()]
            functions += [(int(row[0], 16), row[2]) for row in rows if row[1] in "tTwW"]
            code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", elf], capture_output=True,
                                  text=True, check=True)
            self.code |= {int(address, 16): " ".join(text.split()) for address, text in
                          re.findall(r"^ *([0-9a-f]+):\t(.*)$", code.stdout, re.MULTILINE)}
        functions.sort()
        self.starts = [start for start, _ in functions]
        self.names = [name for _, name in functions]

    def name(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[at] if at >= 0 else f"{address:#x}"

    def is_core(self, address):
        """Of the core below a program of Linux?"""
        return address >= CORE_LOW

    def address(self, name):
        return self.starts[self.names.index(name)]

    def filter(self):
        """What QEMU is to write: the kernel, and the program without its waiting."""
        ranges, start = [], 0
        for name in WAITING:
            if name in self.names:
                at = self.names.index(name)
                ranges.append((self.starts[at], self.starts[at + 1]))
        text = []
        for begin, end in sorted(ranges):
            if begin > start:
                text.append(f"{start:#x}..{begin - 1:#x}")
            start = end
        return ",".join([*text, f"{start:#x}..{(1 << 64) - 1:#x}"])


@dataclasses.dataclass
class Run:
    """What to boot, the line of its log after which to look, and which report is the key's."""
    options: qemu.Options
    begun: str
    ordinal: int
    program: Symbols


def lab_options(args, name, group):
    return qemu.Options(append=f"run={name} {group}", icount=1, timeout=TIMEOUT,
                        kernel=args.kernel, initrd=args.initrd, **MACHINES[name])


def results(options):
    """The keys that a program reports, in order, by group."""
    with qemu.Machine(options) as machine:
        machine.run()
        words = [line.split() for line in bytes(machine.out).decode().splitlines()]
    groups, name = {}, ""
    for line in words:
        if line[0] == "group":
            name = line[1]
        elif line[0] == "result":
            groups.setdefault(name, []).append(line[1])
    return groups


def foreign_run(args, initrd):
    """One operation of POSIX as an unmodified program, with what is in `initrd`."""
    operation, way = args.key.split(".", 1)[1].rsplit(".", 1)
    words = ["/posix", way, operation]
    mkarchive.make(initrd, trees=[FOREIGN.parent], archives=[args.initrd],
                   blobs=[(b".exo4/argv", boot_exec.nul_separated(words)), (b".exo4/environ", b"")])
    initrd.flush()
    options = qemu.Options(append=f"exec via={way}", icount=1, timeout=TIMEOUT, mem="512M",
                           kernel=args.kernel, initrd=initrd.name)
    return Run(options, "starting posix", 1, Symbols(FOREIGN, CORE))


def sockets_run(args, initrd):
    """A server on sockets, from where its client begins to measure; not the client's waiting."""
    form = "kv" if args.key == KV_SOCKETS else args.key.split(".")[1]
    program = f"run=lab_sockets {form}"
    name = "kv_sockets" if form == "kv" else "sockets"
    machines.make_sockets(initrd, args.initrd, program)
    options = qemu.Options(append=program, icount=1, timeout=TIMEOUT, kernel=args.kernel, initrd=initrd.name,
                           **machines.CARDS)
    ordinal = results(options)[""].index(args.key) + 1
    return Run(options, "lab_sockets: begins", ordinal,
               Symbols(PROGRAMS / "lab_sockets.elf", machines.ROOT / name, CORE))


def lab_run(args):
    """The group that reports the key alone, of the program that has it."""
    for name in MACHINES:
        for group, keys in results(lab_options(args, name, "")).items():
            if args.key in keys:
                options = lab_options(args, name, group)
                return Run(options, f"starting {name}", results(options)[group].index(args.key) + 1,
                           Symbols(PROGRAMS / f"{name}.elf"))
    raise Failed(f"{args.key} is not reported by {' or '.join(MACHINES)}")


class Reader(threading.Thread):
    """Takes what QEMU writes, and keeps the last of it up to a report."""

    def __init__(self, path, report, ordinal):
        super().__init__(daemon=True)
        self.path, self.left = path, ordinal
        # The entry of lab_report with what follows: other programs have other code there.
        self.marks = [b"/%016x/" % at for at in report]
        self.blocks, self.bytes, self.done = collections.deque(), 0, threading.Event()

    def run(self):
        with open(self.path, "rb", buffering=0) as stream:
            tail = b""
            while data := stream.read(BLOCK):
                if not self.done.is_set():
                    tail = self._look(tail + data)

    def _look(self, data):
        """Counts the reports in `data`; returns what of it is to be looked at again."""
        at, end = 0, data.rfind(b"\n", 0, max(len(data) - 1000, 0)) + 1
        while (at := data.find(self.marks[0], at, end)) >= 0:
            if all(data.find(mark, at, at + 120 * (n + 1)) >= 0
                   for n, mark in enumerate(self.marks)):
                self.left -= 1
                if self.left == 0:
                    self._keep(data[:at])
                    self.done.set()
                    return b""
            at += 1
        self._keep(data[:end])
        return data[end:]

    def _keep(self, data):
        self.blocks.append(data)
        self.bytes += len(data)
        while self.bytes > KEPT:
            self.bytes -= len(self.blocks.popleft())

    def addresses(self, repeats):
        """What ran, first to last. Who reads the counter is written twice, as QEMU tries twice; but
        each turn of an instruction that `repeats` is one that ran, as make lab counts it."""
        ran = [int(found, 16) for found in LINE.findall(b"".join(self.blocks))]
        return [at for at, before in zip(ran, [0, *ran]) if at != before or repeats(at)]


def written(run, reader, work):
    """Boots, and lets QEMU write from the program's start to the reader's end."""
    options = dataclasses.replace(run.options, further=(
        *run.options.further, "-singlestep", "-D", reader.path, "-dfilter", run.program.filter(), "-chardev",
        f"socket,id=mon,path={work}/mon,server=on,wait=off", "-mon", "chardev=mon"))
    lines = []
    reader.start()
    with qemu.Machine(options, on_line=lines.append) as machine:
        machine.wait_for(lambda: any(run.begun in line for line in lines), TIMEOUT)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(f"{work}/mon")
            monitor.sendall(b"log exec,nochain\n")
            machine.wait_for(reader.done.is_set, TIMEOUT)


def one_round(ran, program):
    """A late round, from its first stamp up to the next round's."""
    stamps = [i for i, at in enumerate(ran)
              if program.code.get(at) == "rdtsc" and not program.is_core(at)]
    where = [ran[i] for i in stamps]
    per_round = next(n for n in range(1, 9) if where[-n:] == where[-2 * n:-n])
    first = len(stamps) - (ROUNDS_BACK + 1) * per_round
    return ran[stamps[first]:stamps[first + per_round]]


def trace(args, kernel):
    """What ran in a round, and the program that it was."""
    with tempfile.TemporaryDirectory() as work, \
            open(f"{work}/initrd", "wb") as initrd:
        os.mkfifo(f"{work}/trace")
        run = (foreign_run(args, initrd) if args.key.startswith("posix.") else
               sockets_run(args, initrd) if args.key.startswith("sockets.") or args.key == KV_SOCKETS else lab_run(args))
        begin = run.program.address("lab_report")
        report = [at for at in sorted(run.program.code) if at >= begin][:3]
        reader = Reader(f"{work}/trace", report, run.ordinal)
        written(run, reader, work)
        if not reader.done.is_set():
            raise Failed(f"{args.key} was not seen")
        code = kernel.code | run.program.code
        ran = reader.addresses(lambda at: code.get(at, "").startswith("rep"))
        return one_round(ran, run.program), run.program


def show(ran, program, kernel, asm):
    """One line for each stretch in a function; a line at each stamp says how many ran before it, and where."""
    group, places = [], collections.Counter()

    def flush():
        if group:
            print(f"{len(group):6}  {group[0][0]}")
            for _, address, text in group if asm else ():
                print(f"          {address:x}  {text}")
        group.clear()

    for address in ran:
        symbols = kernel if address & KERNEL_HALF else program
        name, text = symbols.name(address), symbols.code.get(address, "?")
        if text == "rdtsc" and symbols is program and not program.is_core(address):
            flush()
            parts = ", ".join(f"{places[place]} {place}" for place in PLACES if places[place])
            print(f"------  stamp, {places.total()} instructions after the last one{parts and ': '}{parts}")
            places.clear()
        if group and group[0][0] != name:
            flush()
        group.append((name, address, text))
        places["kernel" if symbols is kernel else "core" if program.is_core(address) else "program"] += 1
    flush()


def main():
    parser = argparse.ArgumentParser(description="Prints the instructions of an operation.")
    parser.add_argument("key")
    parser.add_argument("--kernel", default=str(qemu.KERNEL))
    parser.add_argument("--initrd", default=str(qemu.SYSTEM))
    parser.add_argument("--asm", action="store_true")
    args = parser.parse_args()
    if not args.key:
        sys.exit("lab-trace: KEY is missing: make lab-trace KEY=call.null")
    kernel = Symbols(args.kernel)
    try:
        ran, program = trace(args, kernel)
    except (Failed, qemu.Misuse) as problem:
        sys.exit(f"lab-trace: {problem}")
    show(ran, program, kernel, args.asm)
    by_function = collections.Counter((kernel if address & KERNEL_HALF else program).name(address)
                                      for address in ran)
    print(f"\n{len(ran)} instructions in the round, with its stamps and what is between rounds:")
    for name, count in by_function.most_common():
        print(f"{count:6}  {name}")


if __name__ == "__main__":
    main()
