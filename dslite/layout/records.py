"""Records: what a stage ran with and what came of it, written last. No record, no finished stage."""

import hashlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version

from dslite.errors import DsliteError
from dslite.files import whole_file
from dslite.layout import progress
from dslite.layout.code import code_hash
from dslite.layout.settings import Settings


def hashed(content) -> str:
    """A short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def identity(stage: str, parameters: dict) -> str:
    """What a stage's results depend on: its parameters and the code that it is made by."""
    return hashed([parameters, code_hash(stage)])


def made(settings: Settings, stage: str, parameters: dict, **more: object) -> dict | None:
    """The record of a stage that was made with these parameters and this code; None if there is none to be used.

    ``more`` are the stage's own parameters, which no other stage has.

    Raises:
        DsliteError: if the folder holds results of other parameters and somebody runs a notebook by hand. A run of
            ``run_all.py`` has said in its plan that it replaces them.
    """
    file = settings.paths.record(stage)
    if not file.exists():
        return None
    record = json.loads(file.read_text("utf-8"))
    if record["identity"] == identity(stage, parameters):
        return record
    mine, theirs = _shown(settings, stage) | more, record["parameters"]
    differs = [f"{key} {theirs[key]!r}, not {mine[key]!r}" for key in mine if theirs.get(key, mine[key]) != mine[key]]
    if differs and progress.VARIABLE not in os.environ:
        raise DsliteError(
            f"{file.parent} holds results made with {', '.join(differs)}. They are kept: set `output` to another "
            f"folder, or run `python run_all.py` with the new parameters, which replaces them."
        )
    return None


def begin(settings: Settings, stage: str, parameters: dict, started: float, **more: object) -> dict:
    """The part of a record that is the same for every stage of a corpus; ``started`` is from time.monotonic, ``more``
    as for :func:`made`."""
    return {
        "stage": stage,
        "corpus": settings.name,
        "identity": identity(stage, parameters),
        "parameters": _shown(settings, stage) | more,
        **({} if stage == "corpus" else _chosen(settings)),
        **circumstances(started),
    }


def circumstances(started: float) -> dict:
    """Versions, hardware and seconds since ``started``."""
    names = ("dslite", "tensorflow", "keras", "librosa", "numpy", "pandas", "scikit-learn", "soundfile")
    return {
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in names}},
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "seconds": round(time.monotonic() - started, 1),
    }


def inherited(record: dict) -> dict:
    """What a stage takes over from the record of the one before it."""
    keep = ("data", "note", "about", "classes", "files", "weights", "weights_source", "backbone", "warnings")
    return {key: record[key] for key in keep if key in record}


def write(settings: Settings, record: dict) -> None:
    """Writes a stage's record; from then on it is finished."""
    with whole_file(settings.paths.record(record["stage"])) as draft:
        draft.write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")


def _chosen(settings: Settings) -> dict:
    return {"profile": settings.profile, "reading": settings.reading.name, "seed": settings.seed}


def _shown(settings: Settings, stage: str) -> dict:
    """What a stage ran with, as far as its results depend on it: the seed is nothing to recorded audio."""
    about = {"corpus": settings.source, "audio": str(settings.folder), "reading": settings.reading.name}
    if settings.chunk:
        about["chunk"] = settings.chunk
    if settings.standin or stage != "corpus":
        about["seed"] = settings.seed
    if stage == "corpus":
        return about
    weights = settings.weights_file
    fitted = {
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": weights.name if weights else "none",
    }
    return about | fitted
