#!/usr/bin/env python3
"""sqlite3 on exo4: 100,000 rows on a disk's file system, as on Linux, and what is left of a database whose
machine is killed in the middle of transactions."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import beside_linux
import volumes
from tap_print import check, done, equal
from volumes import host

SQLITE3 = (beside_linux.PORTED / "sqlite3").resolve()
KILLS = (1, 5, 12, 25)  # after that many transactions were told
WORK = """
PRAGMA page_size; PRAGMA journal_mode; PRAGMA cache_size = 500;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO t SELECT i, i * 7919 % 100003, printf('row %d of %x', i, i * i), i / 7.0 FROM n;
COMMIT;
CREATE INDEX ta ON t (a);
SELECT count(*), sum(a), min(b), max(b), round(sum(c), 3) FROM t;
SELECT * FROM t WHERE a BETWEEN 500 AND 504 ORDER BY a;
BEGIN; UPDATE t SET b = b || ' changed' WHERE a % 10 = 3; DELETE FROM t WHERE id % 7 = 0; ROLLBACK;
UPDATE t SET c = c + 1 WHERE id % 50 = 0;
DELETE FROM t WHERE a < 20000;
CREATE TABLE s AS SELECT a % 97 AS k, count(*) AS n, group_concat(substr(b, 5, 3)) AS g FROM t WHERE id < 4000 GROUP BY k;
SELECT k, n, length(g) FROM s ORDER BY n DESC, k LIMIT 5;
SELECT count(*) FROM t JOIN s ON t.a % 97 = s.k WHERE s.n > 30;
EXPLAIN QUERY PLAN SELECT * FROM t WHERE a = 5;
CREATE TABLE t (x); SELECT nothing FROM t;
VACUUM;
PRAGMA journal_mode = WAL;
INSERT INTO s SELECT id, a, b FROM t WHERE id % 3 = 1;
PRAGMA wal_checkpoint(TRUNCATE);
PRAGMA integrity_check;
SELECT count(*), total(n) FROM s;
.tables
"""
WRITE = """
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    echo "BEGIN; INSERT INTO t(r, x) SELECT $i, hex(id * $i) FROM t WHERE id <= 150; UPDATE t SET x = x || $i WHERE id % 9 = $i % 9; COMMIT;"
    echo ".system echo told $i"
done | sqlite3 MODE /mnt/kill.db
"""


def test_rows(root, folder):
    (root / "work.sql").write_text(WORK)
    (root / "work").write_text("sqlite3 -batch /mnt/rows.db < /work.sql\n")
    copy, image = folder / "linux", folder / "image"
    shutil.copytree(root, copy, symlinks=True)
    want = beside_linux.on_linux(copy, "/bin/sh /work")
    check(b"\nok\n" in want.stdout, "on Linux the database is whole", want.stdout)
    for way in beside_linux.WAYS:
        volumes.make(image)
        got = beside_linux.on_exo4(root, "/bin/sh /work", *beside_linux.way_options(way), "--disk", str(image), "--mount", "/mnt",
                                   timeout=300)
        good = equal(got.returncode, want.returncode, f"100,000 rows, {way}: the status as on Linux")
        good &= equal(list(beside_linux.differences(beside_linux.outcome(got), beside_linux.outcome(want))), [],
                      f"100,000 rows, {way}: the output as on Linux")
        volumes.check_clean(image, f"100,000 rows, {way}: e2fsck finds the volume clean")
        theirs, ours = copy / "mnt/rows.db", volumes.taken_out(image, folder) / "rows.db"
        good &= check(ours.exists() and host(SQLITE3, ours, ".dump").stdout == host(SQLITE3, theirs, ".dump").stdout,
                      f"100,000 rows, {way}: and Linux reads the same out of it")
        beside_linux.went(way, good)


def killed_after(command, told):
    """Output until that many transactions were told; then the machine is no more."""
    runner = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    last = 0
    for line in runner.stdout:
        if found := re.fullmatch(rb"told (\d+)\n", line):
            last = int(found[1])
            if last >= told:
                break
    runner.kill()
    rest = runner.stdout.read()
    runner.wait()
    runner.stdout.close()
    return max([last, *(int(n) for n in re.findall(rb"told (\d+)\n", rest))])


def test_killed(root, folder):
    """What was told is there, each transaction whole or not at all: in a log, and with a journal whose removal
    is synchronised too (EXTRA; else sqlite3 itself does not promise the last one)."""
    seed = folder / "seed"
    seed.mkdir()
    host(SQLITE3, seed / "kill.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, r INTEGER, x TEXT); "
         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
         "INSERT INTO t SELECT i, 0, i FROM n; CREATE INDEX tx ON t (x);")
    image = folder / "killed"
    for number, kill in enumerate(KILLS):
        pragma = "synchronous = EXTRA" if number % 2 else "journal_mode = WAL"
        (root / "write").write_text(WRITE.replace("MODE", f"-batch -cmd 'PRAGMA {pragma}'"))
        volumes.make(image, folder=seed)
        told = killed_after([sys.executable, "exo/tools/exec.py", "--root", root, "--timeout", "120", "--cmd",
                             "/bin/sh /write", "--disk", image, "--mount", "/mnt"], kill)
        check(told >= kill, f"killed after {kill} transactions: it had told of them", told)
        fsck = host("e2fsck", "-fy", image)
        check(fsck.returncode in (0, 1), f"killed after {kill}: e2fsck repairs the volume", fsck.stdout.decode())
        look = "PRAGMA integrity_check; SELECT max(r), count(*) - 150 * (max(r) + 1) FROM t;"
        (root / "look").write_text(f"sqlite3 -batch /mnt/kill.db '{look}'\n")
        got = beside_linux.on_exo4(root, "/bin/sh /look", "--disk", str(image), "--mount", "/mnt")
        found = re.fullmatch(rb"ok\n(\d+)\|0\n", got.stdout)
        check(found and int(found[1]) in (told, told + 1), f"killed after {kill}: the database is whole, with all "
              "that was told", (told, got.stdout, got.stderr))
        here = host(SQLITE3, volumes.taken_out(image, folder) / "kill.db", look)
        equal(here.stdout, got.stdout, f"killed after {kill}: Linux says the same")


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-sqlite3-") as name:
        folder = pathlib.Path(name)
        root = folder / "root"
        beside_linux.make_root(root, "sqlite3")
        (root / "mnt").mkdir()
        test_rows(root, folder)
        test_killed(root, folder)
    done()


main()
