"""A guest whose programs serve clients, or ask servers, of this machine, on a network of the test's own.

    serving.begin()                                  # from here on the test runs in a namespace with a tap in it
    with serving.Guest(root, "/bin/server") as guest:
        guest.serves(80); serving.client("curl", "-s", f"http://{serving.GUEST}/")

QEMU's user network would not do: of many connections that begin at once it lets one wait, and drops the others' first packets."""
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import qemu

TAP, HERE, GUEST = "exo4", "10.0.4.1", "10.0.4.2"
PATIENCE = 60  # seconds until a server answers, or a client has its answer; only to notice a hang
INSIDE = "EXO4_TEST_NAMESPACE"


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


ONE_TAP = ("link set lo up", f"tuntap add {TAP} mode tap", f"addr add {HERE}/24 dev {TAP}", f"link set {TAP} up")


def begin(*clients, otherwise=skip_all, network=ONE_TAP):
    """Runs the test again in a network namespace. `clients`: programs that it needs; `otherwise(why)` does not return;
    `network`: what `ip` does there."""
    absent = [name for name in clients if not shutil.which(name)]
    if absent:
        otherwise(f"not on this machine: {', '.join(absent)}")
    if INSIDE not in os.environ:
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        words = ["unshare", *as_root, "--net"]
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
            otherwise("this machine gives no network namespace")
        os.execvpe(words[0], [*words, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})
    for command in network:
        end = subprocess.run(["ip", *command.split()], capture_output=True, check=False, text=True)
        if end.returncode:
            otherwise(f"this machine gives no tap: {end.stderr.strip()}")


def link(state):
    """The tap goes "up" or "down", as if the cable were pulled."""
    subprocess.run(["ip", "link", "set", TAP, state], check=True)


class Guest:
    """`make exec` on that network. What the guest prints is collected in `said`."""

    def __init__(self, root, cmd, *options, timeout=300):
        self.process = subprocess.Popen(
            [sys.executable, "exo/tools/exec.py", "--root", str(root), "--system", qemu.SYSTEM, "--timeout", str(timeout),
             "--net", f"tap:{TAP}", "--address", f"{GUEST}/24,{HERE},{HERE}", "--cmd", cmd, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while piece := self.process.stdout.read1(65536):
            self.said += piece

    def says(self, words, patience=PATIENCE):
        """Waits until the guest has printed these bytes; False: it ended, or took too long."""
        until = time.monotonic() + patience
        while words not in self.said and time.monotonic() < until and self.reader.is_alive():
            time.sleep(0.05)
        return words in self.said

    def serves(self, port, patience=PATIENCE):
        """Waits until a connection to that port comes about."""
        until = time.monotonic() + patience
        while time.monotonic() < until and self.reader.is_alive():
            with contextlib.suppress(OSError), socket.create_connection((GUEST, port), timeout=5):
                return True
            time.sleep(0.1)
        return False

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
        for path in (program, *(word for word in found.split() if word.startswith("/"))):
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


def ab(url, requests, clients, stays_open):
    """ab with that many requests of as many clients: did all get their answer? And what it printed."""
    status, said = client("ab", "-q", "-n", str(requests), "-c", str(clients), *(["-k"] if stays_open else []), url, patience=120)
    text = said.decode(errors="replace")
    wanted = {"Complete requests": requests, "Failed requests": 0, **({"Keep-Alive requests": requests} if stays_open else {})}
    return status == 0 and all(re.search(f"^{name}: +{count}$", text, re.M) for name, count in wanted.items()), text


def wrk(url, clients, seconds=3, at_least=100):
    """The same for wrk."""
    status, said = client("wrk", "-t2", f"-c{clients}", f"-d{seconds}", "--timeout", "60", url, patience=120)
    text = said.decode(errors="replace")
    many = re.search(r"(\d+) requests in", text)
    return status == 0 and "Socket errors" not in text and "Non-2xx" not in text and bool(many) and int(many[1]) > at_least, text


def at_once(work, count):
    """The results of `work(n)` for 0 to `count` - 1, all of which run at the same time."""
    results = [None] * count

    def one(n):
        try:
            results[n] = work(n)
        except OSError as problem:
            results[n] = repr(problem)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def connect(port):
    return socket.create_connection((GUEST, port), timeout=PATIENCE)


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def add_ported(root, *names):
    for name in names:
        shutil.copy(pathlib.Path("build/ported") / name, root / "bin" / name)
