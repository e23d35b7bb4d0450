#!/usr/bin/env python3
"""lwIP's own unit tests, of the pinned source, on this machine: each is a result here."""
import os
import pathlib
import subprocess
import tempfile

TESTS = 112  # that this version of lwIP has
PROGRAM = pathlib.Path("build/suites/lwip_unittests")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-lwip-") as folder:
        results = pathlib.Path(folder) / "results"
        end = subprocess.run([PROGRAM.resolve()], cwd=folder, env={**os.environ, "CK_TAP_LOG_FILE_NAME": str(results)},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        said = results.read_text().replace("build/src/", "")
        print(said, end="")
        print("## " + end.stdout.decode(errors="replace").strip().splitlines()[-1])
        return end.returncode or f"1..{TESTS}" not in said.splitlines()


raise SystemExit(main())
