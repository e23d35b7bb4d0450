#!/usr/bin/env python3
"""redis on exo4: a server and clients over a local socket, snapshots by forked children, a log of changes,
restarts, and a disk that Linux's redis reads afterwards."""
import pathlib
import shutil
import tempfile

import beside_linux
import volumes
from tap_print import check, done, equal

SCRIPT = r"""
cd /mnt || exit 99
start() {
    redis-server --port 0 --unixsocket /tmp/redis --dir /mnt --logfile /mnt/log --save '' "$@" &
    server=$!
    until redis-cli -s /tmp/redis ping 2> /dev/null | grep -q PONG; do sleep 0.1; done
}
cli() { redis-cli -s /tmp/redis "$@"; }
settled() { while cli info persistence | grep -q "$1:1"; do sleep 0.1; done; }
look() {
    echo "--- $1"; cli dbsize; cli get counter; cli lrange list 0 4; cli zrange scores 0 3 withscores
    cli hget h f77; cli scard set; cli ttl kept; cli strlen long; cli exists piped:1999; cli xlen stream
}
start --appendonly no
cli set greeting 'hello world'; cli get greeting; cli incrby counter 41; cli incr counter
cli rpush list a b c d e f; cli lpop list; cli zadd scores 3 c 1 a 2 b; cli sadd set 1 2 3 3
i=0; while [ $i -lt 100 ]; do echo "hset h f$i v$((i * i))"; i=$((i + 1)); done | cli | sort | uniq -c
seq 0 1999 | while read n; do echo "set piped:$n $((n * 7))"; done | cli --pipe | tail -n 1
cli setrange long 100000 end; cli expire kept 10; cli set kept 1 ex 100000; cli persist kept
cli eval 'local s = 0 for i = 0, 99 do s = s + #redis.call("hget", KEYS[1], "f" .. i) end return s' 1 h
printf 'multi\nincr counter\nincr counter\nexec\n' | cli
cli xadd stream 1-1 field value; cli xadd stream 1-2 field value
cli wrong command; cli lpush greeting x; cli object encoding h
redis-cli -s /tmp/redis subscribe nobody > /tmp/heard & sleep 0.5; cli publish nobody 'to whom it concerns'; { kill $!; wait $!; } 2> /dev/null
look 'as it was made'
cli save; cli bgsave; settled rdb_bgsave_in_progress; cli info persistence | grep -o 'rdb_last_bgsave_status:ok'
cli set after snapshot; { kill -9 $server; wait $server; } 2> /dev/null; echo "killed $?"
start --appendonly no; look 'from a snapshot'; cli exists after; cli config set appendonly yes; settled aof_rewrite_in_progress
cli set logged 1; cli incr counter; cli config set appendfsync always; cli set synced 1
cli bgrewriteaof; settled aof_rewrite_in_progress; cli info persistence | grep -o 'aof_last_bgrewrite_status:ok'
cli rpush list tail; { kill -9 $server; wait $server; } 2> /dev/null; echo "killed $?"
start --appendonly yes; look 'from the log'; cli mget logged synced
cli lrange list -2 -1; cli shutdown; wait $server; echo "ended $?"
ls appendonlydir; redis-server --version | cut -d' ' -f1,2; redis-server --port none; echo "refused $?"
"""
AFTERWARDS = r"""
cd /mnt; redis-server --port 0 --unixsocket /tmp/redis --dir /mnt --logfile /mnt/log --appendonly yes &
until redis-cli -s /tmp/redis ping 2> /dev/null | grep -q PONG; do sleep 0.1; done
redis-cli -s /tmp/redis dbsize; redis-cli -s /tmp/redis get counter; redis-cli -s /tmp/redis shutdown; wait
"""


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-redis-") as name:
        folder = pathlib.Path(name)
        root = folder / "root"
        beside_linux.make_root(root, "redis-server", "redis-cli")
        (root / "mnt").mkdir()
        (root / "script").write_text(SCRIPT)
        (root / "afterwards").write_text(AFTERWARDS)
        image, linux = folder / "image", folder / "linux"
        for way in beside_linux.WAYS:
            volumes.make(image)
            beside_linux.same(root, "/bin/sh /script", "a server and its clients", (way,),
                              options=("--disk", str(image), "--mount", "/mnt", "--timeout", "300"))
            want = beside_linux.on_linux(linux, "/bin/sh /afterwards")
            volumes.check_clean(image, f"{way}: e2fsck finds the volume clean")
            shutil.rmtree(linux / "mnt")
            shutil.move(volumes.taken_out(image, folder), linux / "mnt")
            got = beside_linux.on_linux(linux, "/bin/sh /afterwards")
            check(want.stdout.startswith(b"2011\n45\n"), "on Linux nothing was lost", want)
            beside_linux.went(way, equal(got.stdout, want.stdout, f"{way}: Linux reads what the disk has"))
    done()


main()
