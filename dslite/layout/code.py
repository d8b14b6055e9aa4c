"""Which modules a stage's results depend on: changing one makes them stale."""

import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

_FRONT_END = ["audio.py", "readings.py", "spectrogram.py", "store.py"]
_DEPLOYMENT = ["deployment/*.py", "model.py", "spectrogram.py", "timing.py"]
_CARDS = [
    "stages/explain/cards.py",
    *(f"reporting/{name}.py" for name in ("display", "explanations", "figures", "provenance")),
]
_TRAINING = [
    *_FRONT_END,
    *("augmentation.py", "backbones.py", "model.py", "profiles.py", "training.py", "weights.py"),
    *("paper/table2.toml", "resampling.py", "scoring.py", "stages/train/fits.py"),
]
_RESULTS = {
    "corpus": [
        *_FRONT_END,
        "corpora/**/*.py",
        "corpora/**/*.toml",
        "paper/table2.toml",
        "paper/published.toml",
        "stages/corpus/work.py",
        "layout/records.py",
    ],
    "train": _TRAINING,
    "baseline": [
        *_FRONT_END,
        *("backbones.py", "baseline.py", "features.py", "resampling.py", "scoring.py", "weights.py"),
        "stages/baseline/work.py",
    ],
    "evaluate": ["resampling.py", "scoring.py", "statistics.py", "stages/corpus/work.py", "layout/records.py"],
    "explain": [*_FRONT_END, "explanation/*.py", "model.py", *_CARDS, "stages/explain/work.py"],
    "deploy": [*_DEPLOYMENT, "audio.py", "resampling.py", "scoring.py", "stages/deploy/work.py"],
    "ablation": [*_TRAINING, "paper/*.toml", "resampling.py", "statistics.py", "stages/ablation/work.py"],
    "benchmark": [
        *_DEPLOYMENT,
        *("backbones.py", "paper/table2.toml", "profiles.py", "weights.py", "stages/benchmark/work.py"),
    ],
    "paper": [
        *_FRONT_END,  # the pictures of the discrepancies are computed
        *("augmentation.py", "backbones.py", "model.py", "paper/*", "stages/paper/views.py"),
    ],
}
# What a reading's parameters are is compared by value, so that changing one reading leaves the results of the others.
_LEDGER = [f"paper/{name}" for name in ("discrepancies.toml", "ledger.py", "readings.toml")]
_PAGES = [
    *_LEDGER,
    "reporting/**/*.py",
    "reporting/**/*.j2",
    "reporting/**/*.css",
    "profiles.py",
    "stages/**/*.py",
    "layout/*.py",
]
_NO_RESULT = {"corpora/download.py", "corpora/unpacking.py"}
"""How audio comes to the machine changes nothing in it."""


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
    files = {file for pattern in patterns for file in _PACKAGE.glob(pattern) if file.is_file()}
    return sorted(file for file in files if file.relative_to(_PACKAGE).as_posix() not in _NO_RESULT)
