#!/usr/bin/env python3
"""Servers under attack from outside, on the kernel that looks at its invariants after each call: an attacker on a tap sends
packets that are cut, damaged, fragmented, doubled, forged and too many, while clients ask all the time; afterwards everybody
answers, and what was taken was given back. More of it: `make fuzz-net`."""
import random
import re
import select
import socket
import struct
import time

import attacked
import fuzz_net
import qemu
import serving
from http_bytes import get
from pumping import is_over, pumping
from tap_print import check, done, equal

SEED, SECONDS = 1, 4
SHARED = ("http", "direct", "kv graft", "posix httpd", "posix echo")
OWN = ("http", "direct", "posix httpd", "http card", "direct card", "kv card", "echo card")
PROCESSES = ("posix httpd", 30)  # of which each has a process; a family keeps more when more are there at once
CONNECTIONS = tuple((name, 2500) for name in ("http", "direct", "http card", "direct card"))
AT_ONCE = 8
FORGOTTEN = 90             # seconds
SETTLES = 3.0              # seconds, for what ends by itself
SAME = ("pages of environments", "page tables", "capability tables", "environments", "threads", "notifications", "packet rings",
        "connections open")
DIRECT_CONNECTIONS = 512  # libos-net/direct/tcp.h
PATIENCE = 30
ATTEMPTS = 3


def server_of(world, name):
    return next(s for _, _, s in world.servers if s.name == name)


def fetch(server, path, end=lambda s: s.shutdown(socket.SHUT_WR)):
    """What comes for a path, after `end` has ended the connection on this side."""
    with socket.create_connection((server.address, server.port), timeout=PATIENCE) as s:
        s.sendall(get(path, close=True))
        end(s)
        return b"".join(iter(lambda: s.recv(1 << 16), b""))


def figures(world):
    """What the first server's page says of the system, in rows of two cells: what is to be the same when all is over."""
    text = fetch(server_of(world, "http"), "/").decode(errors="replace")
    rows = {name: int(count) for name, count in re.findall(r"<td>([^<]+)</td><td>(\d+)</td></tr>", text)}
    return {name: rows.get(name) for name in SAME}


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def churn(world, name, count):
    """Opens and closes so many connections: a third is asked and answered, a third reset in the middle, a third says nothing.
    Returns how many of the first were not answered rightly, and what went wrong."""
    server, page = server_of(world, name), world.pages["/www/1300"]
    path = "/1300" if "httpd" in name else "/www/1300"

    def one(n):
        if n % 3 == 0:
            return None if (got := fetch(server, path)).endswith(page) else f"{n}: {got[:40]!r}, {len(got)} bytes"
        s = socket.create_connection((server.address, server.port), timeout=PATIENCE)
        if n % 3 == 1:
            s.sendall(get(path))
            reset(s)
        s.close()
        return None

    def some(number):
        wrong = []
        for n in range(number, count, AT_ONCE):
            if world.is_over():
                return [*wrong, f"{n}: the machine has ended"]
            try:
                wrong.append(one(n))
            except OSError as problem:
                wrong.append(f"{n}: {problem!r}")
        return wrong
    return [what for wrong in serving.at_once(some, AT_ONCE) for what in wrong if what]


def all_at_once(world, name, count):
    """So many connections at once to one server, and then a request on each: how many are answered."""
    server = server_of(world, name)
    page, held = world.pages["/www/1300"], [socket.socket() for _ in range(count)]
    for n, s in enumerate(held):
        s.setblocking(False)
        s.connect_ex((server.address, server.port))
        if n % 32 == 31:
            time.sleep(0.05)  # a ring takes 64 packets at once
    good = 0
    for step in ("send", "receive"):
        for s in held:
            s.settimeout(PATIENCE)
            try:
                if step == "send":
                    select.select([], [s], [], PATIENCE)
                    s.sendall(get("/www/1300", close=True))
                else:
                    good += b"".join(iter(lambda s=s: s.recv(1 << 16), b"")).endswith(page)
            except OSError:
                pass
    for s in held:
        reset(s)
    return good


def test_attack(world, machine, way, chance):
    sent, got, silent = fuzz_net.play(world, machine, chance, SECONDS, SEED)
    check(sent > 500, f"{way}: more than 500 packets are sent", sent)
    equal([(name, wrong) for name, (_, wrong, _) in got.items() if wrong], [], f"{way}: no answer is wrong meanwhile")
    equal([name for name, (right, _, _) in got.items() if not right and not name.startswith("posix")], [],
          f"{way}: and all are answered at times, but for those who start a process for each, and may need longer")
    equal(silent, [], f"{way}: all answer afterwards")


def test_link(world, way):
    """The taps go down and up, which only this side is told; then the cards' cables, which the guest is told of."""
    for state in ("down", "up"):
        for tap in world.attackers:
            serving.client("ip", "link", "set", tap, state)
        time.sleep(1)
    world.make_routes()
    equal(world.answers(SEED + 5, PATIENCE), [], f"{way}: the link went down and up, and all answer")
    world.set_cables("off")
    time.sleep(2)
    world.set_cables("on")
    if any(s.name == "http card" for _, _, s in world.servers):
        check(server_of(world, "http card").address in world.announced(8), f"{way}: who follows its link says that it is back")
    equal(world.answers(SEED + 6, PATIENCE), [], f"{way}: the cables were out and in, and all answer")


def test_room(world, way):
    """What the attacker left is forgotten after a while, but nothing is lost for ever."""
    until, got, attempts = time.monotonic() + FORGOTTEN, 0, 0
    while got < DIRECT_CONNECTIONS and not world.is_over() and (attempts < ATTEMPTS or time.monotonic() < until):
        got = all_at_once(world, "direct", DIRECT_CONNECTIONS)  # a client that finds no room may wait for all of its patience
        attempts += 1
    equal(got, DIRECT_CONNECTIONS, f"{way}: there is still room for all connections that there was room for")


def settled(world):
    """The figures, when nothing of what the attacker began is open any more; or after a while."""
    until = time.monotonic() + FORGOTTEN
    while (got := figures(world))["connections open"] != 1 and time.monotonic() < until:  # that of the question itself
        time.sleep(1)
    return got


def test_connections(world, way):
    """Twice the same: the first time fills what is kept for ever."""
    name, count = PROCESSES
    equal(churn(world, name, count), [], f"{way}: {count} connections to {name} come and go")
    after = None
    for _ in range(2):
        for name, count in CONNECTIONS:
            equal(churn(world, name, count), [], f"{way}: {count} connections to {name} come and go")
            if world.is_over():
                return
        time.sleep(SETTLES)
        before, after = after, settled(world)
    equal(after, before, f"{way}: and leave nothing behind")


def test_way(folder, way, names, mem, kernel):
    chance, begun = random.Random(SEED), time.monotonic()
    world = attacked.World(folder, chance, names, smp=2, mem=mem, kernel=str(kernel))
    with qemu.Machine(world.options) as machine, pumping(machine):
        world.is_over = lambda: is_over(machine)
        world.find_all(fuzz_net.COMES_UP)
        if check(not world.absent, f"{way}: all servers come up", bytes(machine.out + machine.err)):
            for part in (lambda: test_attack(world, machine, way, chance), lambda: test_link(world, way),
                         lambda: (test_room if kernel == qemu.CHECKED else test_connections)(world, way)):
                if not is_over(machine):
                    part()
        equal((machine.panic, machine.guest_status), (None, None), f"{way}: the kernel is well, and so are its invariants")
        if is_over(machine):
            print("".join(f"# {line}\n" for line in [*machine.log, *machine.err.decode(errors="replace").splitlines()]))
        print(f"# {way}: {time.monotonic() - begun:.0f} s")


def main():
    serving.begin(network=attacked.NETWORK)
    for way in (("shared card, checked kernel", SHARED, "160M", qemu.CHECKED), ("cards of their own", OWN, "768M", qemu.KERNEL)):
        with attacked.folder() as folder:
            test_way(folder, *way)
    done()


if __name__ == "__main__":
    main()
