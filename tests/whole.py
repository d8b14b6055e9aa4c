"""`run_all.py` in a process of its own, for tests of whole small runs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("--profile", "demo", "--backbone", "squeezenet_v1", "--benchmark", "squeezenet_v1")
UNTRAINED = (*SMALL, "--random-weights")


def command(output: Path, *arguments, **environment) -> tuple[list[str], dict]:
    """A run that sees no corpora or weights but those it is given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DSLITE_")}
    # A proxy that nobody listens at: what these runs show must not depend on whether this machine has a network.
    clean |= {"KERAS_HOME": str(output.parent / "keras"), "https_proxy": "http://127.0.0.1:9", **environment}
    return [sys.executable, str(ROOT / "run_all.py"), "--output", str(output), *map(str, arguments)], clean


def run(output: Path, *arguments, **environment) -> subprocess.CompletedProcess:
    words, clean = command(output, *arguments, **environment)
    return subprocess.run(words, env=clean, capture_output=True, text=True, timeout=1800, check=False)
