#!/usr/bin/env python3
"""Packets that nobody should send, at servers of a guest, from a tap in a namespace; clients ask all the time.

usage: fuzz_net.py [SECONDS [SEED [SERVER]]]       60 s, seed 1, all servers (names of attacked.py, comma-separated)

Ends with the first answer that is wrong, server that is silent afterwards, or panic of the kernel; the machine is the
checked kernel's. A seed says what is sent, but for what servers said meanwhile.
"""
import pathlib
import random
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent.parent / "exo/tools")]
import attacked  # noqa: E402
import qemu      # noqa: E402
import serving   # noqa: E402
from pumping import is_over, pumping  # noqa: E402

COMES_UP = 90   # seconds, on a busy machine
RECOVERS = 40
ROUND = 10      # seconds between two looks at everybody
PATIENCE = 10   # more, for clients that have no answer at all yet: starting a process takes its time


def attack(world, chance, seconds, clients, well):
    """Attacks servers by turns, until the time is over and each client has had an answer, or `well()` is false. Returns
    packets sent."""
    before = sum(who.sent for who in world.attackers.values())
    until = time.monotonic() + seconds
    while well() and (time.monotonic() < until or (time.monotonic() < until + PATIENCE
                                                   and not all(client.right for client in clients))):
        _, tap, server = chance.choice(world.servers)
        world.attackers[tap].attack(server)
    return sum(who.sent for who in world.attackers.values()) - before


def play(world, machine, chance, seconds, seed):
    """Attacks while clients ask. Returns packets sent, what clients got by name, and who is silent afterwards."""
    clients = world.clients(seed)
    for client in clients:
        client.start()
    sent = attack(world, chance, seconds, clients,
                  lambda: not is_over(machine) and not any(client.wrong for client in clients))
    got = {client.server.name: client.stop() for client in clients}
    return sent, got, world.answers(seed + 1000, RECOVERS)


def fail(machine, why):
    said = [*machine.log, *machine.err.decode(errors="replace").splitlines()]
    sys.exit("".join(f"| {line}\n" for line in said) + f"fuzz-net: {why}")


def main():
    words = sys.argv[1:] + ["60", "1", ""][len(sys.argv) - 1:]
    seconds, seed, names = int(words[0]), int(words[1]), list(filter(None, words[2].split(",")))
    serving.begin(network=attacked.NETWORK, otherwise=lambda why: sys.exit(f"fuzz-net: {why}"))
    chance, begun = random.Random(seed), time.monotonic()
    with attacked.folder() as folder:
        world = attacked.World(folder, chance, names, smp=2, mem="768M", kernel=str(qemu.CHECKED))
        with qemu.Machine(world.options) as machine, pumping(machine):
            world.is_over = lambda: is_over(machine)
            world.find_all(COMES_UP)
            if world.absent or machine.panic:
                fail(machine, f"{', '.join(world.absent)}: no such server comes up; {machine.panic or ''}")
            begun = time.monotonic()
            while time.monotonic() < begun + seconds:
                sent, got, silent = play(world, machine, chance, min(ROUND, seconds), seed)
                print(f"{time.monotonic() - begun:5.0f} s  {sent} packets;  right/wrong/late:  "
                      + ",  ".join(f"{name} {right}/{len(wrong)}/{late}" for name, (right, wrong, late) in got.items()), flush=True)
                wrong = {name: wrong for name, (_, wrong, _) in got.items() if wrong}
                if machine.panic or silent or wrong:
                    fail(machine, machine.panic or f"wrong answers: {wrong}; silent afterwards: {silent}")


if __name__ == "__main__":
    main()
