"""A guest whose programs serve clients of this machine: boots it, waits until it serves, and ends it."""
import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import qemu

PATIENCE = 60  # seconds until a server answers, or a client has its answer; only to notice a hang


class Guest:
    """`make exec` with sockets on QEMU's network. `ports` are the guest's, as 80 or "udp:53"; `self.port` has
    this machine's for each. What the guest prints is collected in `self.said`."""

    def __init__(self, root, cmd, *ports, options=(), timeout=300):
        self.port = {port: qemu.free_port() for port in ports}
        forward = ",".join(self._forward(port) for port in ports)
        self.process = subprocess.Popen(
            [sys.executable, "exo/tools/exec.py", "--root", str(root), "--system", qemu.SYSTEM, "--timeout",
             str(timeout), "--smp", "2", "--net", "user", "--fwd", forward, "--cmd", cmd, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _forward(self, port):
        kind, _, number = str(port).rpartition(":")
        return f"{kind + ':' if kind else ''}{self.port[port]}:{number}"

    def _read(self):
        while piece := self.process.stdout.read1(65536):
            self.said += piece

    def says(self, words, patience=PATIENCE):
        """Waits until the guest has printed these bytes; False: it ended, or took too long."""
        until = time.monotonic() + patience
        while words not in self.said and time.monotonic() < until and self.reader.is_alive():
            time.sleep(0.05)
        return words in self.said

    def wait(self, patience=PATIENCE):
        """The status that it ended with; None: it did not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        if self.process.returncode is not None:
            self.reader.join()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.reader.join()


def add_libraries(root, *programs):
    """Copies dynamically linked programs of this machine, with their loader and libraries, to their places in `root`."""
    for program in programs:
        found = subprocess.run(["ldd", program], capture_output=True, check=True, text=True).stdout
        paths = [word for word in found.split() if word.startswith("/")]
        for path in (program, *paths):
            to = root / path[1:]
            to.parent.mkdir(parents=True, exist_ok=True)
            if not to.exists():
                shutil.copy(path, to)


def client(*command, data=b"", patience=PATIENCE):
    """A client of this machine: its status and all that it printed; None: it had to be ended."""
    try:
        end = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience,
                             check=False)
    except subprocess.TimeoutExpired as late:
        return None, late.stdout or b""
    return end.returncode, end.stdout


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def missing(*programs):
    """Those that this machine does not have."""
    return [program for program in programs if not shutil.which(program)]


def ported(root, *names):
    for name in names:
        shutil.copy(pathlib.Path("build/ported") / name, root / "bin" / name)
