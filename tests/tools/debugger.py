"""QEMU's debugger port: reading, writing and stepping a machine from outside."""
import contextlib
import socket
import struct

import qemu

REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
             *(f"r{n}" for n in range(8, 16)), "rip")
BASES = 17 * 8 + 7 * 4  # behind the flags and six selectors


class Debugger:
    """What of GDB's remote protocol is needed to read, write and step a stopped machine."""

    def __init__(self, port):
        self.port = port

    def reply(self):
        while (byte := self.port.recv(1)) != b"$":
            if not byte:
                raise EOFError("QEMU is gone")
        text = b""
        while (byte := self.port.recv(1)) != b"#":
            text += byte
        self.port.recv(2)
        self.port.sendall(b"+")
        return text

    def send(self, text):
        self.port.sendall(b"$" + text + b"#%02x" % (sum(text) & 0xff))

    def ask(self, text):
        self.send(text)
        return self.reply()

    def stop(self):
        self.port.sendall(b"\x03")
        self.reply()

    def physical(self, on):
        if self.ask(b"Qqemu.PhyMemMode:%d" % on) != b"OK":
            raise EOFError("QEMU does not show the machine's memory")

    def read(self, address, count):
        data = b""
        while len(data) < count:
            part = min(count - len(data), 1024)
            data += bytes.fromhex(self.ask(b"m%x,%x" % (address + len(data), part)).decode())
        return data

    def write(self, address, data):
        return self.ask(b"M%x,%x:%s" % (address, len(data), data.hex().encode())) == b"OK"

    def run_to(self, address):
        """Runs until the instruction at `address` is next."""
        self.ask(b"Z0,%x,1" % address)
        self.ask(b"c")
        self.ask(b"z0,%x,1" % address)

    def step(self):
        self.ask(b"s")

    def registers(self):
        """General registers by name, with the bases of fs and gs, as QEMU lays them out for x86-64."""
        data = bytes.fromhex(self.ask(b"g").decode())
        values = dict(zip(REGISTERS, struct.unpack_from("<17Q", data)))
        values["fs"], values["gs"] = struct.unpack_from("<2Q", data, BASES)
        return values


@contextlib.contextmanager
def attached(options):
    """The machine with a debugger at its port, running."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    options.further = (*options.further, "-chardev", f"socket,id=gdb0,fd={theirs.fileno()}",
                       "-gdb", "chardev:gdb0")
    options.pass_fds = (*options.pass_fds, theirs.fileno())
    with ours, theirs, qemu.Machine(options) as machine:
        debugger = Debugger(ours)
        debugger.ask(b"?")  # with a debugger connected the machine waits ...
        debugger.send(b"c")  # ... for this
        yield machine, debugger
