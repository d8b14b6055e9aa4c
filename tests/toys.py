"""Notebooks that import nothing heavy and do what a test tells them, for tests of the workflow."""

import ast
import fcntl
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import nbformat
import psutil

from dslite.run import parameters
from dslite.run.forks import WORTH_IT
from dslite.stages.catalogue import STAGES

_FIRST = """corpus = "none"  # which one
data = ""
weights = ""
profile = "auto"
reading = "paper"
backbone = ""
task = "auto"
seed = 0  # of everything random
output = ""
workers = 1
changes = {}"""
_FIRST_OF = {
    "ablation": _FIRST.replace('reading = "paper"', 'seeds = 1\ndiscrepancies = ""'),
    "search": f"{_FIRST}\nseeds = 1\ntrials = 1\nhours = 0.0",
    "folds": f"{_FIRST}\nseeds = 1",
    "benchmark": """backbone = ""
output = ""
seed = 0
workers = 1""",
    "paper": """output = ""
seed = 0""",
}
_WORK = """from pathlib import Path
from dslite.layout.paths import Paths
told = Path(output, "{name}.py")
if told.exists():
    exec(told.read_text())"""
_LAST = """import json, time
record = {record}
record.parent.mkdir(parents=True, exist_ok=True)
record.write_text(json.dumps({{"identity": str(time.time_ns())}}))
print("the end")"""

_COMMAND = """import sys
from pathlib import Path
from dslite.layout.code import Code
from dslite.run import forks
from dslite.run.cli import main
if __name__ == "__main__":
    forks.WORTH_IT = {worth_it}
    Code.made_by = lambda *roots, **chosen: {{}}
    sys.exit(main(templates=Path({templates!r})))
"""


def known(notebook: nbformat.NotebookNode) -> dict[str, object]:
    """Parameters of a template and their defaults, in the order in which they stand."""
    first = parameters._first_cell(notebook, "toy.ipynb").source
    return {name: ast.literal_eval(node) for name, node in parameters._literals(first).items()}


def write_templates(folder: Path) -> Path:
    """A template per stage. Each runs ``OUTPUT/<corpus>-<stage>.py`` if that is there, and leaves a record whose
    identity is new every time."""
    folder.mkdir(parents=True)
    for stage, about in STAGES.items():
        name = stage if about.across else "{corpus}-" + stage
        places = f"across({stage!r})" if about.across else "corpus(corpus)"
        cells = [
            nbformat.v4.new_markdown_cell(f"# {stage}"),
            nbformat.v4.new_code_cell(_FIRST_OF.get(stage, _FIRST)),
            nbformat.v4.new_code_cell(_WORK.format(name=name).replace('"{corpus}', 'f"{corpus}')),
            nbformat.v4.new_code_cell(_LAST.format(record=f'Paths(Path(output)).{places}.record("{stage}")')),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{stage}.ipynb")
    return folder


def command(templates: Path, *options: str | Path, forked: bool = False, terminal: int = -1) -> subprocess.Popen:
    """``run_all.py`` with these templates, started; its output is to be read from ``stdout``, or from the other end of
    a terminal, which it then hangs on.

    What results are made by is nothing here, as to read the whole package takes a core 2 s; nor are kernels forked, if
    it is not said, as notebooks that import nothing heavy have nothing of it.
    """
    script = templates / "run_all.py"
    script.write_text(_COMMAND.format(templates=str(templates), worth_it=WORTH_IT if forked else 1000))
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    if terminal >= 0:
        how = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
        how |= {"preexec_fn": _take_terminal}
    return subprocess.Popen([sys.executable, str(script), *map(str, options)], start_new_session=True, **how)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who tests may have said nohup


def wait_for(what, seconds: float = 30.0):
    """What ``what()`` returns once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"did not happen in {seconds} s")


def alive(pid: int) -> bool:
    """Whether a process is there and not a mere entry that nobody has asked for."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
