#!/usr/bin/env python3
"""The example of libos-graft: objects as clang makes them, in the root file system, are proved, loaded
and replaced inside the guest; what cannot be is refused with a message."""
import pathlib
import subprocess
import sys
import tempfile

import mkarchive
import qemu
from tap_print import check, done

CLANG = pathlib.Path("build/grafts/clang")


def make_image(work):
    root, rules = work / "root", (CLANG / "call_rules.o").read_bytes()
    root.mkdir()
    (root / "rules.o").write_bytes(rules)
    (root / "newer.o").write_bytes(rules)
    (root / "cut.o").write_bytes(rules[:len(rules) // 2])
    (root / "filter.o").write_bytes((CLANG / "filter_udp.o").read_bytes())
    image = work / "image.cpio"
    with open(image, "wb") as out:
        mkarchive.make(out, trees=[root], archives=[qemu.SYSTEM])
    return image


def run(image, words):
    ran = subprocess.run([sys.executable, "exo/tools/qemu.py", "--append", f"run=rules {words}", "--timeout",
                          "60", "--initrd", str(image)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ran.returncode, (ran.stdout + ran.stderr).decode(errors="replace")


def main():
    with tempfile.TemporaryDirectory() as name:
        image = make_image(pathlib.Path(name))
        status, text = run(image, "rules.o newer.o")
        check(status == 0 and "rules: rules.o: loaded" in text and "rules: newer.o: loaded" in text,
              "one is loaded, and replaced by another", (status, text[-500:]))
        for words, want in (("rules.o cut.o", "rules: cut.o:0: the object is malformed"),
                            ("filter.o", "no capability of the wanted kind"), ("no.o", "rules: ")):
            status, text = run(image, words)
            check(status == 1 and want in text, f"{words}: refused", (status, text[-500:]))
        status, text = run(image, "")
        check(status == 64 and "usage: rules FILE [FILE]" in text, "without a file its usage is told", (status, text[-500:]))
    done()


main()
