#!/usr/bin/env python3
"""make graph: boots the example `graph` and turns the digraphs that it prints into files.

usage: run_graph.py [--kernel ELF] [--initrd ARCHIVE] [--out DIR]

Writes DIR/forest.dot and .svg, the derivation forest, and DIR/frames.dot and .svg, who owns which
frames. The pictures show the running system: the program reads the kernel's own book-keeping.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "exo/tools"))
import qemu  # noqa: E402

TIMEOUT = 120  # seconds; only to notice a hang
WANTED = ("forest", "frames")


class Failed(Exception):
    """No picture; the text says why."""


def boot(args):
    """What the program printed."""
    options = qemu.Options(append="run=graph", timeout=TIMEOUT, kernel=args.kernel,
                           initrd=args.initrd)
    with qemu.Machine(options) as machine:
        status, why = machine.run()
        text = bytes(machine.out).decode(errors="replace")
        log = "".join(f"\n| {line}" for line in list(machine.log)[-10:])
    if why or status != 0:
        raise Failed(f"run=graph: {why or f'status {status}'}{log}")
    return text


def digraphs(text):
    """The digraphs in `text` by name. Each begins and ends on a line of its own."""
    found = {m[1]: m[0] for m in re.finditer(r"^digraph (\w+) \{\n.*?^\}\n", text, re.M | re.S)}
    if missing := [name for name in WANTED if name not in found]:
        raise Failed(f"run=graph printed no digraph {', '.join(missing)}")
    return found


def draw(path):
    """dot -Tsvg; its warnings mean that the picture lacks something, so they are errors."""
    svg = path.with_suffix(".svg")
    done = subprocess.run(["dot", "-Tsvg", str(path), "-o", str(svg)], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0 or done.stderr.strip():
        raise Failed(f"dot {path}: {done.stderr.strip() or done.returncode}")
    return svg


def main():
    parser = argparse.ArgumentParser(description="Draws a live system.")
    parser.add_argument("--kernel", default=str(qemu.KERNEL))
    parser.add_argument("--initrd", default=str(qemu.SYSTEM))
    parser.add_argument("--out", default=str(TOP / "build/graph"))
    args = parser.parse_args()
    out = pathlib.Path(os.path.relpath(args.out))
    try:
        if not shutil.which("dot"):
            raise Failed("Graphviz' dot is not installed; `make setup` installs it")
        found = digraphs(boot(args))
        out.mkdir(parents=True, exist_ok=True)
        for name in WANTED:
            path = out / f"{name}.dot"
            path.write_text(found[name], encoding="utf-8")
            print(f"{draw(path)}  {path}")
    except (Failed, qemu.Misuse) as problem:
        sys.exit(f"graph: {problem}")


if __name__ == "__main__":
    main()
