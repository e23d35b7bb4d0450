#!/usr/bin/env python3
"""`make run` as somebody at a terminal uses it: keys are typed into a pseudo-terminal, the screen is read."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

from tap_print import check, done, equal

PROMPT = b"exo4:~# \x1b[6n"  # and where is the cursor?
SECONDS = 30


class Screen:
    """A terminal with `make run`'s program on it."""

    def __init__(self, rows, columns):
        self.seen, self.all = b"", b""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["LOG"] = ""
            os.execvp(sys.executable, [sys.executable, "exo/tools/run.py", "--append", "run=default",
                                       "--initrd", "build/x86_64/run.cpio", "--net", "user"])
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # the program has closed its side
            data = b""
        self.seen += data
        self.all += data
        return bool(data)

    def until(self, text, seconds=SECONDS):
        """What came before `text`, which is taken with it; None: it did not come."""
        limit = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > limit or not self._read(0.5):
                return None
        before, _, self.seen = self.seen.partition(text)
        return before

    def run(self, line):
        """Types a line at the prompt. What it printed until the next one, without the echo."""
        self.type(line + b"\r")
        out = self.until(PROMPT)
        if out is None:
            return None
        out = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", out)
        return out.partition(b"\r\n")[2].replace(b"\r\n", b"\n")

    def status(self):
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit and self._read(0.2):
            pass
        pid = 0
        while not pid and time.monotonic() < limit:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            time.sleep(0.05)
        if not pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return "still running"
        return os.waitstatus_to_exitcode(status)

    def has_screen(self, what, good):
        check(good, what, repr(self.all[-1500:]))


def start(screen, program):
    """Starts a program in front; before it says so, keys would still be the shell's own."""
    screen.type(b"sh -c 'echo run''ning; exec %s'\r" % program)
    screen.until(b"running\r\n")


def says(screen, line, want, what):
    equal(screen.run(line), want, what)


def test_plain(s):
    says(s, b"echo $((6 * 7)) | tr 2 3", b"43\n", "a pipe")
    says(s, b"seq 3 > f; cat < f; wc -l < f; cat none 2>/dev/null; echo $?", b"1\n2\n3\n3\n1\n", "redirection")
    says(s, b"stty size < /dev/tty", b"30 100\n", "it is a terminal as large as the one here")
    says(s, b"stty -a | grep -c intr", b"1\n", "whose keys can be asked for")
    says(s, b"show f", b"f: 6 bytes\n1\n2\n3\n", "a program of ours")


def test_editing(s):
    s.type(b"echo wrong\x17right\x01\x05 end\r")
    out = s.until(PROMPT)
    s.has_screen("words are rubbed out, the cursor jumps to both ends", out and b"\r\nright end\r\n" in out)
    s.type(b"\x1b[A\x7f\x7f\x7fmark\r")
    out = s.until(PROMPT)
    s.has_screen("the last line comes back to be changed", out and b"\r\nright mark\r\n" in out)
    s.type(b"cat /etc/hostn\t\r")
    out = s.until(PROMPT)
    s.has_screen("names are completed", out and b"\r\nexo4\r\n" in out)


def test_keys(s):
    start(s, b"sleep 1000")
    s.type(b"\x03")
    s.has_screen("Ctrl-C ends what runs in front", s.until(PROMPT) is not None)
    says(s, b"echo $?", b"130\n", "with the status of SIGINT")
    start(s, b"cat")
    s.type(b"typed\r")
    s.has_screen("what is typed is echoed, and read by lines", s.until(b"typed\r\ntyped\r\n") is not None)
    s.type(b"\x04")
    s.has_screen("Ctrl-D ends the input", s.until(PROMPT) is not None)
    s.type(b"half a line\x03")
    s.has_screen("Ctrl-C drops a line", s.until(b"^C\r\n" + PROMPT) is not None)


def test_jobs(s):
    start(s, b"sleep 1000")
    s.type(b"\x1a")
    out = s.until(PROMPT)
    s.has_screen("Ctrl-Z stops it", out and b"Stopped" in out)
    out = s.run(b"jobs")
    s.has_screen("jobs lists it", out and b"[1]+  Stopped" in out)
    out = s.run(b"bg; jobs")
    s.has_screen("bg lets it go on behind", out and b"Running" in out)
    s.type(b"fg\r")
    s.until(b"sleep 1000")
    s.type(b"\x03")
    s.has_screen("fg brings it to the front, where Ctrl-C ends it", s.until(PROMPT) is not None)
    says(s, b"jobs", b"", "and no job is left")
    s.type(b"cat &\r")
    s.until(PROMPT)
    out = s.run(b"sleep 0.2; jobs")
    s.has_screen("who reads behind is stopped", out and b"Stopped (tty input)" in out)
    s.type(b"fg\r")
    s.until(b"cat\r\n")
    s.type(b"now\r\x04")
    s.has_screen("until it is in front", s.until(b"now\r\nnow\r\n" + PROMPT) is not None)


def test_size(s):
    s.type(b"trap 'stty size' WINCH\r")
    s.until(PROMPT)
    s.resize(33, 111)
    for _ in range(20):
        out = s.run(b"stty size")
        if out and out.endswith(b"33 111\n"):
            break
    s.has_screen("it is told when the terminal is resized", out and out.endswith(b"33 111\n"))


def test_strange(s):
    says(s, b"kill -9 1; kill -STOP 1; kill -TERM $$; echo $?", b"0\n", "the shell survives signals to the first process")
    out = s.run(b"cat /bin; . /bin; cd /etc/hostname; > /bin; /bin; ./f2")
    s.has_screen("what is no file, directory or program is told so", out and out.count(b"irectory") == 3 and
                 b"/bin: Permission denied" in out and b"./f2: not found" in out)
    says(s, b"echo 'echo $((6 * 7))' > t; chmod +x t; ./t", b"42\n", "a text is run as a script")
    says(s, b"printf '\\177ELF' > e; chmod +x e; ./e 2>&-; echo $?", b"127\n", "half a program is not run")
    out = s.run(b"echo " + b"x" * 900 + b" | wc -c")
    s.has_screen("a line longer than the screen", out and out.endswith(b"\n901\n"))
    says(s, b"cat /dev/zero | head -c 3m | wc -c", b"3145728\n", "who reads enough ends who writes for ever")
    out = s.run(b"cat /dev/zero > big; echo $?; wc -c < /etc/hostname; rm big; ls big; mkdir after; rmdir after; echo $?")
    s.has_screen("a full disk is an error, and room again", out and b"No space left on device\n1\n5\n" in out and
                 out.endswith(b"0\n"))
    says(s, b"tail /dev/zero 2> /dev/null; echo $?", b"137\n", "who takes all memory is ended alone")
    out = s.run(b"i=0; while [ $i -lt 1000 ]; do sleep 1000 & i=$((i+1)); done")
    refused = b"can't fork: Resource temporarily unavailable", b"can't fork: Cannot allocate memory"
    s.has_screen("too many jobs are refused", out and any(words in out for words in refused))
    s.run(b"kill -9 -1; wait")
    # Nothing of it may be left, and there may be no memory meanwhile for a program such as sleep.
    out = s.run(b"f() { f | f & }; (f 2> /dev/null); sleep 1; kill -9 -1; wait; echo over")
    s.has_screen("a fork bomb is", out and out.endswith(b"over\n"))


def main():
    s = Screen(30, 100)
    began = s.until(PROMPT)
    s.has_screen("a prompt comes", began is not None)
    s.has_screen("nothing complains before it", began is not None and b"can't" not in began)
    if began is not None:
        for test in (test_plain, test_editing, test_keys, test_jobs, test_size, test_strange):
            test(s)
    s.type(b"exit 5\r")
    equal(s.status(), 5, "exit ends the machine with its status")
    s = Screen(24, 80)
    s.until(PROMPT)
    start(s, b"sleep 1000")
    s.type(b"\x1d")
    equal(s.status(), 130, "Ctrl-] ends it at any time")
    done()


main()
