"""Records: what a stage ran with and what came of it, written last. No record, no finished stage."""

import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from dslite.changes import said
from dslite.errors import DsliteError
from dslite.files import read_json, write_json, write_table
from dslite.layout import code, progress
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import CorpusPaths
from dslite.layout.settings import Settings


def hashed(content) -> str:
    """A short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def identity(stage: str, parameters: dict, chosen: Mapping[str, str] | None = None) -> str:
    """What a stage's results depend on: its parameters, which JSON can hold, and the code that they are made by, of
    which some is ``chosen`` as for :meth:`dslite.layout.code.Code.made_by`."""
    return hashed([parameters, code.HERE.made_by(f"dslite.stages.{stage}.work", chosen=chosen)])


def made(settings: Settings, stage: str, identity: str, **more: object) -> dict | None:
    """The record of a stage that has this identity; None if there is none to be used.

    ``more`` are the stage's own parameters, which no other stage has.

    Raises:
        DsliteError: as :func:`keep`.
    """
    record = last(settings, stage)
    if record.get("identity") == identity:
        return record
    keep(settings, stage, **more)
    return None


def last(settings: Settings, stage: str) -> dict:
    """The record of a stage as it lies there, whatever made it; empty if there is none."""
    return read_json(settings.paths.record(stage))


def keep(settings: Settings, stage: str, **more: object) -> None:
    """Refuses to replace results of other parameters when somebody runs a notebook by hand. A run of ``run_all.py``
    has said in its plan that it replaces them.

    Raises:
        DsliteError: if the stage's folder holds results of other parameters.
    """
    if progress.VARIABLE in os.environ:
        return
    if found := differing(settings, stage, **more):
        differs = [f"{key} {theirs!r}, not {mine!r}" for key, (theirs, mine) in found.items()]
        place = settings.paths.record(stage).parent
        raise DsliteError(
            f"{place} holds results made with {', '.join(differs)}. They are kept: set `output` to another "
            f"folder, or run `python run_all.py` with the new parameters, which replaces them."
        )


def differing(settings: Settings, stage: str, **more: object) -> dict[str, tuple[object, object]]:
    """Parameters with which a stage's results were made that lie in its folder, where they are not those of the
    settings: name -> (of the results, of the settings); ``more`` as for :func:`made`."""
    mine, theirs = _shown(settings, stage) | more, last(settings, stage).get("parameters", {})
    return {key: (theirs[key], value) for key, value in mine.items() if theirs.get(key, value) != value}


def start(settings: Settings, *stages: str) -> float:
    """Takes away the records of stages that are made anew, or whose results rest on what is; the time, for
    :func:`begin`."""
    for stage in stages:
        settings.paths.record(stage).unlink(missing_ok=True)
    return time.monotonic()


def begin(settings: Settings, stage: str, identity: str, started: float, **more: object) -> dict:
    """The part of a record that is the same for every stage of a corpus; ``started`` is from :func:`start`, ``more`` as
    for :func:`made`."""
    chosen = {"profile": settings.profile, "reading": settings.reading.name, "seed": settings.seed}
    return {
        "stage": stage,
        "corpus": settings.name,
        "identity": identity,
        "parameters": _shown(settings, stage) | more,
        "changed": said(settings.changes),
        **({} if stage == "corpus" else chosen),
        **circumstances(started),
    }


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of installed distributions, by name; "tensorflow" is whichever of its builds is there."""
    return {"python": sys.version.split()[0], **{name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        if package != "tensorflow":
            raise
        return version("tensorflow-cpu")


def circumstances(started: float) -> dict:
    """Versions, hardware and seconds since ``started``."""
    names = ("dslite", "tensorflow", "keras", "librosa", "numpy", "pandas", "scikit-learn", "soundfile")
    return {
        "versions": versions(*names),
        "hardware": hardware(),
        "seconds": round(time.monotonic() - started, 1),
    }


def hardware() -> str:
    """Processor, cores and operating system. TensorFlow chooses its kernels by the processor, and only on the same one
    are two fits the same bit for bit. Virtual machines hide its name, but not its family and model; where the system
    tells neither (other systems than Linux), there is the architecture alone."""
    place = Path("/proc/cpuinfo")
    told = dict(re.findall(r"^([\w ]*\w)\s*: (.+)$", place.read_text("utf-8"), re.MULTILINE)) if place.exists() else {}
    names = ("model name", "cpu family", "model")
    named = [f"{name} {told[name]}".removeprefix("model name ") for name in names if name in told]
    return ", ".join([platform.machine(), *named, f"{os.cpu_count()} cores", platform.system()])


def elsewhere(paths: CorpusPaths) -> str:
    """What is to be said of a corpus that was computed elsewhere and imported; empty for any other."""
    told = read_json(paths.elsewhere)
    if not told:
        return ""
    return (
        f"Computed elsewhere, on {told['computed']} ({told['hardware']}), checked here on {told['checked']} by dslite "
        f"{told['checked_by']}; it came in {told['file']} (SHA-256 {told['sha256']:.16}…)."
    )


def inherited(record: dict) -> dict:
    """What a stage takes over from the record of the one before it."""
    keep = ("data", "note", "about", "shared_audio", "classes", "files")
    keep += ("weights", "weights_source", "backbone", "warnings")
    return {key: record[key] for key in keep if key in record}


SAME_VOICE = "the same voice may be in training and in test"
"""What the warning says that scores of files without a speaker carry to every page."""


def voices(record: Mapping) -> str:
    """That warning of a record of a corpus or of what was made from it; empty where every file names its speaker."""
    return " ".join(warning for warning in record.get("warnings", ()) if SAME_VOICE in warning)


def weights_warnings(weights: str, source: str) -> list[str]:
    """What a record has to warn of where there were no ImageNet weights; ``source`` says why."""
    if weights != "random":
        return []
    return [f"RANDOM WEIGHTS: {source}. No figure here says anything about the paper's models."]


def write(settings: Settings, record: dict, tables: Mapping[str, pd.DataFrame] | None = None) -> FinishedStage:
    """Writes a stage's tables (``<name>.parquet`` in its folder), then its record: from then on it is finished."""
    for name, table in (tables or {}).items():
        write_table(settings.paths.file(record["stage"], f"{name}.parquet"), table)
    write_json(settings.paths.record(record["stage"]), record)
    return FinishedStage(settings, record)


def _shown(settings: Settings, stage: str) -> dict:
    """What a stage ran with, as far as its results depend on it: the seed is nothing to recorded audio."""
    about: dict[str, object] = {
        "corpus": settings.source,
        "audio": "stand-in" if settings.standin else str(settings.folder),  # a stand-in moves with the output
        "reading": settings.reading.name,
        "task": settings.task,
    }
    about |= {"chunk": settings.chunk} if settings.chunk else {}
    about["changes"] = said(settings.changes)
    if settings.standin or stage != "corpus":
        about["seed"] = settings.seed
    if stage == "corpus":
        return about
    weights = settings.weights_file
    return about | {
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": weights.name if weights else "none",
    }
