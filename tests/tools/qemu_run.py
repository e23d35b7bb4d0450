#!/usr/bin/env python3
"""Boots one guest test in QEMU and judges its TAP.

usage: qemu_run.py NAME [OPTION=VALUE]...      options: smp mem icount net fwd disk iommu net2 fwd2
                                                         disk2 edu uart display numa timeout append kernel

kernel=checked boots the kernel that looks at all its invariants after each call; other names are variants.
net or net2=peer:NAME:QUEUES is a network of the test's own (tap_net.py); where the machine gives none, the
test is skipped.

Passes when all of this holds; anything else is a failure, with the reason on stderr:
  * one plan, and as many results as it says, numbered 1, 2, 3, ...
  * no "not ok" without a SKIP directive, and no "Bail out!"
  * the guest ended by its own word, in time, with status 0
"""
import argparse
import contextlib
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "exo/tools"))
import qemu  # noqa: E402
import tap   # noqa: E402
import tap_net  # noqa: E402

TIMEOUT = 240  # seconds; only to notice a hang, also on a busy machine


def options_for(name, words):
    """The boot options of guest test `name`; `words` are OPTION=VALUE."""
    given = {"timeout": str(TIMEOUT)}
    for word in words:
        option, equals, value = word.partition("=")
        if not equals:
            raise qemu.Misuse(f"{name}: boot option '{word}' is not OPTION=VALUE")
        given[option] = value
    further = given.pop("append", "")
    if "kernel" in given:
        given["kernel"] = str(qemu.KERNEL.with_name(f"kernel-{given['kernel']}.elf"))
    given["smp"] = qemu.whole(given.get("smp", ""))
    given["icount"] = qemu.whole(given.get("icount", "0"))
    given["timeout"] = qemu.seconds(given["timeout"])
    known = qemu.Options.__dataclass_fields__
    for option in given:
        if option not in known:
            raise qemu.Misuse(f"{name}: there is no boot option '{option}'")
    return qemu.options_of(argparse.Namespace(**given), append=f"run={name} {further}".strip())


@contextlib.contextmanager
def with_images(options):
    """Boot option disk=SIZE or disk=ro:SIZE: an image of that size, full of zeros, for this boot."""
    with contextlib.ExitStack() as images:
        for name in ("disk", "disk2"):
            wanted = getattr(options, name)
            if not wanted:
                continue
            image = images.enter_context(tempfile.NamedTemporaryFile(prefix="exo4-disk-"))
            image.truncate(qemu.mem_bytes(wanted.removeprefix("ro:")))
            setattr(options, name, ("ro:" if wanted.startswith("ro:") else "") + image.name)
        yield options


@contextlib.contextmanager
def with_networks(options):
    """Boot option net=peer:NAME:QUEUES: a network of its own, for this boot."""
    with contextlib.ExitStack() as networks:
        for name in ("net", "net2"):
            m = re.fullmatch(r"peer:(\w+):([1-8])", getattr(options, name))
            if not m:
                continue
            network = networks.enter_context(tap_net.TapNet(m[1], int(m[2])))
            setattr(options, name, ":".join(["fd", *map(str, network.fds)]))
            options.pass_fds += tuple(network.fds)
        yield options


def run(name, words):
    """Boots the test. Returns its verdict and everything it printed."""
    try:
        return boot(name, words)
    except tap_net.Unavailable as problem:
        text = f"1..0 # SKIP no network of its own: {problem}\n"
        return tap.judge(text.splitlines()), text


def boot(name, words):
    with with_images(options_for(name, words)) as options, with_networks(options), \
            qemu.Machine(options) as machine:
        status, why = machine.run()
        out, err = (bytes(b).decode(errors="replace") for b in (machine.out, machine.err))
        log = "".join(f"| {line}\n" for line in machine.log)
    verdict = tap.judge(out.splitlines())
    if why:
        verdict.blame(why)
    elif status != 0 and not verdict.failed:
        verdict.blame(f"every result is good, but the test ended with status {status}")
    return verdict, out + err + log


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        verdict, text = run(sys.argv[1], sys.argv[2:])
    except qemu.Misuse as problem:
        sys.exit(f"qemu_run: {problem}")
    sys.stdout.write(text)
    for complaint in verdict.wrong:
        print(f"qemu_run: {complaint}", file=sys.stderr)
    sys.exit(bool(verdict.failed))


if __name__ == "__main__":
    main()
