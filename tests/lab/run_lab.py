#!/usr/bin/env python3
"""make lab: boots the lab's programs, checks that two boots count the same, writes the results.

usage: run_lab.py [--kernel ELF] [--initrd ARCHIVE] [--out DIR]

Writes DIR/results.jsonl (one figure a line) and DIR/report.html, and prints a table. Every program
is booted twice; a figure that differs between the boots is printed with both values and marked as
not exact. Ends with 1 when a program did not end well or a key is unknown to aims.json.
"""
import argparse
import dataclasses
import html
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path[:0] = [str(TOP / "exo/tools"), str(TOP / "tests/tools")]
import mkarchive  # noqa: E402
import qemu       # noqa: E402
import curves     # noqa: E402
import machines   # noqa: E402
import qemu_run   # noqa: E402
import run_lines  # noqa: E402
import tap_net    # noqa: E402

OFFLOAD = "run=lab_offload"      # on a tap, which not every machine has
# Programs that print `result` lines, by the kernel's command line. The last is one of Linux.
PROGRAMS = ("run=lab", "run=lab_cross", "run=lab_hello", "run=lab_posix libos getppid read write stat openclose mmap touch signal",
            "run=lab_echo", "run=lab_echo load", "run=lab_disk", "run=lab_http ring", "run=lab_http card",
            OFFLOAD, *machines.SOCKETS)
MACHINES = {"run=lab_cross": {"smp": 2}, "run=lab_echo": machines.CARDS, "run=lab_echo load": machines.CARDS,
            "run=lab_disk": {"further": machines.slow_disk(5)}, OFFLOAD: {"net": "peer:offload:1"},
            "run=lab_http ring": machines.CARDS, "run=lab_http card": machines.OWN_CARDS} | dict.fromkeys(machines.SOCKETS, machines.CARDS)
# The example of L4 pipes prints lines for people; their keys, by what it calls them.
PIPES = "run=l4_ex_pipes"
PIPE_LINE = re.compile(r"pipes: (.*): 1 byte (\d+) ticks, 4096 bytes (\d+)$")
PIPE_KEYS = {"asynchronous pipe": "pipe.async", "synchronous RPC": "pipe.rpc",
             "mapping RPC": "pipe.map"}
PIPE_ROUNDS = 128
END = {PIPES: "pipes: what went in came out"}  # the last line; `end` where none is given
# What operations leave in a process would be in later ones' figures: memory that a fork copies.
OPERATIONS = ("getppid read write stat openclose pipe.self mmap touch signal pipe.rtt1 thread futex futex.crowd broadcast",
              "fork vfork forkexec forkexec.glibc spawn", "epoll")
FOREIGN = [f"/posix {way} {operations}" for way in ("patched", "trampoline") for operations in OPERATIONS]
DEFAULT_WAY = "patched"           # of the keys that name none:
WAYLESS = ("pipe.rtt1", "fork", "forkexec")
ROOT = TOP / "build/lab/root"
HELLO = "run=lab_hello"          # boots from an image with nothing but root and itself
TIMEOUT = 300                    # seconds; only to notice a hang
WORDS = 64                       # lengths of a message: 0 to 63 words
BUSY = (1, 2, 5, 10, 15, 20)     # threads that compute while a datagram is echoed
LOADS = {"graft": "a packet handler", "priority": "the owner, more urgent", "slices": "the owner, in its slices"}
SIZES = {"0": "0 B", "1k": "1 kB", "10k": "10 kB", "100k": "100 kB", "1M": "1 MB"}
SERVERS = {"http.{}.dedicated": "round the stack, own card", "http.{}.shared": "round the stack, ring", "http.{}.lwip": "lwIP, ring",
           "sockets.http.{}": "POSIX sockets"}
SHAPES = {"dedicated": "a card of its own", "ring": "a ring of the kernel's card", "graft": "a packet handler"}
COMPARED = ("call.null", "ipc.inter.0", "ipc.inter.7", "ipc.inter.63", "ipc.intra.0", "ipc.server.roundtrip",
            "ipc.ep.0", "ipc.string.4096", "fault.pager.map", "notify.switch", "pct.oneway", "pipe.shm")
COUNTS = ("entries", "space_switches", "tlb_flushes")


class Failed(Exception):
    """No results; the text says why."""


def execute(command, args):
    """Runs a program of Linux as `make exec` does, by the way that is its argument."""
    way = command.split()[1]
    done = subprocess.run([sys.executable, TOP / "exo/tools/exec.py", "--root", ROOT, "--cmd",
                           command, "--via", way, "--icount", "1", "--timeout",
                           str(TIMEOUT), "--kernel", args.kernel], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0 or "end" not in done.stdout.splitlines():
        raise Failed(f"{command}: status {done.returncode}\n{done.stderr}")
    return done.stdout.splitlines()


def boot(program, args):
    """Runs a guest program under the instruction counter. Returns the lines of its output."""
    if program in FOREIGN:
        return execute(program, args)
    options = qemu.Options(append=program, icount=1, timeout=TIMEOUT,
                           kernel=args.kernel, initrd=args.initrd, **MACHINES.get(program, {}))
    with tempfile.NamedTemporaryFile(suffix=".cpio") as alone:
        if program == HELLO:
            mkarchive.make(alone, [(f".exo4/{name}.elf".encode(), qemu.SYSTEM.parent / "user" / f"{name}.elf")
                                   for name in ("root", "lab_hello")])
            alone.flush()
            options = dataclasses.replace(options, initrd=alone.name)
        if program in machines.SOCKETS:
            machines.make_sockets(alone, args.initrd, program)
            options = dataclasses.replace(options, initrd=alone.name)
        return boot_machine(program, options)


def boot_machine(program, options):
    with qemu_run.with_networks(options), qemu.Machine(options) as machine:
        status, why = machine.run()
        lines = bytes(machine.out).decode(errors="replace").splitlines()
        log = "".join(f"\n| {line}" for line in list(machine.log)[-10:])
    if why or status != 0 or END.get(program, "end") not in lines:
        last = f"after `{lines[-1]}`" if lines else "before the first result"
        raise Failed(f"{program}: {why or f'status {status}'}, {last}{log}")
    return lines


def key_of(text):
    """Some operations of POSIX go by their name alone where the way is the usual one."""
    wayless = text.removeprefix("posix.").removesuffix(f".{DEFAULT_WAY}")
    return f"posix.{wayless}" if wayless in WAYLESS and text.startswith("posix.") else text


def posix_rows(data):
    """Aims of calls by each way. Those of more than a null call are beside the way's own entries."""
    for way, entry in data["ways"].items():
        for row in data["rows"]:
            about = {name: row[name] for name in ("aim", "peer", "note") if name in row}
            if row["operation"] == "getppid":
                about["aim"] = entry
            elif "calls" in row:
                about["note"] = f"aim without the way's own {row['calls']} * {entry}"
            yield {"key": key_of(f"posix.{row['operation']}.{way}"), "operation": f"{row['text']}: {way}",
                   "source": "linux"} | about


def parse(lines):
    """The `result KEY NAME=NUMBER ...` lines as a dictionary, and the compiler."""
    results, compiler = {}, None
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "compiler":
            compiler = rest
        elif word == "result":
            key, *pairs = rest.split()
            results[key_of(key)] = {name: int(number) for name, _, number in
                            (pair.partition("=") for pair in pairs)}
        elif match := PIPE_LINE.match(line):
            for key, ticks in zip((PIPE_KEYS[match[1]], PIPE_KEYS[match[1]] + ".4096"),
                                  (int(match[2]), int(match[3]))):
                results[key] = {"total": ticks, "per": 1, "rounds": PIPE_ROUNDS, "min": ticks,
                                "max": ticks}
    return results, compiler


def ratio(total, per):
    """An exact number when it is whole, else rounded."""
    return total // per if total % per == 0 else round(total / per, 3)


def output_of(*command):
    try:
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def commit():
    name = output_of("git", "rev-parse", "--short=12", "HEAD")
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no")
    return (name or "unknown") + ("+changes" if name and changed else "")


def record(key, first, second, about):
    """One line of results.jsonl."""
    figure = {"key": key, "value": ratio(first["total"], first["per"]), "unit": "instructions"}
    for name in COUNTS:
        if name in first:
            figure[name] = ratio(first[name], first["counted"])
    # When the timer interrupts is not the same in each boot; what the median round counts is.
    exact = all(first.get(name) == second.get(name) for name in ("total", *COUNTS))
    figure |= {"exact": exact, "rounds": first["rounds"], "agree": first.get("agree"),
               "min": ratio(first["min"], first["per"]), "max": ratio(first["max"], first["per"])}
    if not exact:
        figure["second_value"] = ratio(second["total"], second["per"])
    return figure | about


def measure(args):
    figures, compiler = [], None
    for program in (*PROGRAMS, PIPES, *FOREIGN):
        print(f"lab: booting {program}, twice", file=sys.stderr)
        try:
            (first, found), (second, _) = (parse(boot(program, args)) for _ in range(2))
        except tap_net.Unavailable as problem:
            print(f"lab: {program} left out, no network of its own: {problem}", file=sys.stderr)
            continue
        compiler = found or compiler
        if first.keys() != second.keys():
            raise Failed(f"{program}: two boots printed different keys")
        about = {"commit": commit(), "compiler": compiler,
                 "qemu": output_of("qemu-system-x86_64", "--version").split("\n")[0],
                 "options": "-icount shift=0,sleep=off -cpu max,-erms,-la57 -smp 1" + "".join(
                     f" {name}={value}" for name, value in MACHINES.get(program, {}).items() if name != "further")}
        figures += [record(key, first[key], second[key], about) for key in first]
    return figures


def measure_lines(args, about):
    """The cache lines of an IPC; of the two ways, which are the same, the one with more."""
    print("lab: stepping through an IPC", file=sys.stderr)
    ways = run_lines.measure(args.kernel, args.initrd)
    for name, place in (("code", 1), ("data", 2)):
        value = max(len(way[place]) for way in ways)
        yield {"key": f"ipc.lines.{name}", "value": value, "unit": "cache lines", "exact": True,
               "rounds": len(ways), "min": min(len(way[place]) for way in ways), "max": value} | about


def measure_variants(args, figures):
    """What the variants of the kernel (decision 31) count for the same program: a figure each."""
    about = {name: figures[0][name] for name in ("commit", "compiler", "qemu", "options")}
    for variant in args.variants.split():
        print(f"lab: booting the variant {variant}", file=sys.stderr)
        kernel = pathlib.Path(args.kernel).with_name(f"kernel-{variant}.elf")
        machine = argparse.Namespace(kernel=str(kernel), initrd=args.initrd)
        results, _ = parse(boot("run=lab timeless", machine))  # in one variant who sleeps does so for ever
        for key in COMPARED:
            result = results[key]
            yield {"key": key, "variant": variant, "value": ratio(result["total"], result["per"]),
                   "unit": "instructions"} | about


def variant_table(figures, compared):
    """Operation by variant: a head and rows of text."""
    names = list(dict.fromkeys(figure["variant"] for figure in compared))
    counts = {(figure["key"], figure.get("variant")): figure["value"] for figure in [*figures, *compared]}
    return ("operation", "kernel", *names), [
        (key, *(text_of(counts[key, name]) for name in (None, *names))) for key in COMPARED]


def length_table(figures):
    """One-way IPC by the length of the message, eight to a row."""
    counts = {figure["key"]: figure["value"] for figure in figures}
    return ("words", *(f"+{n}" for n in range(8))), [
        (str(first), *(text_of(counts[f"ipc.words.{first + n}"]) for n in range(8)))
        for first in range(0, WORDS, 8)]


def load_curves(figures):
    """(name, [(busy threads, instructions) ...]) for each way in which the echo is answered."""
    counts = {figure["key"]: figure["value"] for figure in figures}
    return [(name, [(busy, counts[f"load.{form}.{busy:02}"]) for busy in BUSY]) for form, name in LOADS.items()]


def load_table(figures):
    return ("answered by", *(str(busy) for busy in BUSY)), [
        (name, *(text_of(count) for _, count in curve)) for name, curve in load_curves(figures)]


def web_curves(figures, aims):
    """(name, [(place in SIZES, instructions a request) ...]) for each server, and lighttpd on Linux."""
    counts = {figure["key"]: figure["value"] for figure in figures}
    curves_of = [(name, [(i, counts[key.format(size)]) for i, size in enumerate(SIZES)])
                 for key, name in SERVERS.items()]
    linux = [(i, aims[f"http.{size}.lwip"].get("peer")) for i, size in enumerate(SIZES)]
    return [*curves_of, ("lighttpd, Linux", [(i, count) for i, count in linux if count])]


def web_table(figures, aims):
    rows = [(name, dict(curve)) for name, curve in web_curves(figures, aims)]
    return ("server", *SIZES.values()), [(name, *(text_of(counts.get(i)) for i in range(len(SIZES)))) for name, counts in rows]


def draw(out, figures, aims):
    (out / "load.svg").write_text(curves.draw("A datagram and its echo while others compute", "threads that compute",
                                              "guest instructions", load_curves(figures)), encoding="utf-8")
    (out / "http.svg").write_text(curves.draw("A request by the size of its document", "document", "guest instructions",
                                              web_curves(figures, aims), list(SIZES.values())), encoding="utf-8")


def store_table(figures):
    """The key-value store and the echo by the form of the card."""
    counts = {figure["key"]: text_of(figure["value"]) for figure in figures}
    return ("form", "UDP echo", "GET of 100 bytes"), [
        (name, counts[f"udp.echo.{form}"], counts[f"kv.get.{form}"]) for form, name in SHAPES.items()]


def text_of(number):
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.3f}".rstrip("0").rstrip(".")


MACHINE = ("row", "ours", "ExOS", "Ultrix", "Ultrix / ExOS")
TABLES = ("row", "linear", "inverted", "inv. / lin.", "ExOS linear", "inverted", "inv. / lin.")


def times(part, whole):
    """How many times `part` goes into `whole`, as text; empty when one is not known."""
    return f"{whole / part:.2f}" if part and whole else ""


WAYS = ("graft", "upcall", "server", "call")


def policy_table(figures, data):
    """The same policy by each way that there is, or why there is none: a head and rows of text."""
    ours = {figure["key"]: text_of(figure["value"]) for figure in figures}
    rows = [(row["policy"], *(ours.get(row[way], row[way]) for way in WAYS)) for row in data["policies"]]
    return ("policy", "graft", "own handler", "L4 server", "call ahead"), rows


def aegis_tables(figures, data):
    """The published tables of Aegis with ours beside: lists of a title, a head and rows of text."""
    ours = {figure["key"]: figure["value"] for figure in figures}
    tables = {}
    for row in data["aegis"]:
        if row["key"] in ours:
            tables.setdefault(row["table"], []).append(row)
    for title, rows in tables.items():
        yield title, MACHINE, [
            (row["row"], text_of(ours[row["key"]]), text_of(row["exos"]),
             text_of(row.get("ultrix")), times(row["exos"], row.get("ultrix")))
            for row in rows]
    rows = [(row["row"], ours.get(f"vm.{row['row']}"), ours.get(f"vm.inverted.{row['row']}"),
             row["linear"], row["inverted"]) for row in data["aegis_page_tables"]["rows"]]
    yield "two page tables, DEC3100", TABLES, [
        (name, text_of(linear), text_of(inverted), times(linear, inverted), text_of(was),
         text_of(other), times(was, other)) for name, linear, inverted, was, other in rows]


HEAD = ("key", "ours", "aim", "peer", "of", "entries", "switches", "flushes", "", "operation")


def table(figures, aims):
    """Rows of text, one for each figure; the ninth column says what is special about it."""
    rows = []
    for figure in figures:
        aim = aims[figure["key"]]
        remark = "" if figure["exact"] else f"not exact: {text_of(figure['second_value'])}"
        rows.append((figure["key"], text_of(figure["value"]), text_of(aim.get("aim")),
                     text_of(aim.get("peer")), aim.get("source", ""),
                     *(text_of(figure.get(name)) for name in COUNTS), remark, aim["operation"]))
    return rows


def print_table(rows, head=HEAD, left=(0, 4, 8, 9)):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, tuple("-" * w for w in widths), *rows]:
        print("  ".join(cell.ljust(w) if i in left else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip())


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>exo4: the lab</title><style>
body {{ font: 15px/1.45 sans-serif; max-width: 78em; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} th, td {{ padding: .25em .7em; border-bottom: 1px solid #ddd }}
th {{ text-align: left; border-bottom: 2px solid #888 }} td.n {{ text-align: right }}
td.good {{ background: #e2f4e2 }} td.over {{ background: #fbeedb }} code {{ white-space: nowrap }}
small {{ color: #666 }} dt {{ font-weight: bold }}
</style></head><body>
<h1>exo4: the lab</h1>
<p>Guest instructions per operation, counted by QEMU (<code>{options}</code>): the same on any
machine, and no times. Green: within the aim; orange: above it.</p>
<p>Commit {commit}, {compiler}, {qemu}.</p>
<table><tr><th>operation<th>key<th>ours<th>aim<th>peer<th>of<th>kernel entries<th>space switches
<th>TLB flushes</tr>
{rows}
</table>
<h2>Tables</h2><p><img src="load.svg" alt="a datagram and its echo while others compute">
<img src="http.svg" alt="a request by the size of its document"></p>{more}
<h2>Aegis tables</h2>
<p>Ours in instructions, theirs in microseconds of another CPU.</p>{aegis}
<h2>Where the other figures come from</h2><dl>{sources}</dl>
<p>Each figure is the median of its rounds in one boot, less the cost of an empty round. The whole is
done in two boots; a figure that differs between them says so.</p>
</body></html>
"""


def html_row(figure, aim):
    cells = [f"<td>{html.escape(aim['operation'])}<td><code>{html.escape(figure['key'])}</code>"]
    known = "aim" in aim
    kind = (" good" if figure["value"] <= aim["aim"] else " over") if known else ""
    other = "" if figure["exact"] else f" <small>or {text_of(figure['second_value'])}</small>"
    note = f" <small>{html.escape(aim['note'])}</small>" if "note" in aim else ""
    cells.append(f"<td class='n{kind}'>{text_of(figure['value'])}{other}")
    cells.append(f"<td class=n>{text_of(aim.get('aim'))}<td class=n>{text_of(aim.get('peer'))}")
    cells.append(f"<td>{html.escape(aim.get('source', ''))}{note}")
    cells += [f"<td class=n>{text_of(figure.get(name))}" for name in COUNTS]
    return "<tr>" + "".join(cells) + "</tr>"


def html_table(title, head, rows):
    lines = ["".join(f"<td class=n>{html.escape(cell)}" if i else f"<td>{html.escape(cell)}"
                     for i, cell in enumerate(row)) for row in rows]
    return (f"<h3>{html.escape(title)}</h3><table><tr>" +
            "".join(f"<th>{html.escape(cell)}" for cell in head) + "</tr>" +
            "".join(f"<tr>{line}</tr>" for line in lines) + "</table>")


def single(figures):
    """Those that have a row of their own."""
    return [figure for figure in figures if not figure["key"].startswith(("ipc.words.", "load."))]


def comparisons(figures, compared, data, aims):
    yield "the same policy as a graft, by the program itself, by a server, by a call", policy_table(figures, data)
    yield "per datagram, from the card's interrupt until the answer is sent", store_table(figures)
    yield "an HTTP request by the size of its document (http.svg)", web_table(figures, aims)
    yield "UDP echo from its packet to its answer, by threads that compute meanwhile (load.svg)", load_table(figures)
    yield "L4 IPC one way by words of the message, other space", length_table(figures)
    if compared:
        yield "variants of the kernel: exo/doc/decisions/0031-variants.md", variant_table(figures, compared)


def write(args, figures, compared, aims, data):
    sources = data["sources"]
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(figure) + "\n" for figure in [*figures, *compared])
    (out / "results.jsonl").write_text(lines, encoding="utf-8")
    draw(out, figures, aims)
    about = {name: html.escape(str(figures[0][name]))
             for name in ("options", "commit", "compiler", "qemu")}
    rows = "\n".join(html_row(figure, aims[figure["key"]]) for figure in single(figures))
    terms = "".join(f"<dt>{html.escape(name)}<dd>{html.escape(text)}"
                    for name, text in sources.items())
    aegis = "".join(html_table(*table) for table in aegis_tables(figures, data))
    more = "".join(html_table(title, *table) for title, table in comparisons(figures, compared, data, aims))
    (out / "report.html").write_text(PAGE.format(rows=rows, sources=terms, more=more, aegis=aegis, **about),
                                     encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Counts what exo4's operations cost.")
    parser.add_argument("--kernel", default=str(qemu.KERNEL))
    parser.add_argument("--initrd", default=str(qemu.SYSTEM))
    parser.add_argument("--out", default=str(TOP / "build/lab"))
    parser.add_argument("--variants", default="", help="kernels to compare with, kernel-NAME.elf beside it")
    args = parser.parse_args()
    data = json.loads((HERE / "aims.json").read_text(encoding="utf-8"))
    data["rows"] += [{"key": f"ipc.words.{n}", "operation": f"L4 IPC one way, other space, {n} words"}
                     for n in range(WORDS)]
    data["rows"] += [{"key": f"load.{form}.{busy:02}", "operation": f"a datagram to its echo by {name}, {busy} compute"}
                     for form, name in LOADS.items() for busy in BUSY]
    data["rows"] += posix_rows(data["posix"])
    order = {row["key"]: i for i, row in enumerate(data["rows"])}
    aims = {row["key"]: row for row in data["rows"]}
    try:
        figures = measure(args)
        figures += measure_lines(args, {name: figures[0][name]
                                        for name in ("commit", "compiler", "qemu", "options")})
        compared = list(measure_variants(args, figures))
    except (Failed, run_lines.Failed, qemu.Misuse) as problem:
        sys.exit(f"lab: {problem}")
    if unknown := [f["key"] for f in figures if f["key"] not in aims]:
        sys.exit(f"lab: aims.json does not know {', '.join(unknown)}")
    figures.sort(key=lambda figure: order[figure["key"]])
    write(args, figures, compared, aims, data)
    print("Guest instructions per operation; `of` names the source in tests/lab/aims.json.\n")
    print_table(table(single(figures), aims))
    for title, (head, rows) in comparisons(figures, compared, data, aims):
        print(f"\n{title}\n")
        print_table(rows, head, left=(0,))
    print(f"\nAegis tables: ours in instructions; beside them {data['sources']['published']}.")
    for title, head, rows in aegis_tables(figures, data):
        print(f"\n{title}\n")
        print_table(rows, head, left=(0,))
    inexact = sum(not figure["exact"] for figure in figures)
    print(f"\n{len(figures)} figures, " + (f"{inexact} of them differ between two boots"
                                         if inexact else "the same in two boots"))
    out = os.path.relpath(args.out)
    print(f"{out}/results.jsonl  {out}/report.html")


if __name__ == "__main__":
    main()
