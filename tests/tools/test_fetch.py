#!/usr/bin/env python3
"""fetch_source.sh on a package made for the test: a changed byte stops it; both formats of apt
sources are understood. No network is used."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from tap_print import check, done, equal

SCRIPT = pathlib.Path("exo/tools/fetch_source.sh").resolve()
DEB822 = """\
Types: deb
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main
  contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

# Another vendor, and a stanza that is off.
Types: deb
URIs: https://vendor.example/apt
Suites: stable
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://list.example/debian bookworm main contrib
deb http://list.example/debian-security bookworm-security main
deb https://vendor.example/debian stable tool
"""


def run(work, package, folder, **env):
    return subprocess.run(["sh", work / "tools/fetch_source.sh", package, "1.0-1", folder],
                          capture_output=True, text=True, check=False,
                          env=dict(os.environ, **env))


def pin(work, names):
    lines = (f"{hashlib.sha256((work / 'src' / name).read_bytes()).hexdigest()}  {name}\n"
             for name in names)
    (work / "tools/sources.sha256").write_text("".join(lines))


def make_package(work):
    """A Debian source package of format 1.0: one tarball and its .dsc."""
    (work / "src").mkdir()
    (work / "hello-1.0/debian").mkdir(parents=True)
    (work / "hello-1.0/file").write_text("hello\n")
    subprocess.run(["tar", "-czf", work / "src/hello_1.0-1.tar.gz", "-C", work, "hello-1.0"],
                   check=True)
    data = (work / "src/hello_1.0-1.tar.gz").read_bytes()
    (work / "src/hello_1.0-1.dsc").write_text(
        "Format: 1.0\nSource: hello\nVersion: 1.0-1\nMaintainer: A <a@example.org>\n"
        "Checksums-Sha256:\n"
        f" {hashlib.sha256(data).hexdigest()} {len(data)} hello_1.0-1.tar.gz\n"
        f"Files:\n {hashlib.md5(data).hexdigest()} {len(data)} hello_1.0-1.tar.gz\n")
    pin(work, ["hello_1.0-1.tar.gz", "hello_1.0-1.dsc"])


def test_sums(work):
    folder = work / "src/hello-1.0"
    good = run(work, "hello", folder)
    equal(good.returncode, 0, "a package whose sums agree is unpacked")
    check((folder / "file").exists() and (folder / ".exo4-unpacked").exists(),
          "its files and the stamp are there", good.stderr)
    with open(work / "src/hello_1.0-1.tar.gz", "ab") as tarball:
        tarball.write(b"x")
    shutil.rmtree(folder)
    bad = run(work, "hello", folder)
    check(bad.returncode != 0 and "wrong checksum" in bad.stderr, "one changed byte stops it",
          bad.stderr)
    check(not folder.exists(), "and nothing is unpacked")
    unknown = run(work, "other", folder)
    check(unknown.returncode != 0 and "not in" in unknown.stderr, "an unpinned package is refused",
          unknown.stderr)


def apt_lines(work):
    """What fetch_source.sh would tell apt, with an apt-get that only succeeds."""
    etc = work / "etc"
    (etc / "sources.list.d").mkdir(parents=True)
    (etc / "sources.list").write_text(ONE_LINE)
    (etc / "sources.list.d/debian.sources").write_text(DEB822)
    (work / "bin").mkdir()
    (work / "bin/apt-get").write_text("#!/bin/sh\nexit 0\n")
    (work / "bin/apt-get").chmod(0o755)
    for name in ("hello_1.0-1.dsc", "hello_1.0-1.tar.gz"):
        (work / "src" / name).unlink()
    result = run(work, "hello", work / "src/hello-1.0", EXO4_APT_ETC=str(etc),
                 PATH=f"{work / 'bin'}:{os.environ['PATH']}")
    check("was not delivered" in result.stderr and result.returncode != 0,
          "a file that apt does not deliver stops it", result.stderr)
    return (work / "src/.apt/sources.list").read_text().splitlines()


def test_sources(work):
    key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
    equal(apt_lines(work), sorted([
        "deb-src [signed-by=/k.gpg] http://list.example/debian bookworm main",
        "deb-src http://list.example/debian-security bookworm-security main",
        f"deb-src {key}http://mirror.example/debian bookworm main",
        f"deb-src {key}http://mirror.example/debian bookworm-updates main",
    ]), "Debian's own archives are found in both formats, as sources of the pinned release")


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        (work / "tools").mkdir()
        shutil.copy(SCRIPT, work / "tools")
        make_package(work)
        test_sums(work)
        test_sources(work)
    finally:
        shutil.rmtree(work)
    done()


main()
