"""Pages in a real browser with the network off: what they request, and whether they fit a screen.

Chromium is driven through its own pipe (the DevTools protocol, NUL-ended JSON on two file descriptors), so that it
takes no port and nothing needs to be installed but Chromium itself.
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars",
)  # fmt: skip
_TOLD = """for (const name of ['alert', 'confirm', 'prompt', 'print', 'open']) window[name] = () => ran(name);"""
_ARMED = """[...document.querySelectorAll('*')].filter(one =>
  ['IFRAME', 'OBJECT', 'EMBED', 'FORM', 'BASE'].includes(one.tagName) || one.httpEquiv === 'refresh' ||
  [...one.attributes].some(({name, value}) =>
    name.startsWith('on') || /^(javascript|vbscript|data:text)/i.test(value.replace(/[\\x00-\\x20]/g, '')))
).map(one => one.outerHTML.slice(0, 200))"""


@dataclass(frozen=True)
class Seen:
    """What became of one page.

    Attributes:
        title: the document's title.
        requests: addresses that it asked for besides itself; data in the page itself does not count.
        overflow: by how many pixels it is wider than the screen.
        without_alt: pictures without alt text.
        errors: what the browser complained about in its console.
        ran: what called ``ran("...")``, as scripts of those do who mean ill, or asked for a dialog or a window.
        armed: tags that would run something if somebody touched them, or send something away.
    """

    title: str
    requests: list[str]
    overflow: int
    without_alt: int
    errors: list[str]
    ran: list[str]
    armed: list[str]


def chromium_or_skip() -> str:
    """The path of Chromium; skips the test, saying so, where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium (apt-get install chromium): pages were not opened in a browser")
    return found


def look(pages: Iterable[Path], width: int = 1280, height: int = 1600) -> dict[Path, Seen]:
    """Opens pages from disk, one after another in one browser without a network.

    Args:
        pages: HTML files.
        width, height: of the screen in CSS pixels; 390 x 844 is a phone.
    """
    seen = {}
    with _browser(chromium_or_skip()) as browser:
        for page in pages:
            seen[page] = _look_at(browser, page.resolve(), width, height)
    return seen


def ask(page: Path, script: str, width: int = 1280, height: int = 1600) -> object:
    """Opens a page from disk and returns what a script in it comes to; a promise is waited for."""
    with _browser(chromium_or_skip()) as browser:
        _, session = _open(browser, page.resolve(), width, height)
        return browser.evaluate(script, session)


def _look_at(browser: "_Pipe", page: Path, width: int, height: int) -> Seen:
    target, session = _open(browser, page, width, height)
    address = page.as_uri()
    mine = [event for event in browser.events if event.get("sessionId") == session]
    asked = [e["params"]["request"]["url"] for e in mine if e["method"] == "Network.requestWillBeSent"]
    errors = [e["params"]["entry"]["text"] for e in mine if e["method"] == "Log.entryAdded"]
    ran = [e["params"]["payload"] for e in mine if e["method"] == "Runtime.bindingCalled"]
    found = browser.evaluate(
        "({title: document.title, wide: document.documentElement.scrollWidth,"
        f" bare: [...document.images].filter(image => !image.alt.trim()).length, armed: {_ARMED}}})",
        session,
    )
    browser.call("Target.closeTarget", {"targetId": target})
    requests = [url for url in asked if url.split("#")[0] != address and not url.startswith(("data:", "about:"))]
    return Seen(found["title"], requests, max(0, found["wide"] - width), found["bare"], errors, ran, found["armed"])


def _open(browser: "_Pipe", page: Path, width: int, height: int) -> tuple[str, str]:
    """A page in a tab of its own without a network: the tab's target and session."""
    target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
    session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
    for domain in ("Page", "Network", "Log", "Runtime"):
        browser.call(f"{domain}.enable", session=session)
    browser.call("Runtime.addBinding", {"name": "ran"}, session)
    browser.call("Page.addScriptToEvaluateOnNewDocument", {"source": _TOLD}, session)
    browser.call(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        session,
    )
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.call("Emulation.setDeviceMetricsOverride", screen, session)
    browser.events.clear()
    browser.call("Page.navigate", {"url": page.as_uri()}, session)
    browser.wait("Page.loadEventFired", session)
    browser.settle(0.3)
    return target, session


@contextmanager
def _browser(chromium: str) -> Iterator["_Pipe"]:
    """A browser with an empty profile that ends with the block."""
    to_browser, our_end = os.pipe()
    our_ear, from_browser = os.pipe()

    def plug() -> None:  # Chromium listens on 3 and speaks on 4
        spare = [os.dup2(fd, high) for fd, high in ((to_browser, 203), (from_browser, 204))]
        for fd, low in zip(spare, (3, 4), strict=True):
            os.dup2(fd, low)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [chromium, *QUIET, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=plug, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        try:
            yield _Pipe(our_end, our_ear)
        finally:
            os.close(our_end)  # Chromium ends when its pipe does
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(our_ear)


class _Pipe:
    """Calls to the browser and the events that it sends in between."""

    def __init__(self, out: int, ear: int, patience: float = 60.0) -> None:
        self._out, self._ear, self._patience = out, ear, patience
        self._rest, self._number = b"", 0
        self.events: list[dict] = []

    def call(self, method: str, params: dict | None = None, session: str | None = None) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params or {}}
        message |= {"sessionId": session} if session else {}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        deadline = time.monotonic() + self._patience
        while True:
            answer = self._next(deadline - time.monotonic())
            if answer is None:
                raise TimeoutError(f"Chromium did not answer {method} within {self._patience:.0f} s.")
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, script: str, session: str) -> dict:
        how = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", {"expression": script, **how}, session)
        return answer["result"]["value"]

    def wait(self, event: str, session: str) -> None:
        deadline = time.monotonic() + self._patience
        while not any(e.get("method") == event and e.get("sessionId") == session for e in self.events):
            heard = self._next(deadline - time.monotonic())
            if heard is None:
                raise TimeoutError(f"Chromium did not send {event} within {self._patience:.0f} s.")
            self.events.append(heard)

    def settle(self, seconds: float) -> None:
        """Listens on for a while: a request may come after the page has loaded."""
        deadline = time.monotonic() + seconds
        while (heard := self._next(deadline - time.monotonic())) is not None:
            self.events.append(heard)

    def _next(self, seconds: float) -> dict | None:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._ear], [], [], max(0.0, seconds))
            heard = os.read(self._ear, 1 << 20) if ready else b""
            if not heard:
                return None
            self._rest += heard
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
