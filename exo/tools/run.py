#!/usr/bin/env python3
"""`make run`: boots exo4 on this terminal, which becomes the guest's.

Where input and output are a terminal, the guest is told its size (`terminal=ROWSxCOLUMNS`) and every key reaches it,
Ctrl-C too; only Ctrl-] ends the machine from here. Else it is `qemu.py`.
"""
import fcntl
import io
import os
import signal
import struct
import sys
import termios
import tty

import qemu

ESCAPE = b"\x1d"  # Ctrl-]


def terminal_size():
    rows, columns = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2]
    return rows or 24, columns or 80


class TerminalMachine(qemu.Machine):
    """A machine whose first serial port is this terminal."""

    def _start(self):
        super()._start()
        signal.signal(signal.SIGWINCH, self._tell_size)

    def _tell_size(self, *_):
        self._to_com3 += b"size %d %d\n" % terminal_size()

    def _take_stdin(self):
        try:
            data = os.read(self._stdin, qemu.CHUNK)
        except OSError:
            data = b""
        if not data or ESCAPE in data:
            raise KeyboardInterrupt
        self._to_com1 += data
        self._sent += len(data)


def run_on_terminal(args, log):
    before = termios.tcgetattr(0)
    if log is sys.stderr:  # lines end as a raw terminal wants them
        log = io.TextIOWrapper(sys.stderr.buffer, newline="\r\n", write_through=True)
    args.append = "terminal=%dx%d " % terminal_size() + args.append
    try:
        tty.setraw(0)
        return qemu.run_quietly(qemu.options_of(args), stdin=0, log=log, kind=TerminalMachine)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def main():
    parser = qemu.Parser(usage=__doc__)
    parser.add_argument("--append", default="", help="the kernel's command line")
    parser.add_argument("--initrd", required=True, help="one archive")
    parser.add_argument("--log", help="where the kernel's log goes; - is standard error")
    qemu.add_options(parser)
    try:
        args = parser.parse_args()
        if os.isatty(0) and os.isatty(1):
            print("exo4: a shell is coming; `exit` or Ctrl-] ends the machine", file=sys.stderr)
            sys.exit(run_on_terminal(args, qemu.open_log(args.log)))
        sys.exit(qemu.run_quietly(qemu.options_of(args), stdin=0, log=qemu.open_log(args.log or "-")))
    except (qemu.Misuse, OSError) as problem:
        print(f"exo4: {problem}", file=sys.stderr)
        sys.exit(qemu.STATUS_USAGE)


if __name__ == "__main__":
    main()
