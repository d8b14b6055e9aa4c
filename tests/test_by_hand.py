"""Notebooks in a kernel as JupyterLab starts it: what is seen while they work, and what stops them."""

import os
import re
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from dslite.layout import progress
from dslite.layout.paths import NOTEBOOKS
from dslite.processes import import_path
from dslite.run.parameters import substitute
from dslite.run.resolve import resolve
from tests.through import through
from tests.toys import wait_for

CORPUS = "mpssc"
HOW = {"backbone": "squeezenet_v1", "weights": "random"}
ONE_PHASE = {"epochs": (6, 0)}
"""Half of the time goes by until the graphs of the second are there."""
OF_OTHERS = ("TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", progress.VARIABLE)
FEWER = """import dslite.run.notebook as way
from dslite.run import by_hand
by_hand.PACE = 0.0
from dslite.configurations import CONFIGURATIONS
way.with_earlier = lambda settings, name: settings
for name in ("cutmix", "both"):
    del CONFIGURATIONS[name]"""
"""Said to a kernel where the stages before were made without a run, half the fits are enough, and each report is to be
drawn, however fast the machine."""

DROPPED = """import os, signal
from dslite.layout.progress import report
from dslite.run.by_hand import watched
with watched():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except:
        pass
    report(1, 2, "dropped")
    print("the end")"""

IN_A_DESTRUCTOR = """import os, signal
from dslite.layout.progress import report
from dslite.run.by_hand import watched
class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))
with watched():
    del [Dropped()][0]
    report(1, 2, "dropped")
    print("the end")"""
"""Where Python itself drops an exception, and says so."""


class Kernel:
    """A kernel of this very interpreter, and everything that its cells have sent."""

    class _Manager(KernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    def __init__(self, folder: Path, **variables: str):
        self._manager = self._Manager()
        self._manager.start_kernel(cwd=str(folder), env=environment() | variables)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.process = psutil.Process(self._manager.provisioner.process.pid)

    def start(self, code: str) -> None:
        """Begins a cell."""
        self._asked = self._client.execute(code)
        self._sent: list[dict] = []

    def sent(self, seconds: float = 0.0) -> list[dict]:
        """Messages of the present cell so far, or until it ends."""
        end = time.monotonic() + seconds
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=min(max(end - time.monotonic(), 0.01), 1))
            except Exception:  # queue.Empty
                if time.monotonic() >= end:
                    return self._sent
                continue
            if message["parent_header"].get("msg_id") != self._asked:
                continue
            self._sent.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return self._sent

    def run(self, code: str, seconds: float = 300) -> list[dict]:
        """A cell, to its end."""
        self.start(code)
        return self.sent(seconds)

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def workers(self) -> list[psutil.Process]:
        """Processes below the kernel, without Python's own that counts semaphores."""
        children = self.process.children(recursive=True)
        return [child for child in children if "resource_tracker" not in " ".join(_command(child))]

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def environment() -> dict[str, str]:
    """That of a person's kernel: nothing of a run or of pytest (ipykernel would not show what libraries print)."""
    mine = {name: value for name, value in os.environ.items() if name not in (*OF_OTHERS, "PYTEST_CURRENT_TEST")}
    return mine | {"PYTHONPATH": import_path()}


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def cells(output: Path, workers: int, changes: dict) -> tuple[str, str]:
    """Parameters of the train notebook, and its cell that runs the stage, as the template has them."""
    notebook = nbformat.read(NOTEBOOKS / "train.ipynb", as_version=4)
    values = HOW | {"corpus": CORPUS, "output": str(output), "workers": workers, "changes": changes}
    substitute(notebook, values, "train.ipynb")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return code[0], code[1]


def said(messages: list[dict], stream: str) -> str:
    texts = (m["content"] for m in messages if m["msg_type"] == "stream")
    return "".join(content["text"] for content in texts if content["name"] == stream)


def lines(messages: list[dict]) -> list[str]:
    """What progress said, in the order in which it came."""
    shown = (m["content"] for m in messages if m["msg_type"] in ("display_data", "update_display_data"))
    return [content["data"]["text/plain"] for content in shown if content.get("transient", {}).get("display_id")]


def epochs(messages: list[dict]) -> list[int]:
    """How many the curves had, picture by picture."""
    shown = "".join(m["content"]["data"].get("text/html", "") for m in messages if "data" in m["content"])
    return [int(number) for number in re.findall(r"UAR on dev: (\d+) epochs of", shown)]


def stopped(kernel: Kernel, seconds: float = 5.0) -> str:
    """The one line that a kernel says when it is interrupted; nothing that it started is left."""
    kernel.interrupt()
    began = time.monotonic()
    messages = kernel.sent(60)
    took = time.monotonic() - began
    wait_for(lambda: not kernel.workers(), max(seconds - took, 0.1))
    assert took < seconds
    (error,) = (m["content"] for m in messages if m["msg_type"] == "error")
    assert said(messages, "stderr") == ""
    (line,) = error["traceback"]
    assert "\n" not in line and line == error["evalue"]
    return line


@pytest.fixture
def kernel(tmp_path):
    started = []

    def start(**variables: str) -> Kernel:
        started.append(Kernel(tmp_path, **variables))
        return started[0]

    yield start
    for each in started:
        each.end()


@pytest.mark.parametrize("workers, variables", [
    (2, {}),
    (1, {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}),  # fits in the kernel's own process
])  # fmt: skip
def test_training_is_seen_stops_and_goes_on(tmp_path, kernel, workers, variables):
    settings = resolve(CORPUS, **HOW, output=tmp_path, changes=ONE_PHASE)
    through(settings, "corpus")
    fits = settings.paths.root
    parameters, stage = cells(tmp_path, workers, ONE_PHASE)
    person = kernel(**variables)
    person.run(FEWER)
    person.run(parameters)

    person.start(stage)
    wait_for(lambda: list(fits.glob("**/train/*/*/record.json")) and person.sent() and epochs(person.sent()), 120)
    line = stopped(person)
    kept = {file: file.stat().st_mtime_ns for file in fits.glob("**/train/*/*/record.json")}
    assert re.fullmatch(r"Stopped\. (\d) of 4 fits are kept; run the cell again to go on\.", line)
    assert int(line.split()[1]) == len(kept) >= 1

    messages = person.run(stage)
    assert not [m for m in messages if m["msg_type"] == "error"]
    assert said(messages, "stderr") == "" and said(messages, "stdout") == ""
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert len(list(fits.glob("**/train/*/*/record.json"))) == 4
    grown = epochs(messages)
    assert len(grown) >= 4 and grown == sorted(grown)
    assert grown[-1] > grown[0] >= sum(settings.recipe.epochs), "the fits that are kept are seen too"
    told = lines(messages)
    assert any(re.match(r"\d+%, about .* left: .* on train.*phase", text) for text in told)
    assert re.fullmatch(r"Done after .*UAR on dev after the last epoch: .*none on train \d.* %.*SYNTHETIC.*", told[-1])
    pictures = [m["content"]["data"]["text/html"] for m in messages if "image/png" in str(m["content"].get("data"))]
    assert pictures and all("SYNTHETIC" in picture for picture in pictures)
    places = {m["content"]["transient"].get("display_id") for m in messages if "transient" in m["content"]} - {None}
    assert len(places) == 1
    wait_for(lambda: not person.workers(), 5)


@pytest.mark.parametrize("cell", [DROPPED, IN_A_DESTRUCTOR], ids=["a library", "a destructor"])
def test_stop_that_is_dropped_stops_at_the_next_report(tmp_path, kernel, cell):
    """TensorFlow, Keras and Python drop an interrupt that comes at the wrong moment, now and then."""
    person = kernel()
    messages = person.run(cell)
    (error,) = (m["content"] for m in messages if m["msg_type"] == "error")
    assert error["ename"] == "DsliteError" and error["evalue"].startswith("Stopped. What is finished is kept")
    assert said(messages, "stderr") == ""
    assert said(person.run(cell.replace("os.kill", "print")), "stdout").endswith("\nthe end\n")


def test_stop_ends_what_earlier_stages_run_in(tmp_path, kernel):
    parameters, stage = cells(tmp_path, 2, {})
    person = kernel()
    person.run(parameters)
    person.start(stage)
    wait_for(lambda: len(person.workers()) >= 3, 60)
    line = stopped(person)
    assert line == "Stopped. Finished stages and fits are kept; run the cell again to go on."


def test_error_for_people_is_one_sentence(tmp_path, kernel):
    parameters, stage = cells(tmp_path, 1, {})
    person = kernel()
    person.run(parameters.replace('"paper"', '"tea leaves"'))
    (error,) = (m["content"] for m in person.run(stage) if m["msg_type"] == "error")
    assert error["ename"] == "DsliteError" and "'tea leaves' is not one of paper" in error["evalue"]
    assert error["traceback"] == [error["evalue"]]
