#!/usr/bin/env python3
"""The page of `make run` in a real browser: it is drawn, agrees with itself, and changes by itself.

What it looked like is left in build/test/: browser.png, browser-narrow.png."""
import http.client
import os
import pathlib
import tempfile
import time

import qemu
import webdriver
from pumping import pumping
from tap_print import check, done, equal

IMAGE = "build/x86_64/run.cpio"
PICTURES = pathlib.Path("build/test")
PROMPT = b"exo4:~# \x1b[6n"
PATIENCE = 60  # seconds; only to notice a hang
WIDE, NARROW, HEIGHT = 1280, 400, 3600
CPUS = 2

# A table as a list of rows, each by the names of its columns.
TABLE = """
const rows = [...document.querySelectorAll('#' + arguments[0] + ' tr')].map(row => [...row.cells].map(cell => cell.textContent));
return rows.slice(1).map(row => Object.fromEntries(row.map((text, i) => [rows[0][i], text])));
"""
# The boxes of the forest: place, environment, what, how many; and the lines as [from x, y, to x, y].
BOXES = """
const number = (e, name) => Number(e.getAttribute(name));
return [...document.querySelectorAll('#forest rect')].map(rect => {
    const text = rect.nextElementSibling, more = text.nextElementSibling;
    const counted = more && more.matches('text.n') ? Number(more.textContent.slice(1)) : 1;
    const inside = [text, ...(counted > 1 ? [more] : [])].every(e => {
        const a = e.getBBox(), b = rect.getBBox();
        return a.width > 0 && a.x >= b.x && a.x + a.width <= b.x + b.width && a.y >= b.y && a.y + a.height <= b.y + b.height;
    });
    const meets = counted > 1 && text.getBBox().x + text.getBBox().width > more.getBBox().x;
    return {x: number(rect, 'x'), y: number(rect, 'y'), width: number(rect, 'width'), height: number(rect, 'height'),
            env: parseInt(text.textContent), what: text.textContent.replace(/^\\d+ /, ''), count: counted,
            fill: getComputedStyle(rect).fill, readable: inside && !meets};
});
"""
LINES = """
return [...document.querySelectorAll('#forest path')].map(path => {
    const a = path.getPointAtLength(0), b = path.getPointAtLength(path.getTotalLength());
    return [a.x, a.y, b.x, b.y];
});
"""
SLICES = """
return [...document.querySelectorAll('svg.slices')].map(svg =>
    [svg.querySelectorAll('rect').length, svg.querySelectorAll('rect.now').length]);
"""
FOREIGN = """
return performance.getEntriesByType('resource').map(e => e.name).filter(name => !name.startsWith(location.origin + '/'));
"""
ANSWERED = "return Number([...document.querySelectorAll('#server td')].find(e => e.textContent === 'requests answered').nextSibling.textContent)"
NAMES = "return [...document.querySelectorAll('#environments td:first-child')].map(e => e.textContent)"
# True when an environment is in the table and in the forest.
HAS_ENV = """
const number = arguments[0];
return ['#environments td:first-child', '#forest .b'].every(where =>
    [...document.querySelectorAll(where)].some(e => parseInt(e.textContent) === number));
"""


def test_first_sight(browser, port):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    link.request("GET", "/")
    answer = link.getresponse()
    equal((answer.status, answer.getheader("Content-Type")), (200, "text/html; charset=utf-8"), "the page is served")
    link.close()
    browser.open(f"http://127.0.0.1:{port}/")
    equal(browser.run("return [document.title, document.compatMode]"), ["exo4", "CSS1Compat"], "the browser shows it")
    check(browser.run("return document.getElementById('live').innerText.length") > 1000, "there is text to be read")


def test_figures(browser):
    envs = browser.run(TABLE, "environments")
    names = [row["environment"] for row in envs]
    check(names[:4] == ["1 sigma0", "2 root", "3 http", "4 posix"], "environments have their numbers and names", names)
    check(all(int(row["frames"]) > 0 and int(row["capabilities"]) > 0 and int(row["pages bound"]) > 0 for row in envs),
          "each has frames, capabilities and page bindings", envs)
    equal([row["environment"] for row in browser.run(TABLE, "counters")], names, "the same ones have counters")
    counters = {row["environment"]: row for row in browser.run(TABLE, "counters")}
    check(int(counters["3 http"]["calls"]) > 100 and int(counters["3 http"]["page faults"]) > 0 and
          int(counters["3 http"]["interrupts"]) > 0, "the server has called, faulted and been interrupted", counters)
    rings = browser.run(TABLE, "rings")
    check(len(rings) == 1 and rings[0]["environment"] == "3 http" and int(rings[0]["received or done"]) > 5 and
          int(rings[0]["sent"]) > 5 and rings[0]["dropped"] == "0", "the server's ring has received and sent", rings)
    grafts = browser.run(TABLE, "grafts")
    check(len(grafts) == 1 and grafts[0]["environment"] == "3 http" and grafts[0]["frame"] == rings[0]["filter's frame"] and
          grafts[0]["code"] == "native" and int(grafts[0]["runs"]) >= int(rings[0]["received or done"]),
          "its filter is a graft, which saw all of that", [grafts, rings])
    equal(browser.run(SLICES), [[64, 1]] * CPUS, "each CPU's slices are drawn, one of them being run")
    equal(len(browser.run(TABLE, "processors")), CPUS, "each CPU is counted")


def follows(line, boxes):
    """Does a line lead from a box to one in the next column?"""
    begins = [b for b in boxes if (b["x"] + b["width"], b["y"] + b["height"] / 2) == (line[0], line[1])]
    ends = [b for b in boxes if (b["x"], b["y"] + b["height"] / 2) == (line[2], line[3])]
    return len(begins) == len(ends) == 1 and begins[0]["x"] + begins[0]["width"] < ends[0]["x"]


def test_forest(browser):
    if not check(browser.run("return document.querySelector('svg#forest rect') !== null"), "the forest is drawn"):
        return
    # All in one look, for the page changes meanwhile.
    boxes, lines, envs, size = browser.run(
        "const look = text => new Function(text).apply(null, ['environments']);"
        "const svg = document.getElementById('forest').getBoundingClientRect();"
        "return [...arguments].map(look).concat([[svg.width, svg.height]]);", BOXES, LINES, TABLE)
    kinds = {(b["env"], b["what"]) for b in boxes}
    check(len(boxes) >= 40 and {(1, "region"), (3, "ring"), (3, "graft"), (3, "filter of the ring"), (3, "memory of the ring"),
                                (3, "pages"), (4, "environment"), (3, "used as UTCB")} <= kinds,
          "the forest has capabilities and bindings of all", sorted(kinds))
    roots = [b for b in boxes if b["x"] == min(b["x"] for b in boxes)]
    check(len(lines) == len(boxes) - len(roots) and all(follows(line, boxes) for line in lines),
          "every box but the roots hangs on a line from the column before", [len(lines), len(boxes), len(roots)])
    check(roots and all(b["env"] == 1 for b in roots), "the roots are sigma0's", roots)
    check(len({(b["x"], b["y"]) for b in boxes}) == len(boxes), "no two boxes are in one place")
    check(all(b["x"] + b["width"] <= size[0] and b["y"] + b["height"] <= size[1] for b in boxes), "all are in the picture", size)
    check(all(b["readable"] for b in boxes), "every text fits its box", [b for b in boxes if not b["readable"]])
    colours = {}
    for b in boxes:
        colours.setdefault(b["env"], set()).add(b["fill"])
    check(all(len(c) == 1 for c in colours.values()) and len(set.union(*colours.values())) == len(colours),
          "each environment has a colour of its own", colours)
    for row in envs:
        drawn = sum(b["count"] for b in boxes if b["env"] == int(row["environment"].split()[0]))
        equal(drawn, sum(int(row[c]) for c in ("capabilities", "pages bound", "other bindings")),
              f"as many nodes are drawn of {row['environment']} as the table says")


def test_refresh(browser, run_in_shell):
    browser.run("window.mark = 1")
    before = browser.run(ANSWERED)
    check(browser.wait_for(f"return ({ANSWERED.removeprefix('return ')}) >= {before + 3}"),
          "figures change without the user's doing", before)
    equal(browser.run("return [window.mark, document.getElementById('state').textContent]"),
          [1, "refreshed every 2 seconds"], "the page was not loaded anew, and says so")
    known = {int(name.split()[0]) for name in browser.run(NAMES)}
    new = max(known) + 1
    run_in_shell("sleep 1000 &")
    check(browser.wait_for(HAS_ENV, new), "a program that is started in the shell comes up", sorted(known))


def test_windows(browser):
    browser.keep_picture(PICTURES / "browser.png")
    browser.resize(NARROW, HEIGHT)
    widths = browser.run("return [document.scrollingElement.scrollWidth, innerWidth]")
    check(widths[0] <= widths[1] <= NARROW + 120, "in a narrow window only tables and pictures are scrolled sideways", widths)
    browser.keep_picture(PICTURES / "browser-narrow.png")


def test_files(browser, port):
    browser.open(f"http://127.0.0.1:{port}/bin/")
    check(browser.run("return [...document.links].some(link => link.textContent === 'busybox')"), "folders are listed")


def test_machine(browser):
    port = qemu.free_port()
    keys, typed = os.pipe()

    options = qemu.Options(append="run=default terminal=24x80", initrd=IMAGE, net="user", fwd=f"{port}:80", smp=CPUS)
    with qemu.Machine(options) as machine:
        machine.feed(keys)
        up = machine.wait_for(lambda: b"port 80" in machine.out and PROMPT in machine.out, PATIENCE)
        if not check(up, "the machine of `make run` comes up", bytes(machine.out)):
            return

        def run_in_shell(line):
            prompts = machine.out.count(PROMPT)
            os.write(typed, line.encode() + b"\r")
            limit = time.monotonic() + PATIENCE
            while machine.out.count(PROMPT) == prompts and time.monotonic() < limit:
                time.sleep(0.1)

        with pumping(machine):
            test_first_sight(browser, port)
            test_figures(browser)
            test_forest(browser)
            test_refresh(browser, run_in_shell)
            test_windows(browser)
            equal(browser.run(FOREIGN), [], "nothing was asked of anybody else")
            test_files(browser, port)
            browser.open(f"http://127.0.0.1:{port}/")
            equal(browser.problems(), [], "the console has no complaint")
    gone = "return document.getElementById('state').textContent.startsWith('no answer')"
    check(browser.wait_for(gone), "when the machine is gone the page says so")
    check(len(browser.run(TABLE, "environments")) >= 4, "and keeps the last figures")


def main():
    if missing := webdriver.absent():
        print(f"1..0 # SKIP not installed; type: apt-get install {missing}")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, webdriver.Browser(folder) as browser:
        browser.resize(WIDE, HEIGHT)
        test_machine(browser)
    done()


main()
