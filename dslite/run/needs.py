"""What each stage's notebook is made from: when one of these changes, it runs again."""

import hashlib
from pathlib import Path

from dslite.layout import code as sources

_ROOT = Path(__file__).resolve().parents[2]

UNIMPORTANT: dict[str, frozenset[str]] = {
    # Where things lie and how many processes share the work change nothing in the results; the audio itself is
    # compared by its fingerprint. A corpus is the same whatever is trained on it.
    "corpus": frozenset({"output", "workers", "data", "weights", "backbone"}),
    "train": frozenset({"output", "workers", "data"}),
    "baseline": frozenset({"output", "workers", "data"}),
    "evaluate": frozenset({"output", "workers", "data"}),
    "explain": frozenset({"output", "workers", "data"}),
    "deploy": frozenset({"output", "workers", "data"}),
    "ablation": frozenset({"output", "workers", "data", "reading"}),
    "benchmark": frozenset({"output", "workers"}),
    "paper": frozenset({"output"}),
}
"""Stage -> notebook parameters that do not make it run again."""

ABLATION = frozenset({"seeds", "chunk", "discrepancies"})
"""Parameters of the ablation alone."""

NOT_TAKEN = {"ablation": frozenset({"reading"})}
"""Stage -> parameters of its corpus that its notebook does not have; if it is not in here, ``ABLATION``."""


def taken(stage: str, parameters: dict[str, object]) -> dict[str, object]:
    """The parameters of a corpus that a stage's notebook takes."""
    return {k: v for k, v in parameters.items() if k not in NOT_TAKEN.get(stage, ABLATION)}


def code(stage: str) -> dict[str, str]:
    """Every file of dslite that a stage and its page are made from, and the SHA-256 of its content."""
    files = [*sources.results_from(stage), *sources.page_from(stage)]
    return {file.relative_to(_ROOT).as_posix(): digest(file) for file in files}


def digest(file: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
