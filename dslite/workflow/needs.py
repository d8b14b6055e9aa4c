"""What each stage's notebook is made from: when one of these changes, it runs again."""

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

_CORPORA = ("corpora/**/*.py", "corpora/**/*.toml")
_PAGE = ("reporting/**/*", "paper/**/*.py", "paper/**/*.toml")
_FLOW = ("workflow/stages.py", "workflow/settings.py", "workflow/paths.py", "profiles.py", "files.py", "errors.py")
_SOUND = ("audio.py", "spectrogram.py", "store.py")
_FIT = ("augmentation.py", "backbones.py", "weights.py", "model.py", "training.py", "scoring.py")

MODULES: dict[str, tuple[str, ...]] = {
    "corpus": (*_CORPORA, *_SOUND, *_FLOW, *_PAGE),
    "train": (*_SOUND, *_FIT, *_FLOW, *_PAGE),
    "evaluate": ("scoring.py", *_FLOW, *_PAGE),
    "paper": (*_FLOW, *_PAGE),
}
"""Stage -> patterns below the package, of code and data that the stage uses."""

UNIMPORTANT: dict[str, frozenset[str]] = {
    # Where things lie and how many processes share the work change nothing in the results; the audio itself is
    # compared by its fingerprint. A corpus is the same whatever is trained on it.
    "corpus": frozenset({"output", "workers", "data", "weights", "backbone"}),
    "train": frozenset({"output", "workers", "data"}),
    "evaluate": frozenset({"output", "workers", "data"}),
    "paper": frozenset({"output"}),
}
"""Stage -> notebook parameters that do not make it run again."""


def code(stage: str) -> dict[str, str]:
    """Every file that a stage is made from (its path from above the package), and the SHA-256 of its content."""
    files = {file for pattern in MODULES[stage] for file in PACKAGE.glob(pattern) if file.is_file()}
    return {
        file.relative_to(PACKAGE.parent).as_posix(): digest(file)
        for file in sorted(files)
        if "__pycache__" not in file.parts
    }


def digest(file: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
