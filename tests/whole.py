"""`run_all.py` in a process of its own, for tests of whole small runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dslite.layout.code import PACKAGE
from dslite.layout.paths import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[1]
TOYNET = ROOT / "tests" / "base_models" / "toynet.py"
UNTRAINED = ("--profile", "demo", "--backbone", "toynet", "--benchmark", "toynet", "--random-weights")

_SMALLER = {
    "profiles.py": {"DEMO_EPOCHS": "(4, 1)", "STANDIN_EPOCHS": "(1, 1)"},
    "stages/explain/work.py": {
        "BUDGETS": "{name: Budget(4, 20, 1, 20, 1, 1, 1, 4, again=old.again) for name, old in BUDGETS.items()}"
    },
    "stages/deploy/work.py": {
        "ROUNDS": "dict.fromkeys(ROUNDS, 2)",
    },
    "stages/deploy/inputs.py": {"CALIBRATION": "dict.fromkeys(CALIBRATION, 2)"},
    "deployment/quantisation.py": {"VARIANTS": '{name: VARIANTS[name] for name in ("float32", "dynamic-int8")}'},
    "stages/graph/fits.py": {"VARIANTS": '("float32", "dynamic-int8")'},
    "deployment/latency.py": {"ROUNDS": "2"},
    "stages/paper/discrepancies.py": {"_PICTURES": 'dict.fromkeys(["F-13"], _PICTURES["F-13"])'},
    "corpora/standins.py": {
        # Four clips of each class in each partition.
        "_PLAN": '_PLAN | {"corpora": {name: plan | {"clips": {part: [4] * len(each) for part, each in '
        'plan["clips"].items()}} for name, plan in _PLAN["corpora"].items()}}'
    },
}
"""File of the package -> its constants that decide how much there is to do -> values under which it is little."""


def copied(root: Path) -> Path:
    """A copy of the package that does everything, with one more base model, ``toynet``, and with less to do."""
    shutil.copytree(PACKAGE, root / "dslite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    shutil.copy(ROOT / "run_all.py", root)
    shutil.copy(TOYNET, root / "dslite/backbones")
    for name, constants in _SMALLER.items():
        file = root / "dslite" / name
        text = file.read_text("utf-8")
        assert all(re.search(rf"^{constant}\b.* = ", text, re.M) for constant in constants), (
            f"{name} has other constants"
        )
        file.write_text(text + "".join(f"\n{constant} = {value}\n" for constant, value in constants.items()), "utf-8")
    return root


def environment(root: Path) -> dict[str, str]:
    """That of a process that uses the package below a root, and sees no corpora or weights but those it is given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DSLITE_") and k != "PYTHONPATH"}
    # A proxy that nobody listens at: what these runs show must not depend on whether this machine has a network.
    return clean | {"KERAS_HOME": str(root / "keras"), "https_proxy": "http://127.0.0.1:9"}


def python(root: Path, *arguments) -> subprocess.CompletedProcess:
    words = [sys.executable, *map(str, arguments)]
    how = {"capture_output": True, "text": True, "timeout": 1800, "check": False}
    return subprocess.run(words, cwd=root, env=environment(root), **how)


def run(root: Path, output: Path, *arguments) -> subprocess.CompletedProcess:
    return python(root, "run_all.py", "--output", output, *arguments)
