"""A real JupyterLab in headless Chromium: notebooks as people see them, run and come back to."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dslite.layout.paths import NOTEBOOKS
from tests.chromium import QUIET, chromium_or_skip

TOKEN = "dslite"
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # else cells out of sight are not there
}
_ARGUMENTS = [*QUIET[1:], "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"]
_RUN_ALL = """() => {
  window.ended = false;
  window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => { window.ended = true; });
}"""
_EDIT = """([cell, before, after]) => {
  const source = window.jupyterapp.shell.currentWidget.content.widgets[cell].model.sharedModel;
  const found = source.getSource().includes(before);
  source.setSource(source.getSource().replace(before, after));
  return found;
}"""
_CONTRAST = """elements => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d');
  const over = (colour, below) => {
    canvas.fillStyle = `rgb(${below})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const behind = element => element
    ? over(getComputedStyle(element).backgroundColor, behind(element.parentElement)) : [255, 255, 255];
  const light = colour => colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  return elements.map(element => {
    const back = behind(element), [a, b] = [light(over(getComputedStyle(element).color, back)), light(back)];
    return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""


class Lab:
    """One JupyterLab and one window on it.

    Attributes:
        root: the folder that it shows.
        page: the window, as playwright drives it.
        complaints: errors in the browser's console since the last notebook was opened.
    """

    def __init__(self, root: Path, page, address: str):
        self.root, self.page, self.complaints = root, page, []
        self._address = address
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def start(self) -> None:
        """Opens what ``make lab`` opens."""
        self.page.goto(f"{self._address}/lab?reset&token={TOKEN}")

    def open(self, notebook: str) -> None:
        """Opens a notebook, by its path below the root, with a kernel of its own; kernels that ran before end."""
        for session in self._api("get", "sessions").json():
            self._api("delete", f"sessions/{session['id']}")
        self.page.goto("about:blank")  # what was open may complain that it is left
        self.complaints.clear()
        self.page.goto(f"{self._address}/lab/tree/{notebook}?reset&token={TOKEN}")
        self.page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.command("filebrowser:toggle-main") if self.page.is_visible(".jp-FileBrowser") else None

    def command(self, name: str, **arguments: object) -> None:
        """Does what a menu would, and waits until it is done."""
        self.page.evaluate("([name, given]) => window.jupyterapp.commands.execute(name, given)", [name, arguments])

    def start_all(self) -> None:
        """Runs all cells, and does not wait for them."""
        self.page.evaluate(_RUN_ALL)

    def wait_for_end(self, seconds: float = 180.0) -> None:
        """Comes back when the last cell has ended, or one that failed or was interrupted."""
        self.page.wait_for_function("window.ended", timeout=1000 * seconds)

    def run_all(self) -> None:
        """Runs all cells; comes back when the last one has ended."""
        self.start_all()
        self.wait_for_end()

    def edit(self, cell: int, old: str, new: str) -> None:
        """Replaces a part of a cell's source, counted from 0, which must be there."""
        assert self.page.evaluate(_EDIT, [cell, old, new]), f"{old} is not in cell {cell}"

    def save(self) -> None:
        self.command("docmanager:save")

    def theme(self, name: str) -> None:
        """Takes ``JupyterLab Dark`` or ``JupyterLab Light``."""
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")

    def output(self, cell: int):
        """What a cell shows, counted from 0: a locator."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper")

    def contrasts(self, selector: str) -> list[tuple[float, str]]:
        """Contrast of colour and what is behind it (WCAG: 4.5 is legible), with its text, of all a selector finds."""
        found = self.page.locator(".jp-OutputArea-output").locator(selector).evaluate_all(_CONTRAST)
        return [(contrast, text) for text, contrast in found]

    def _api(self, method: str, what: str):
        return getattr(self.page.request, method)(
            f"{self._address}/api/{what}", headers={"Authorization": f"token {TOKEN}"}
        )


def command() -> list[str]:
    """What ``make lab`` runs, without the interpreter."""
    makefile = (NOTEBOOKS.parent / "Makefile").read_text("utf-8")
    return shlex.split(re.search(r"^lab:.*\n\t\$\(RUN\) (.*)", makefile, re.MULTILINE)[1])


@contextmanager
def jupyterlab(root: Path, state: Path) -> Iterator[Lab]:
    """What ``make lab`` starts, in a folder and on a port of its own, and a window on it.

    Args:
        root: where it is started.
        state: an empty folder for settings and all else that it keeps.
    """
    chromium = chromium_or_skip()
    pytest.importorskip("playwright", reason="needs playwright: pip install -r tests/browser.lock")
    from playwright.sync_api import sync_playwright

    for name, values in SETTINGS.items():
        (state / "settings" / name).parent.mkdir(parents=True, exist_ok=True)
        (state / "settings" / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    kept = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
    }  # fmt: skip
    env = os.environ | {name: str(state / folder) for name, folder in kept.items()}
    options = [
        "--no-browser",
        "--allow-root",
        "--port=0",
        f"--IdentityProvider.token={TOKEN}",
        "--expose-app-in-browser",
    ]
    log = state / "log"
    with log.open("w") as out, subprocess.Popen(
        [sys.executable, *command(), *options], cwd=root, env=env, stdout=out, stderr=out
    ) as server:  # fmt: skip
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
                page = browser.new_page(viewport={"width": 1280, "height": 1400})
                page.set_default_timeout(30_000)
                yield Lab(root, page, _address(state / "runtime" / f"jpserver-{server.pid}.json", server, log))
                browser.close()
        finally:
            server.terminate()


def _address(told: Path, server: subprocess.Popen, log: Path, patience: float = 60.0) -> str:
    """Where the server listens, as soon as it says so."""
    deadline = time.monotonic() + patience
    while not told.is_file():
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return json.loads(told.read_text())["url"].rstrip("/")
