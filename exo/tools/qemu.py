#!/usr/bin/env python3
"""Boots exo4 in QEMU: the one place that knows the machine, its serial ports and how it ends.

Used as a module by run.py, exec.py and the tests, and as a command. The agreement between
the guest and this file (ports, control lines, the end) stands in exo/tools/README.md.
"""
import argparse
import collections
import dataclasses
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
KERNEL = TOP / "build/x86_64/kernel.elf"
CHECKED = TOP / "build/x86_64/kernel-checked.elf"
SYSTEM = TOP / "build/x86_64/system.cpio"

ENDED = (0x10 << 1) | 1  # isa-debug-exit turns a written v into QEMU's status 2v+1
STATUS_USAGE, STATUS_BROKEN, STATUS_TIMEOUT, STATUS_INTERRUPT = 64, 70, 124, 130
GRACE = 3.0      # seconds that a machine gets to end after it said `exit` or `panic:`
CHUNK = 1 << 16


class Misuse(Exception):
    """An option makes no sense; the text says which and what would."""


@dataclasses.dataclass
class Options:
    append: str = ""
    smp: int = 1
    mem: str = "512M"
    icount: int = 0          # ns that each instruction takes, 1, 2, 4 ... 1024; 0: real time
    net: str = "none"        # none, user, tap:NAME[:QUEUES]; wire: to each other; fd:N[:N]...: tap, opened
    fwd: str = ""            # HOST:GUEST, comma-separated, optionally udp:, HOST:ADDRESS:GUEST
    disk: str = ""           # a raw image file; ro:FILE takes no writes
    iommu: str = ""          # 1: VT-d; strict: without accepting what it lets by. Behind it:
    net2: str = "none"       # a second card, as net
    fwd2: str = ""
    disk2: str = ""          # a second disk, as disk
    edu: bool = False        # QEMU's device for teaching: registers, DMA, MSI
    uart: bool = False       # a fourth serial port, at 2e8, line 10, with nothing plugged in
    display: bool = False    # QEMU's bochs-display: a framebuffer, which nobody looks at but `screendump`
    numa: bool = False       # two domains, each with half of the memory and of the CPUs
    accel: str = "tcg"
    timeout: float = 0       # seconds; 0: none
    kernel: str = str(KERNEL)
    initrd: str = str(SYSTEM)
    pass_fds: tuple = ()     # descriptors that `initrd` may name as /dev/fd/N, or `further` as N
    further: tuple = ()      # arguments for QEMU
    ends_by_port: bool = False  # the guest's program may write its status to isa-debug-exit


def mem_bytes(text):
    m = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper())
    if not m or int(m[1]) == 0:
        raise Misuse(f"MEM={text}: want a size such as 512M or 2G")
    return int(m[1]) << {"K": 10, "M": 20, "G": 30, "": 20}[m[2]]


def forwards(text):
    for rule in filter(None, re.split(r"[,\s]+", text)):
        m = re.fullmatch(r"(?:(tcp|udp):)?(\d+):(?:(\d+(?:\.\d+){3}):)?(\d+)", rule)
        if not m or not all(0 < int(port) < 65536 for port in m.group(2, 4)):
            raise Misuse(f"FWD={rule}: want HOSTPORT:GUESTPORT, such as 8080:80, udp:7000:7 or "
                         "8081:10.0.2.16:80")
        yield f"hostfwd={m[1] or 'tcp'}:127.0.0.1:{m[2]}-{m[3] or ''}:{m[4]}"


# What makes a virtio device fit to be dedicated: DMA by the IOMMU, each queue's bell in a page.
DEDICATED = ",iommu_platform=on,page-per-vq=on"


def backend(net, fwd, name):
    """What a card of that network is plugged into."""
    if fwd and net != "user":
        raise Misuse(f"{name.replace('NET', 'FWD')} needs {name}=user")
    if net == "user":
        return ",".join(["user", *forwards(fwd)])
    if net == "wire":
        return "hubport,hubid=1"
    if m := re.fullmatch(r"fd:(\d+(?::\d+)*)", net):
        return f"tap,fd{'s' if ':' in m[1] else ''}={m[1]}"
    m = re.fullmatch(r"tap:([A-Za-z0-9_.-]+)(?::([1-8]))?", net)
    if not m:
        raise Misuse(f"{name}={net}: want user, tap:NAME, tap:NAME:QUEUES with 1 to 8, wire or none")
    return f"tap,ifname={m[1]},script=no,downscript=no" + (f",queues={m[2]}" if m[2] else "")


def queues_of(net):
    """Pairs of queues that a card on that network has."""
    kind, *rest = net.split(":")
    return len(rest) if kind == "fd" else int(rest[1]) if len(rest) > 1 else 1


def net_arguments(net, fwd, number=0, name="NET"):
    if net == "none" and not fwd:
        return []
    plug, queues = backend(net, fwd, name), queues_of(net)
    card = f"virtio-net-pci,netdev=net{number},disable-legacy=on,vectors={2 * queues + 1},romfile="
    return ["-netdev", f"{plug},id=net{number}", "-device",
            card + (",mq=on,rss=on" if queues > 1 else "") + (DEDICATED if number else "")]


def disk_arguments(disk, number=0, name="DISK"):
    if not disk:
        return []
    path = disk.removeprefix("ro:")
    if not os.path.isfile(path):
        raise Misuse(f"{name}={disk}: there is no such file; `truncate -s 64M FILE` makes an empty one")
    if os.path.getsize(path) % 512:
        raise Misuse(f"{name}={disk}: its size is no multiple of 512 bytes")
    drive = f"if=none,id=disk{number},format=raw,file={path.replace(',', ',,')}"
    if path != disk:
        drive += ",readonly=on"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number},disable-legacy=on"
            + (DEDICATED if number else "")]


def uart_arguments(backend):
    """A serial port for programs; the first three are the kernel's. Its line is level-triggered."""
    return ["-chardev", f"{backend},id=uart", "-device", "isa-serial,iobase=0x2e8,irq=10,chardev=uart"]


def device_arguments(options):
    """The cards and disks, and before them what they lie behind."""
    args = ["-nic", "none"]
    if options.iommu in ("1", "strict"):
        args += ["-device", "intel-iommu,intremap=on"]
    args += net_arguments(options.net, options.fwd) + disk_arguments(options.disk)
    args += net_arguments(options.net2, options.fwd2, 2, "NET2")
    args += disk_arguments(options.disk2, 2, "DISK2")
    if options.edu:
        args += ["-device", f"edu,dma_mask={(1 << 64) - 1}"]
    if options.uart:
        args += uart_arguments("null")
    if options.display:
        args += ["-device", "bochs-display"]
    return args


def numa_arguments(options):
    if not options.numa:
        return []
    half, args = mem_bytes(options.mem) >> 21, []
    for n in range(2):
        cpus = "".join(f",cpus={cpu}" for cpu in range(n, options.smp, 2))
        args += ["-object", f"memory-backend-ram,id=domain{n},size={half}M",
                 "-numa", f"node,nodeid={n},memdev=domain{n}{cpus}"]
    return args


def firmware(options):
    """qboot, the shortest way to the kernel; but in QEMU 7.2 the kernel's header, by which qboot tells
    what to start, is gone when the machine has a hub. The default firmware does not look at it."""
    return [] if "wire" in (options.net, options.net2) else ["-bios", "qboot.rom"]


def command_line(options, com_fds):
    """QEMU's arguments; `com_fds` are three socket descriptors for COM1 to COM3."""
    if options.accel not in ("tcg", "kvm"):
        raise Misuse(f"ACCEL={options.accel}: want tcg or kvm")
    if not 1 <= options.smp <= 255:
        raise Misuse(f"SMP={options.smp}: want 1 to 255")
    if options.icount not in (0, *(1 << shift for shift in range(11))):
        raise Misuse(f"ICOUNT={options.icount}: want 1, 2, 4 ... 1024, the ns that each instruction takes")
    if options.icount and options.accel != "tcg":
        raise Misuse(f"ICOUNT={options.icount} needs ACCEL=tcg")
    if options.iommu not in ("", "0", "1", "strict"):
        raise Misuse(f"IOMMU={options.iommu}: want 1 or strict")
    # QEMU 7.2 lets devices forge interrupts; the kernel finds out, and is told that we know.
    append = ("unsafe_messages=1 " if options.iommu == "1" else "") + options.append
    machine = "q35,kernel-irqchip=split" if options.iommu in ("1", "strict") and options.accel == "kvm" else "q35"
    args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", machine,
            "-accel", options.accel, "-cpu", "max,-erms,-la57", "-smp", str(options.smp),
            "-m", str(mem_bytes(options.mem) >> 20), "-display", "none", "-monitor", "none",
            "-no-reboot", *firmware(options), "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-kernel", options.kernel, "-initrd", options.initrd, "-append", append]
    if options.icount:
        args += ["-icount", f"shift={options.icount.bit_length() - 1},sleep=off", "-rtc", "clock=vm"]
    for number, fd in enumerate(com_fds, 1):
        args += ["-chardev", f"socket,id=com{number},fd={fd}", "-serial", f"chardev:com{number}"]
    return [*args, *device_arguments(options), *numa_arguments(options), *options.further]


class Machine:
    """One QEMU. Use as a context manager: on leaving, it is gone.

    on_out(bytes), on_err(bytes) get COM1 and COM2 as they come; on_line(str) each line of COM3.
    """

    def __init__(self, options, on_out=None, on_err=None, on_line=None):
        self.options = options
        self.handlers = {1: on_out or self._keep_out, 2: on_err or self._keep_err}
        self.on_line = on_line
        self.out, self.err = bytearray(), bytearray()
        self.log = collections.deque(maxlen=1000)  # the last lines of COM3
        self.ready = False        # the guest reads COM1 and COM3 now
        self.guest_status = None  # from `exit N`
        self.panic = None
        self.complaint = ""       # what QEMU itself said
        self.deadline = None
        self._partial = b""
        self._stdin, self._sent, self._to_com1, self._to_com3 = None, 0, b"", b""
        self._start()

    def _keep_out(self, data):
        self.out += data

    def _keep_err(self, data):
        self.err += data

    def _start(self):
        pairs = [socket.socketpair() for _ in range(3)]
        theirs = [pair[1].fileno() for pair in pairs]
        # setpriv: when this program is gone, however it ended, QEMU is killed too.
        arguments = ["setpriv", "--pdeathsig", "KILL", *command_line(self.options, theirs)]
        if not shutil.which("qemu-system-x86_64"):
            raise Misuse("qemu-system-x86_64 is not installed; `make setup` installs it")
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, pass_fds=(*theirs, *self.options.pass_fds),
            start_new_session=True)
        for pair in pairs:
            pair[1].close()
            pair[0].setblocking(False)
        self.coms = {number: pair[0] for number, pair in enumerate(pairs, 1)}
        os.set_blocking(self.process.stderr.fileno(), False)
        self._open = {self.coms[n].fileno(): n for n in self.coms}
        self._open[self.process.stderr.fileno()] = 0
        if self.options.timeout:
            self.deadline = time.monotonic() + self.options.timeout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        for com in self.coms.values():
            com.close()
        self.process.stderr.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def feed(self, fd):
        """Passes what comes from descriptor `fd` to COM1, and its end as an `eof` line."""
        self._stdin = fd

    # One turn of the loop ------------------------------------------------------------------

    def _interest(self):
        events = {fd: select.POLLIN for fd in self._open}
        com1, com3 = self.coms[1].fileno(), self.coms[3].fileno()
        if self._to_com1 and com1 in events:
            events[com1] |= select.POLLOUT
        elif self._stdin is not None and self.ready:
            events[self._stdin] = select.POLLIN
        if self._to_com3 and com3 in events:
            events[com3] |= select.POLLOUT
        return events

    def pump(self, wait=0.2):
        """Moves what is there to be moved. False when QEMU has ended and all is read."""
        if not self._open:
            return False
        poll = select.poll()
        for fd, events in self._interest().items():
            poll.register(fd, events)
        for fd, events in poll.poll(wait * 1000):
            if fd not in self._open:
                self._take_stdin()
                continue
            if events & select.POLLOUT:
                self._send(self._open[fd])
            if events & ~select.POLLOUT:
                self._receive(fd)
        return bool(self._open)

    def _take_stdin(self):
        try:
            data = os.read(self._stdin, CHUNK)
        except OSError:
            data = b""
        self._to_com1 += data
        self._sent += len(data)
        if not data:
            self._stdin = None
            self._to_com3 += b"eof %d\n" % self._sent

    def _send(self, number):
        waiting = {1: "_to_com1", 3: "_to_com3"}.get(number)
        if not waiting:
            return
        data = getattr(self, waiting)
        try:
            setattr(self, waiting, data[self.coms[number].send(data):])
        except BlockingIOError:
            pass
        except OSError:
            setattr(self, waiting, b"")  # QEMU is gone; its end is seen by reading

    def _receive(self, fd):
        number = self._open[fd]
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self._open[fd]
        if number == 0:
            self.complaint += data.decode(errors="replace")
        elif number == 3:
            self._take_log(data)
        elif data:
            self.handlers[number](data)

    def _take_log(self, data):
        *lines, self._partial = (self._partial + data).split(b"\n")
        if not data and self._partial:
            lines, self._partial = [self._partial], b""
        for raw in lines:
            self._take_line(raw.decode(errors="replace").rstrip("\r"))

    def _take_line(self, line):
        if line == "ready":
            self.ready = True
        elif m := re.fullmatch(r"exit (\d+)", line):
            self.guest_status = int(m[1]) & 0xFF
            self._soon()
        elif line.startswith("panic:"):
            self.panic = self.panic or line
            self._soon()
        self.log.append(line)
        if self.on_line:
            self.on_line(line)

    def _soon(self):
        limit = time.monotonic() + GRACE
        self.deadline = min(self.deadline or limit, limit)

    # To the end ----------------------------------------------------------------------------

    def wait_for(self, found, seconds):
        """Runs until found() is true. False when the machine ended or the time is over."""
        limit = time.monotonic() + seconds
        while not found():
            if time.monotonic() > limit or not self.pump():
                return bool(found())
        return True

    def run(self):
        """Runs to the machine's end. Returns (status, why): `why` is empty when the guest said
        its status itself."""
        late = False
        while self.pump():
            if self.deadline and time.monotonic() > self.deadline:
                late = True
                self.process.kill()
                self.deadline = None
        return self._verdict(self.process.wait(), late)

    def _verdict(self, code, late):
        if self.panic:
            return STATUS_BROKEN, self.panic
        if self.guest_status is not None:
            return self.guest_status, ""
        if late:
            last = f"last on COM3: {self.log[-1]}" if self.log else "the kernel has not said a word"
            return STATUS_TIMEOUT, f"still running after {self.options.timeout:g} s; {last}"
        if code < 0:
            return STATUS_BROKEN, f"QEMU was killed by {signal.Signals(-code).name}"
        if self.options.ends_by_port and code > 0 and code & 1 and not self.complaint:
            return code >> 1, ""
        if code == ENDED:
            return STATUS_BROKEN, "the machine ended without an exit status on COM3"
        if code == 0:
            return STATUS_BROKEN, "the machine reset itself (a triple fault?)"
        return STATUS_BROKEN, f"QEMU ended with status {code}: {self.complaint.strip()}"


def free_port():
    """A TCP port of this machine that nobody uses at the moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Parser(argparse.ArgumentParser):
    """Like its parent, but what is wrong is raised as Misuse."""

    def error(self, message):
        raise Misuse(message)


def whole(text):
    return int(text) if text else None  # empty: the default


def seconds(text):
    return float(text) if text else None


def add_options(parser):
    """The options that every boot has; an empty value means the default."""
    parser.add_argument("--smp", type=whole, help="processors")
    parser.add_argument("--mem", help="memory, such as 512M")
    parser.add_argument("--icount", type=whole, help="count instead of time: ns for each instruction")
    parser.add_argument("--net", help="user, tap:NAME[:QUEUES], wire (to the other card) or none")
    parser.add_argument("--fwd", help="HOSTPORT:[ADDRESS:]GUESTPORT,... with --net user")
    parser.add_argument("--disk", help="raw image FILE, or ro:FILE")
    parser.add_argument("--iommu", help="1: VT-d, so that devices can be dedicated; strict: only "
                        "if it stops forged interrupts, which QEMU 7.2 does not")
    parser.add_argument("--net2", help="a second card, to be dedicated; as --net")
    parser.add_argument("--fwd2", help="as --fwd, with --net2 user")
    parser.add_argument("--disk2", help="a second disk, to be dedicated; as --disk")
    parser.add_argument("--accel", help="tcg or kvm")
    parser.add_argument("--timeout", type=seconds, help="seconds")
    parser.add_argument("--kernel", help="kernel ELF")


def options_of(args, **fixed):
    given = {f.name: getattr(args, f.name, None) for f in dataclasses.fields(Options)}
    given = {name: value for name, value in given.items() if value not in (None, "")}
    for switch in ("numa", "edu", "uart", "display"):
        given[switch] = given.get(switch, "0") not in ("0", "n", "no", False)
    return Options(**{**given, **fixed})


def open_log(path):
    if not path:
        return None
    return sys.stderr if path == "-" else open(path, "w", encoding="utf-8")


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def run_quietly(options, stdin=None, log=None, kind=Machine):
    """Boots with COM1 and COM2 on this program's own output; returns the exit status to use.

    Ctrl-C and SIGTERM end the machine. Whatever goes wrong is one line on standard error, after
    the last lines of the log.
    """
    def stop(number, _):
        raise SystemExit(128 + number)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also when started in a background
    try:
        with kind(options, lambda d: write_all(1, d), lambda d: write_all(2, d),
                     (lambda line: print(line, file=log, flush=True)) if log else None) as machine:
            if stdin is not None:
                machine.feed(stdin)
            status, why = machine.run()
            if why and not log:
                for line in list(machine.log)[-20:]:
                    print(f"| {line}", file=sys.stderr)
    except KeyboardInterrupt:
        return STATUS_INTERRUPT
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except Misuse as problem:
        status, why = STATUS_USAGE, str(problem)
    if why:
        print(f"exo4: {why}", file=sys.stderr)
    return status


def main():
    parser = Parser(description="Boots exo4 with its output on this terminal.")
    parser.add_argument("--append", default="", help="the kernel's command line")
    parser.add_argument("--initrd", default=str(SYSTEM), help="one archive")
    parser.add_argument("--log", help="where the kernel's log goes; - is standard error")
    add_options(parser)
    try:
        args = parser.parse_args()
        sys.exit(run_quietly(options_of(args), stdin=0, log=open_log(args.log)))
    except (Misuse, OSError) as problem:
        print(f"exo4: {problem}", file=sys.stderr)
        sys.exit(STATUS_USAGE)


if __name__ == "__main__":
    main()
