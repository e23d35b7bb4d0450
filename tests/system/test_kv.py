#!/usr/bin/env python3
"""The key-value store from outside, on a ring of the kernel's card, with a handler in the kernel that answers GETs,
and on a card of its own: a client of memcached's
binary protocol over UDP, what it may answer and what it may not, many requests of two clients against a model."""
import contextlib
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import qemu
from pumping import pumping
from tap_print import check, done, equal

GET, SET, ADD, REPLACE, DELETE, GET_QUIET, NOTHING, VERSION, GET_KEY = 0, 1, 2, 3, 4, 9, 10, 11, 12
OK, NOT_FOUND, EXISTS, TOO_LARGE, BAD_ARGUMENTS, UNKNOWN = 0, 1, 2, 3, 4, 0x81
FRAME, HEAD = ">4H", ">BBHBBHIIQ"
VALUE_MOST = 1000
PATIENCE = 20          # seconds
SOCKETS = pathlib.Path("build/x86_64/user/kv_sockets.elf")
ROUNDS, AT_ONCE = 40, 12


def free_port():
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def extras(flags=0, expires=0):
    return struct.pack(">II", flags, expires)


class Client:
    """Numbers its requests, and finds the answers by that."""

    def __init__(self, port):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.number = random.randrange(1 << 16)

    def send(self, opcode, key=b"", value=b"", more=b"", cas=0):
        self.number = (self.number + 1) & 0xffff
        body = more + key + value
        self.socket.send(struct.pack(FRAME, self.number, 0, 1, 0)
                         + struct.pack(HEAD, 0x80, opcode, len(key), len(more), 0, 0, len(body), self.number, cas)
                         + body)
        return self.number

    def receive(self):
        """(number, status, flags, key, value, version) of the next answer, which has to be well made."""
        data = self.socket.recv(2048)
        number, place, count, unused = struct.unpack_from(FRAME, data)
        magic, _, key, more, kind, status, body, opaque, cas = struct.unpack_from(HEAD, data, 8)
        rest = data[32:]
        if (place, count, unused, magic, kind, opaque, body) != (0, 1, 0, 0x81, 0, number, len(rest)):
            raise ValueError(f"an answer that is none: {data!r}")
        flags = struct.unpack(">I", rest[:more])[0] if more else None
        return number, status, flags, rest[more:more + key], rest[more + key:], cas

    def ask(self, *args, **more):
        number = self.send(*args, **more)
        answer = self.receive()
        if answer[0] != number:
            raise ValueError(f"the answer to {answer[0]}, not to {number}")
        return answer[1:]


def test_commands(c, way):
    equal(c.ask(VERSION)[3], b"exo4", f"{way}: it says what it is")
    equal(c.ask(GET, b"a")[:1], (NOT_FOUND,), f"{way}: nothing is there at first")
    first = c.ask(SET, b"a", b"one", extras(0xdeadbeef))
    got = c.ask(GET, b"a")
    equal((first[0], got), (OK, (OK, 0xdeadbeef, b"", b"one", first[4])), f"{way}: what is set is got, with its flags")
    equal(c.ask(GET_KEY, b"a")[2:4], (b"a", b"one"), f"{way}: and with its key, when asked so")
    equal([c.ask(ADD, b"a", b"x", extras())[0], c.ask(REPLACE, b"b", b"x", extras())[0]], [EXISTS, NOT_FOUND],
          f"{way}: some store only what is there or not")
    old, new = first[4], c.ask(SET, b"a", b"two", extras(), cas=first[4])[4]
    equal((new != old, c.ask(SET, b"a", b"x", extras(), cas=old)[0], c.ask(GET, b"a")[3]), (True, EXISTS, b"two"),
          f"{way}: of two who knew the same version, one stores")
    equal([c.ask(DELETE, b"a")[0], c.ask(DELETE, b"a")[0], c.ask(GET, b"a")[0]], [OK, NOT_FOUND, NOT_FOUND],
          f"{way}: what is deleted is gone")
    now = int(time.time())
    for expires in (now - 100, now + 3600):
        c.ask(SET, b"till%d" % (expires > now), b"x", extras(0, expires))
    equal([c.ask(GET, b"till0")[0], c.ask(GET, b"till1")[0]], [NOT_FOUND, OK], f"{way}: it knows what time it is")
    big = os.urandom(VALUE_MOST)
    equal([c.ask(SET, b"k" * 250, big, extras())[0], c.ask(GET_KEY, b"k" * 250)[2:4]], [OK, (b"k" * 250, big)],
          f"{way}: the longest key and value")


def test_refusals(c, way):
    equal([c.ask(SET, b"a", b"x" * (VALUE_MOST + 1), extras())[0], c.ask(SET, b"a", b"x")[0], c.ask(GET)[0],
           c.ask(GET, b"k" * 251)[0], c.ask(0x77)[0]],
          [TOO_LARGE, BAD_ARGUMENTS, BAD_ARGUMENTS, BAD_ARGUMENTS, UNKNOWN], f"{way}: what it cannot do it says")
    c.send(GET_QUIET, b"nothing")
    c.socket.send(b"rubbish")
    c.socket.send(struct.pack(FRAME, 1, 0, 2, 0) + b"\x80" + bytes(23))                  # one of two pieces
    c.socket.send(struct.pack(FRAME, 1, 0, 1, 0) + struct.pack(HEAD, 0x81, 0, 0, 0, 0, 0, 0, 0, 0))
    c.socket.send(struct.pack(FRAME, 1, 0, 1, 0) + struct.pack(HEAD, 0x80, 0, 999, 0, 0, 0, 0, 0, 0))
    last = c.send(NOTHING)
    equal(c.receive()[:2], (last, OK), f"{way}: what is missed quietly and what is no request get no answer")


def test_many(clients, way):
    """Each client has keys of its own; within a batch no key is named twice."""
    chance, models, wrong = random.Random(4), [{} for _ in clients], []
    for _ in range(ROUNDS):
        expected = []
        for who, (c, model) in enumerate(zip(clients, models)):
            wanted = {}
            for i in chance.sample(range(40), AT_ONCE):
                key, kind = b"%d.%d" % (who, i), chance.choice((GET, GET, SET, DELETE))
                value = chance.randbytes(chance.randrange(VALUE_MOST))
                if kind == SET:
                    model[key] = value
                    wanted[c.send(SET, key, value, extras())] = (OK, b"")
                elif kind == DELETE:
                    wanted[c.send(DELETE, key)] = (OK, b"") if model.pop(key, None) is not None else (NOT_FOUND, None)
                else:
                    wanted[c.send(GET, key)] = (OK, model[key]) if key in model else (NOT_FOUND, None)
            expected.append(wanted)
        for c, wanted in zip(clients, expected):
            for _ in range(AT_ONCE):
                number, status, _, _, value, _ = c.receive()
                want = wanted.pop(number)
                if (status, value if status == OK else None) != want:
                    wrong.append((status, want[0]))
    equal(wrong, [], f"{way}: {ROUNDS * AT_ONCE * len(clients)} requests of {len(clients)} clients, by a model")


def test_way(way, words, rule, **options):
    port = free_port()
    with qemu.Machine(qemu.Options(append=f"run=kv_server {words}", **{rule: f"udp:{port}:11211"}, **options)) as m:
        up = m.wait_for(lambda: b"kv_server: port 11211" in m.out, 60)
        check(up, f"{way}: the store comes up", bytes(m.out + m.err))
        clients = [Client(port) for _ in range(2)]
        with pumping(m):
            test_commands(clients[0], way)
            test_refusals(clients[0], way)
            test_many(clients, way)
        for c in clients:
            c.socket.close()
        equal((m.panic, m.guest_status), (None, None), f"{way}: it serves on")


@contextlib.contextmanager
def started(command):
    """A program that says which port it serves, until the block ends. Gives what it has said so far."""
    said = []
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    reader = threading.Thread(target=lambda: said.extend(iter(program.stdout.readline, b"")))
    reader.start()
    deadline = time.monotonic() + 60
    while b"kv_sockets: port" not in b"".join(said) and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield program, said
    finally:
        program.terminate()
        program.wait()
        reader.join()
        program.stdin.close()
        program.stdout.close()


def test_sockets(way, command, port):
    """The form on POSIX sockets: the same file as a member of a family and as a program of Linux."""
    with started(command) as (program, said):
        check(b"kv_sockets: port" in b"".join(said), f"{way}: the store comes up", said)
        clients = [Client(port) for _ in range(2)]
        test_commands(clients[0], way)
        test_refusals(clients[0], way)
        # Whole, if only as much of it as the program takes had come.
        clients[0].socket.send(struct.pack(FRAME, 1, 0, 1, 0) + struct.pack(HEAD, 0x80, SET, 1, 8, 0, 0, 2048 - 32, 0, 0) + bytes(3000))
        equal(clients[0].ask(VERSION)[3], b"exo4", f"{way}: and one that is too long gets none")
        test_many(clients, way)
        for c in clients:
            c.socket.close()
        equal(program.poll(), None, f"{way}: it serves on")


def test_families():
    here, there = free_port(), free_port()
    test_sockets("sockets, on Linux", [SOCKETS, str(here)], here)
    with tempfile.TemporaryDirectory(prefix="exo4-kv-") as folder:
        root = pathlib.Path(folder)
        (root / "bin").mkdir()
        shutil.copy(SOCKETS, root / "bin/kv")
        test_sockets("sockets", [sys.executable, "exo/tools/exec.py", "--root", folder, "--timeout", "120", "--net", "user",
                                 "--fwd", f"udp:{there}:11211", "--cmd", "/bin/kv"], there)
    wrong = subprocess.run([SOCKETS, "0"], capture_output=True, check=False)
    equal((wrong.returncode, wrong.stderr), (64, b"usage: kv_sockets [PORT]\n"), "sockets: a port that is none")


def main():
    test_way("ring", "11211", "fwd", net="user")
    test_way("graft", "11211 10.0.2.15 graft", "fwd", net="user")
    test_way("card", "11211 10.0.2.15 card", "fwd2", iommu="1", net="user", net2="user")
    test_families()
    done()


main()
