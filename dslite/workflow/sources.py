"""Which modules a stage's results depend on: changing one makes them stale."""

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

_CORPUS = [
    "audio.py",
    "spectrogram.py",
    "store.py",
    "corpora/**/*.py",
    "corpora/**/*.toml",
    "profiles.py",
    "paper/*.toml",
]
_TRAIN = ["augmentation.py", "backbones.py", "model.py", "profiles.py", "scoring.py", "spectrogram.py", "store.py",
          "training.py", "weights.py", "paper/table2.toml", "workflow/fits.py"]  # fmt: skip
_EVALUATE = ["scoring.py"]
_PAGES = ["reporting/**/*.py", "reporting/**/*.j2", "reporting/**/*.css", "workflow/stages.py", "workflow/notebooks.py"]

_RESULTS = {"corpus": _CORPUS, "train": _TRAIN, "evaluate": _EVALUATE, "paper": ["paper/*"]}


def results_from(stage: str) -> list[Path]:
    """The files of this package that a stage's artefacts depend on."""
    return _found(_RESULTS[stage])


def page_from(stage: str) -> list[Path]:
    """The files that a stage's page depends on besides: layout and pictures, no results."""
    return [file for file in _found(_PAGES) if file not in results_from(stage)]


def code_hash(stage: str) -> str:
    """One hash over :func:`results_from`."""
    total = hashlib.sha256()
    for file in results_from(stage):
        total.update(file.relative_to(_PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def _found(patterns: list[str]) -> list[Path]:
    return sorted({file for pattern in patterns for file in _PACKAGE.glob(pattern) if file.is_file()})
