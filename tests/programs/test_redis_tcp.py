#!/usr/bin/env python3
"""redis on exo4 over TCP: redis-cli and redis-benchmark of this machine, a replica on this machine and one on exo4, and
clients that wait, listen, stall or go in the middle."""
import csv
import pathlib
import subprocess
import tempfile
import time

import beside_linux
import serving
from tap_print import check, done, equal

SERVER = "redis-server --protected-mode no --save '' --appendonly no --repl-diskless-sync-delay 0"
# The replica on exo4 is asked over the server's loopback.
SERVE = f"""{SERVER} --logfile /tmp/log & server=$!
{SERVER} --port 6380 --logfile /tmp/log2 --replicaof 127.0.0.1 6379 & replica=$!
echo ready; wait $server; echo "server $?"; wait $replica; echo "replica $?"
"""
CLIENTS = 100


def cli(*words, data=b"", port=6379):
    status, said = serving.client("redis-cli", "-h", serving.GUEST, "-p", str(port), *words, data=data)
    return said.decode().rstrip("\n") if status == 0 else (status, said)


def benchmark(what, *options):
    """Every command was answered, and none with an error."""
    status, said = serving.client("redis-benchmark", "-h", serving.GUEST, "--csv", *options, patience=200)
    rows = list(csv.DictReader(line for line in said.decode().splitlines() if line.startswith('"')))
    check(status == 0 and b"rror" not in said and rows and all(float(row["rps"]) > 0 for row in rows), what, said)
    return rows


def loads():
    cli("config", "resetstat")
    benchmark(f"{CLIENTS} clients, one command at a time", "-c", str(CLIENTS), "-n", "3000", "-t", "ping_mbulk,set,get,lpush,lrange_100")
    benchmark("50 clients, 16 commands at a time", "-c", "50", "-n", "20000", "-P", "16", "-t", "set,get,incr", "-r", "1000")
    benchmark("values of 1 MB", "-c", "5", "-n", "20", "-t", "set,get", "-d", "1000000")
    benchmark("a connection for each command", "-c", "20", "-n", "500", "-k", "0", "-t", "set")
    stats = dict(line.split(":", 1) for line in cli("info", "stats").splitlines() if ":" in line)
    equal((stats["total_error_replies"], stats["rejected_connections"]), ("0", "0"), "the server counts no error")
    check(int(stats["total_commands_processed"]) >= 3000 * 5 + 20000 * 3 + 40 + 500, "and at least as many commands as were sent", stats)


def content():
    lines = b"".join(b"set key:%d %d\n" % (n, n * n) for n in range(20000))
    said = cli("--pipe", data=lines)
    check("errors: 0, replies: 20000" in said, "20,000 commands through one pipe", said)
    equal(cli("get", "key:19999"), str(19999 * 19999), "the last is there")
    value = bytes(range(256)) * 16384
    equal(cli("-x", "set", "long", data=value), "OK", "4 MiB of all bytes are stored")
    status, got = serving.client("redis-cli", "-h", serving.GUEST, "--raw", "get", "long")
    check(status == 0 and got[:-1] == value, "and read back, unchanged")
    equal(cli("-3", "eval", "return #redis.call('get', KEYS[1])", "1", "long"), str(len(value)), "a script sees them")


def talks():
    heard = [serving.connect(6379) for _ in range(20)]
    for s in heard:
        s.sendall(b"SUBSCRIBE news\r\n")
        check(s.recv(1000).startswith(b"*3\r\n$9\r\nsubscribe"), "a client listens") if s is heard[0] else s.recv(1000)
    equal(cli("publish", "news", "hello"), "20", "what is said is heard by 20")
    equal({s.recv(1000) for s in heard}, {b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"}, "by all of them the same")
    for s in heard:
        s.close()
    with serving.connect(6379) as waiter:
        waiter.sendall(b"BLPOP later 30\r\n")
        time.sleep(0.2)
        equal(cli("rpush", "later", "now"), "1", "somebody waits for a list")
        equal(waiter.recv(1000), b"*2\r\n$5\r\nlater\r\n$3\r\nnow\r\n", "and is told")
    with serving.connect(6379) as half:
        half.sendall(b"PING\r\nGET key:3\r\n")
        half.shutdown(1)
        equal(serving.read_all(half), b"+PONG\r\n$1\r\n9\r\n", "a client that has said all is answered, and then left")


def rude():
    stalled = [serving.connect(6379) for _ in range(8)]
    for s in stalled:
        s.sendall(b"GET long\r\n" * 4)
    equal(cli("ping"), "PONG", "who does not read 16 MiB of answers does not stop others")
    loader = subprocess.Popen(["redis-benchmark", "-h", serving.GUEST, "-c", "50", "-n", "1000000", "-t", "set", "-q"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    loader.kill()
    loader.wait()
    for s in stalled:
        s.close()
    for _ in range(100):
        if int(dict(l.split(":") for l in cli("info", "clients").splitlines() if ":" in l)["connected_clients"]) <= 2:
            break
        time.sleep(0.1)
    clients = cli("client", "list").splitlines()
    check(len(clients) <= 2, "of clients that were killed or went nothing is left", clients)


def replicas(folder):
    """The same server as a program of this machine's Linux follows that on exo4."""
    here = subprocess.Popen([beside_linux.PORTED / "redis-server", "--port", "6379", "--bind", "127.0.0.1", "--save", "", "--dir", folder,
                             "--replicaof", serving.GUEST, "6379"], stdout=subprocess.DEVNULL)
    try:
        wanted = cli("debug", "digest")
        for _ in range(300):
            said = serving.client("redis-cli", "debug", "digest")[1].decode().strip()
            if said == wanted:
                break
            time.sleep(0.1)
        equal(said, wanted, "a replica on Linux gets all of it")
        for _ in range(100):
            if cli("debug", "digest", port=6380) == wanted:
                break
            time.sleep(0.1)
        equal(cli("debug", "digest", port=6380), wanted, "and so does one on exo4")
        cli("set", "greeting", "after")
        equal(cli("wait", "2", "20000"), "2", "both confirm what is written later")
        equal(serving.client("redis-cli", "get", "greeting")[1], b"after\n", "and have it")
    finally:
        here.terminate()
        here.wait()


def main():
    serving.begin("redis-cli", "redis-benchmark")
    with tempfile.TemporaryDirectory(prefix="exo4-redis-") as folder:
        root = pathlib.Path(folder) / "root"
        beside_linux.make_root(root, "redis-server", "redis-cli")
        (root / "serve").write_text(SERVE)
        for way in ("libos", "patched"):
            print(f"# by {way}")
            with serving.Guest(root, "/bin/sh /serve", *beside_linux.way_options(way), "--mem", "1G") as guest:
                check(guest.says(b"ready") and guest.serves(6379) and guest.serves(6380), "redis serves", guest.said)
                cli("replicaof", "no", "one", port=6380)
                loads()
                content()
                talks()
                rude()
                cli("replicaof", "127.0.0.1", "6379", port=6380)
                replicas(folder)
                cli("shutdown", port=6380)
                cli("shutdown")
                equal((guest.wait(), guest.said.splitlines()[-2:]), (0, [b"server 0", b"replica 0"]), "both end")
    done()


main()
