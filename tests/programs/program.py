"""A Python program for test_python.py: text, files, threads, processes, signals, local sockets."""
import array, base64, binascii, collections, concurrent.futures, configparser, csv, datetime, errno, fcntl, functools
import gc, glob, hashlib, heapq, io, itertools, json, math, os, pickle, queue, random, re, select, selectors, shutil
import signal, socket, string, struct, subprocess, sys, tempfile, textwrap, threading, time, unicodedata
import weakref, zlib
import xml.etree.ElementTree as tree


def text():
    value = json.loads('{"list": [1, 2.5, null, true], "text": "\\u00e9\\n", "deep": {"a": {"b": []}}}')
    print(json.dumps(value, sort_keys=True, indent=1))
    print(re.sub(r"(?P<first>\w+) (?P<second>\w+)", r"\g<second> \g<first>", "one two, three four"))
    print(re.findall(r"(?<!a)b+(?=c)", "abbc bbc bc"), re.split(r"[,;]\s*", "a, b;c,d"))
    print(unicodedata.normalize("NFD", "Å").encode(), "straße".upper(), "ﬁ".casefold(), f"{math.pi:>12.6f}|{255:#x}")
    rows = io.StringIO()
    csv.writer(rows).writerows([["a,b", 'c"d', 3], [None, 1.5, "x\ny"]])
    print(repr(rows.getvalue()), list(csv.reader(io.StringIO("1,'2',\"3,4\"\n"))))
    settings = configparser.ConfigParser()
    settings.read_string("[one]\nkey = %(base)s/x\nbase = /tmp\n")
    print(settings["one"]["key"], textwrap.fill("to be or not to be that is the question", 16).split("\n"))
    print(tree.tostring(tree.fromstring("<a x='1'><b>t&amp;u</b><c/></a>")), string.Template("$a-$b").substitute(a=1, b=2))
    try:
        json.loads("[1,")
    except json.JSONDecodeError as problem:
        print(problem)


def data():
    raw = bytes(range(256)) * 400
    print(hashlib.sha256(raw).hexdigest()[:16], hashlib.blake2b(raw).hexdigest()[:16], zlib.crc32(raw))
    print(zlib.decompress(zlib.compress(raw, 9)) == raw, len(zlib.compress(raw, 9)), base64.b85encode(raw[:12]))
    print(struct.unpack("<hId", struct.pack("<hId", -2, 1 << 31, 0.1)), array.array("d", [1, 2]).tobytes().hex())
    chance = random.Random(7)
    print([chance.randrange(1000) for _ in range(5)], chance.gauss(0, 1), heapq.nsmallest(3, [5, 1, 4, 2]))
    print(pickle.loads(pickle.dumps({"k": (1, {2}, datetime.date(2020, 2, 29))})), binascii.hexlify(b"\0\xff"))
    print(datetime.datetime(2024, 1, 31, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=30, hours=5))
    print(pow(3, 1000, 10 ** 9 + 7), len(str(2 ** 9000)), divmod(-7, 3))
    print(collections.Counter("mississippi").most_common(2), list(itertools.islice(itertools.accumulate(range(9)), 3, 6)))

    @functools.lru_cache(maxsize=None)
    def ways(n):
        return 1 if n < 2 else ways(n - 1) + ways(n - 2)
    print(ways(90), ways.cache_info())

    class Loop:
        pass
    loop = Loop()
    loop.self = loop
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    print("collected:", gone() is None)


def files():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.makedirs("a/b")
    for i in range(20):
        with open(f"a/b/{i:02}", "w") as out:
            out.write("line\n" * i)
    os.symlink("b/07", "a/link")
    os.rename("a/b/19", "moved")
    print(sorted(glob.glob("a/b/0*")), os.path.realpath("a/link") == folder + "/a/b/07", os.stat("a/link").st_size)
    print(sorted((len(f), d) for _, d, f in os.walk(".")), sum(os.path.getsize(p) for p in glob.glob("a/b/*")))
    with open("moved", "r+b", buffering=0) as both:
        fcntl.flock(both, fcntl.LOCK_EX | fcntl.LOCK_NB)
        both.seek(3)
        both.write(b"XX")
        print(os.pread(both.fileno(), 7, 1), both.truncate(12), both.tell())
    shutil.copytree("a", "copy", symlinks=True)
    print(len(os.listdir("copy/b")), os.readlink("copy/link"), shutil.which("tr"))
    for wrong in (lambda: open("none"), lambda: os.rmdir("a"), lambda: os.mkdir("moved"), lambda: os.read(99, 1)):
        try:
            wrong()
        except OSError as problem:
            print(type(problem).__name__, errno.errorcode[problem.errno], problem)
    os.chdir("/")
    shutil.rmtree(folder)
    print(os.path.exists(folder))


def threads():
    counted, lock, work, results = [0], threading.Lock(), queue.Queue(maxsize=4), []

    def count():
        for _ in range(500):
            with lock:
                counted[0] += 1

    def serve():
        while (item := work.get()) is not None:
            with lock:
                results.append(item * item)
            work.task_done()
    all_of = [threading.Thread(target=count) for _ in range(8)] + [threading.Thread(target=serve) for _ in range(3)]
    for one in all_of:
        one.start()
    for i in range(100):
        work.put(i)
    for _ in range(3):
        work.put(None)
    for one in all_of:
        one.join()
    print(counted, sum(results), len(results), threading.active_count())
    ready, met, barrier = threading.Event(), [], threading.Barrier(4)
    condition = threading.Condition()

    def meet(i):
        ready.wait()
        barrier.wait()
        with condition:
            met.append(i)
            condition.notify_all()
    for i in range(4):
        threading.Thread(target=meet, args=(i,), daemon=True).start()
    ready.set()
    with condition:
        print(condition.wait_for(lambda: len(met) == 4, timeout=60), sorted(met))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(lambda n: n % 7, range(200))), pool.submit(int, "x").exception())
    print(ready.wait(0.01), threading.Semaphore(0).acquire(timeout=0.02))


def processes():
    print(subprocess.run(["tr", "a-z", "A-Z"], input=b"through a pipe", capture_output=True))
    print(subprocess.run("echo out; echo err >&2; exit 3", shell=True, capture_output=True, text=True))
    print(subprocess.run("kill -9 $$", shell=True).returncode, subprocess.getoutput("echo $((6 * 7))"))
    first = subprocess.Popen(["seq", "2000"], stdout=subprocess.PIPE)
    second = subprocess.Popen(["tail", "-n", "2"], stdin=first.stdout, stdout=subprocess.PIPE, env={"PATH": "/bin"})
    first.stdout.close()
    print(second.communicate(), first.wait())
    try:
        subprocess.run(["sleep", "100"], timeout=0.05)
    except subprocess.TimeoutExpired as late:
        print("late:", late.cmd)
    try:
        subprocess.run(["not-there"])
    except FileNotFoundError as problem:
        print(problem)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, b"from the child")
        os._exit(5)
    print(os.read(reader, 100), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    itself = subprocess.run([sys.executable, "-S", "-E", "-c", "import sys; print(sys.argv); sys.exit('said')", "x"],
                            capture_output=True)
    print(itself.returncode, itself.stdout, itself.stderr)


def signals():
    got = []
    signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda number, frame: got.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    time.sleep(0.2)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)
    print([int(n) for n in got], signal.sigpending(), signal.sigwait([signal.SIGUSR2]))

    def stop(number, frame):
        raise TimeoutError("no end")
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        while True:
            pass
    except TimeoutError as problem:
        print(problem)


def sockets():
    server = socket.socket(socket.AF_UNIX)
    server.bind("/tmp/python-socket")
    server.listen()
    chooser = selectors.DefaultSelector()
    chooser.register(server, selectors.EVENT_READ)

    def client(i):
        with socket.socket(socket.AF_UNIX) as end:
            end.connect("/tmp/python-socket")
            end.sendall(b"client %d" % i)
            answers.put(end.recv(100))
    answers, served = queue.Queue(), 0
    for i in range(6):
        threading.Thread(target=client, args=(i,)).start()
    while served < 6:
        for key, _ in chooser.select():
            if key.fileobj is server:
                chooser.register(server.accept()[0], selectors.EVENT_READ)
                continue
            if said := key.fileobj.recv(100):
                key.fileobj.sendall(said.upper())
                served += 1
            chooser.unregister(key.fileobj)
            key.fileobj.close()
    print(sorted(answers.get() for _ in range(6)), type(chooser).__name__)
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.send(b"first")
    one.send(b"second")
    print(other.recv(3), other.recv(100), select.select([other], [other], [], 0)[0])
    os.unlink("/tmp/python-socket")


for part in (text, data, files, threads, processes, signals, sockets):
    print("---", part.__name__, flush=True)
    part()
print("to standard error", sys.argv[1:], file=sys.stderr)
raise RuntimeError("seen as the status")
