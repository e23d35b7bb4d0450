#!/usr/bin/env python3
"""gawk on exo4: its own tests, run there by make, pass and fail as on Linux; a program of its own by each way."""
import pathlib
import re
import shutil
import tempfile

import beside_linux
from tap_print import check, done

GAWK = beside_linux.PORTED / "gawk.d/test"
LEAST = 350  # tests that pass on Linux
NOT_RUN = ("Gt-dummy", "clos1way6")  # no test; two processes, of which either may be first
SUITE = r"""
cd /test; export LC_ALL=C TZ=UTC0
make -k -f Maketests AWK=gawk CMP=cmp srcdir=. TESTS > /tmp/said 2>&1 < /dev/null
for name in TESTS; do test -e _$name && echo "failed $name"; done; echo all ran
"""
PROGRAM = r"""
BEGIN {
    while (("seq 1 500" | getline line) > 0) { sum += line; kept[line % 7] = kept[line % 7] " " line }
    close("seq 1 500")
    n = asorti(kept, order); for (i = 1; i <= n; i++) printf "%s:%d ", order[i], length(kept[order[i]])
    print sum, strftime("%F %T", 1e9, 1), gensub(/(b+)(.)/, "<\\2\\1>", "g", "abbcabd"), toupper(substr("text", 2))
    for (i = 1; i <= 3; i++) print 4 - i | "sort -n"
    close("sort -n"); print system("exit 3"), sprintf("%5.2e|%-6s|%c|%x", 12345.678, "ab", 66, 255)
    print "to the child" |& "tr a-z A-Z"; close("tr a-z A-Z", "to"); "tr a-z A-Z" |& getline back; print back
    PROCINFO["sorted_in"] = "@val_num_desc"; split("5 30 8", a); for (i in a) printf "%s ", a[i]
    print match("foobar", /o+(b)/, m), m[1, "start"], substr(ENVIRON["HOME"], 1), patsplit("a1b22", p, /[0-9]+/), p[2]
}
/^[a-z]+ / { count[$1]++; total += $2 } END { print NR, total, length(count); print "gone" > "/dev/stderr"; exit 5 }
"""


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-gawk-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "gawk", "make")
        (root / "program").write_text(PROGRAM)
        (root / "words").write_text("".join(f"{'abc'[i % 3] * (i % 4)} {i}\n" for i in range(5000)))
        beside_linux.same(root, "/bin/gawk -f /program /words", "a program")
        shutil.copytree(GAWK, root / "test", symlinks=True)
        names = [name for name in re.findall(r"^(\w[\w-]*):$", (GAWK / "Maketests").read_text(), re.MULTILINE)
                 if name not in NOT_RUN]
        (root / "suite").write_text(SUITE.replace("TESTS", " ".join(names)))
        want = beside_linux.same(root, "/bin/sh /suite", "its own tests", ("libos",), options=("--timeout", "380"))
        failed = want[1].count(b"failed ")
        check(len(names) - failed >= LEAST and want[1].endswith(b"all ran\n"),
              f"of {len(names)} tests {len(names) - failed} pass on Linux", want)
    done()


main()
