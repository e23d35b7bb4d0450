#!/usr/bin/env python3
"""setup.sh on machines that do not exist: dpkg-query, apt-get, id and sudo are stand-ins."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from tap_print import check, done, equal

# Each stand-in keeps the machine's packages as files in $STATE and writes what it was asked.
STAND_INS = {
    "dpkg-query": 'for p; do :; done; test -e "$STATE/$p" && printf installed',
    "id": 'echo "$USER_ID"',
    "sudo": "exit 1",
    "apt-get": 'echo "$*" >> "$STATE/.asked"\n'
               'case "$1" in update) exit 0;; esac\n'
               'case " $* " in *" $BROKEN "*) exit 100;; esac\n'
               'for p; do case "$p" in -*|install) ;; *) touch "$STATE/$p";; esac; done',
}


class Host:
    """A machine that has every package but those in `missing`."""

    def __init__(self, work, missing, user=0, broken="none"):
        self.bin, self.state = work / "bin", work / "state"
        for folder in (self.bin, self.state):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name, body in STAND_INS.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.bin / name).chmod(0o755)
        for name in all_packages():
            if name not in missing:
                (self.state / name).touch()
        self.env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}", USER_ID=str(user),
                        STATE=str(self.state), BROKEN=broken)

    def setup(self):
        return subprocess.run(["sh", "exo/tools/setup.sh"], env=self.env, capture_output=True,
                              text=True, check=False)

    def asked(self):
        path = self.state / ".asked"
        return path.read_text().splitlines() if path.exists() else []


def all_packages():
    text = pathlib.Path("exo/tools/setup.sh").read_text()
    return text.split('packages="', 1)[1].split('"', 1)[0].split()


def test_complete(work):
    host = Host(work, [])
    equal(host.setup().returncode, 0, "a complete machine passes")
    equal(host.asked(), [], "and apt is not asked")


def test_installs(work):
    host = Host(work, ["graphviz", "cpio"])
    end = host.setup()
    equal(end.returncode, 0, "root gets the missing packages installed")
    check("graphviz" in end.stderr and "cpio" in end.stderr, "and is told which", end.stderr)
    equal([line.split()[0] for line in host.asked()], ["update", "install"], "in one call of apt")
    equal(host.setup().returncode, 0, "a second call finds them")
    equal(len(host.asked()), 2, "and asks apt nothing")


def test_refusals(work):
    user = Host(work, ["graphviz"], user=1000)
    end = user.setup()
    check(end.returncode == 1 and "type: sudo apt-get install graphviz" in end.stderr
          and end.stderr.count("\n") == 1, "a user without sudo is told what to type", end.stderr)
    equal(user.asked(), [], "and nothing is tried")
    broken = Host(work, ["graphviz", "cpio"], broken="cpio")
    end = broken.setup()
    check(end.returncode == 1 and "package 'cpio' is missing" in end.stderr,
          "a package that apt cannot install is named", end.stderr)
    check((broken.state / "graphviz").exists(), "and the others are installed all the same")


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        test_complete(work)
        test_installs(work)
        test_refusals(work)
    finally:
        shutil.rmtree(work)
    done()


main()
