"""A browser without a window, driven by the WebDriver protocol: what a page looks like to who opens it.

    with webdriver.Browser(folder) as browser:
        browser.open(url); browser.run("return document.title"); browser.problems()
"""
import json
import pathlib
import shutil
import signal
import subprocess
import base64
import os
import time
import urllib.error
import urllib.request

import qemu

PATIENCE = 60  # seconds until an answer; only to notice a hang
NEEDS = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # program: Debian's package


def absent():
    """Packages that are missing, as apt-get wants them."""
    return " ".join(package for program, package in NEEDS.items() if not shutil.which(program))


class Browser:
    """Chromium. What it keeps is in `folder`, which is the caller's to remove."""

    def __init__(self, folder):
        port = qemu.free_port()
        # Its own session, so that the browser can be ended with it, however the test ends.
        self.driver = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "chromedriver", f"--port={port}"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
        self.base, self.session = f"http://127.0.0.1:{port}", ""
        try:
            self._begin(folder)
        except Exception:
            self._end()
            raise

    def _begin(self, folder):
        limit = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > limit or self.driver.poll() is not None:
                raise RuntimeError("chromedriver does not come up")
            time.sleep(0.1)
        options = {"args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                            "--no-proxy-server", f"--user-data-dir={folder}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        self.session = "/session/" + self._ask("POST", "/session", {"capabilities": wanted})["sessionId"]

    def _is_ready(self):
        try:
            return self._ask("GET", "/status")["ready"]
        except urllib.error.URLError:
            return False

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            raise RuntimeError(json.load(problem)["value"]["message"]) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        try:
            if self.session:
                self._ask("DELETE", self.session)
        except (OSError, RuntimeError):
            pass
        os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.wait()

    def open(self, url):
        self._ask("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """What a script in the page returns."""
        return self._ask("POST", self.session + "/execute/sync", {"script": script, "args": arguments})

    def wait_for(self, script, *arguments, seconds=PATIENCE):
        """Runs the script until what it returns is true; returns that, or what it was at last."""
        limit = time.monotonic() + seconds
        while not (got := self.run(script, *arguments)) and time.monotonic() < limit:
            time.sleep(0.2)
        return got

    def resize(self, width, height):
        self._ask("POST", self.session + "/window/rect", {"width": width, "height": height})

    def problems(self):
        """What the console complained about since this was last asked."""
        entries = self._ask("POST", self.session + "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def keep_picture(self, path):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._ask("GET", self.session + "/screenshot")))
