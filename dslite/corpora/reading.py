"""From a folder to a `Corpus`: find it, read it, check it."""

import hashlib
import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import soundfile

from dslite.corpora import split
from dslite.corpora.checks import against_table1, refuse_unfit
from dslite.corpora.folders import by_stem, digest, walk
from dslite.corpora.listing import Entry, Problem, refuse_duplicates, unheard
from dslite.corpora.own import FORM, is_own
from dslite.corpora.registry import CORPORA, PARTITIONS, REGISTRY, CorpusInfo
from dslite.corpora.split import Group
from dslite.decoding import conversion, header, segment
from dslite.errors import DsliteError, UnusableAudio
from dslite.tasks import strata
from dslite.wording import counted

_SAID = ("corpus", "data", "note", "audio_in_reports", "chunk", "seed")
"""What ``corpus.toml`` may say."""

LONGEST_CHUNK = 600
"""Of a chunk, in s, as for ``--set chunk``: what is longer fits into no memory."""

DATA = ("real", "cropped", "stand-in", "differing")
"""What a corpus can be. ``differing``: its layout is official, its counts or durations are not Table 1's, or
not those of the whole corpus."""


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk.

    Attributes:
        info: what is known about it; for own data made on the fly.
        clips: the usable clips, sorted by file: ``file`` (POSIX path relative to ``folder``, unique), ``speaker`` (""
            where unknown), ``label`` (one of its classes, or a float), ``partition`` (train, dev, test), ``fold`` (""
            where the corpus names none), ``duration`` (s), ``rate`` (Hz), ``channels``.
        problems: everything left out or to be told: ``file`` ("" for the whole corpus), ``kind`` (skipped, warning),
            ``reason``.
        data: one of `DATA`; every page made from the corpus shows it.
        note: what is particular about it; may be empty.
        split: the partition of every speaker (or file) that was dealt here; empty where the corpus names its partition,
            without those of test where it names train and test but no dev.
        twins: of own data, groups of clips that are one recording, as far as bytes tell.
    """

    info: CorpusInfo
    clips: pd.DataFrame
    problems: pd.DataFrame
    data: str
    note: str
    split: Mapping[Group, str]
    twins: list[tuple[str, ...]]


def _reader(info: CorpusInfo | None = None) -> ModuleType:
    """What reads a corpus, or own data; imported by name, so that a corpus depends on no other corpus' reader."""
    return import_module(f"dslite.corpora.readers.{info.reader if info else 'own_csv'}")


def known(name: str) -> str:
    """Returns ``name`` if it is one of `REGISTRY` or the path of own data.

    Raises:
        DsliteError: if it is neither.
    """
    if name in REGISTRY or is_own(name):
        return name
    listed = name.split(",")
    near = listed if set(listed) <= REGISTRY.keys() else get_close_matches(name.lower(), REGISTRY, 1, 0.8)
    hint = f"Did you mean --corpora {' '.join(near)}? " if near else ""
    if Path(name).expanduser().is_file():
        hint = "It is a file, but its name does not end in .csv: rename it if it is such a table, unpack an archive. "
    raise DsliteError(f"There is no corpus {name!r}. {hint}Known: {', '.join(REGISTRY)}, or the path of {FORM}.")


def locate(name: str, data: Path | None) -> Path | None:
    """The folder of a corpus: ``data``/<name> if it holds the corpus in its official layout, else None.

    An own corpus' folder is itself or that of its CSV; None if there is no such file.
    """
    if is_own(known(name)):
        path = Path(name)
        return path if path.is_dir() else path.parent if path.is_file() else None
    folder = None if data is None else data / name
    info = REGISTRY[name]
    return folder if folder is not None and folder.is_dir() and _reader(info).holds(folder, info) else None


def describe_missing(name: str, data: Path | None) -> str:
    """Where a corpus was looked for, what was expected there, how to get it and under what licence; several lines."""
    info = REGISTRY[name]
    if data is None:
        looked = "nowhere: no data folder was given (--data or DSLITE_DATA)"
    elif (data / name).is_dir():
        looked = f"{data / name}: the folder is there, but not in the layout below"
    else:
        looked = f"{data / name}: there is no such folder"
    lines = {"looked for": looked, "expected": info.layout, "how to get it": f"{info.access} {info.url}"}
    return "\n".join(f"{key}: {value}" for key, value in (lines | {"licence": info.licence}).items())


def fingerprint(folder_or_csv: Path) -> dict[str, str]:
    """SHA-256 (hex) of the parts that a corpus is told by, by their names for people.

    Args:
        folder_or_csv: a folder, of which all files are ``audio``, or an own CSV: the files that it names and the
            ``corpus.toml`` beside it are, by path, size and modification time. What it says of them are ``labels of
            test`` and so on, or ``labels`` where it names no partition, and its own faults ``list of files``.
    """
    if folder_or_csv.is_dir():
        return {"audio": digest(folder_or_csv, (Path(entry.path) for entry in walk(folder_or_csv)))}
    folder, said = folder_or_csv.parent, defaultdict(list)
    try:
        _, entries, problems = _reader().entries(folder_or_csv)
        said["list of files"] = [problem for problem in problems if problem.kind == "warning"]  # others: of audio
    except (DsliteError, OSError) as error:
        entries, said["list of files"] = [], [str(error)]
    for entry in entries:
        said[f"labels of {entry.partition}".removesuffix(" of ")].append(entry)
    audio = digest(folder, {folder / "corpus.toml", *_reader().listed_files(folder_or_csv)})
    return {"audio": audio} | {part: hashlib.sha256(repr(rows).encode()).hexdigest() for part, rows in said.items()}


def read(name: str, folder: Path, kept: Path | None = None, numeric: bool = False) -> Corpus:
    """Reads and checks a corpus; looks at headers only, and of own data at bytes. Writes nothing.

    Args:
        name: one of `REGISTRY`, or the path of own data.
        folder: where it lies (for an own CSV: the CSV's folder).
        kept: where the split that was made here is written down (:mod:`dslite.corpora.split`), there or not yet.
        numeric: whether labels are numbers, of the paper's corpora as distributed (:func:`as_numbers`).

    Raises:
        DsliteError: if scores on it would be worthless: a speaker in two partitions, a class missing from a partition,
            a file labelled twice, a path that leaves the folder, no usable clip; or if a label file cannot be read.
    """
    own = is_own(known(name))
    if own:
        where = folder if Path(name).is_dir() else folder / Path(name).name
        info, entries, problems = _reader().entries(where, numeric)
    else:
        info, where = as_numbers(REGISTRY[name]) if numeric else REGISTRY[name], folder
        entries, problems = _reader(info).entries(folder, info)
        problems += unheard(folder)
    told, note, sounds, _ = _corpus_toml(folder, None if own else info)
    if own and sounds:
        info = replace(info, shared_audio="the recordings' owner allows it (corpus.toml)")
    clips, usable, broken = _with_headers(folder, entries)
    problems += broken
    refuse_duplicates(clips["file"])  # segments may differ only beyond the file's end, or by less than their names tell
    clips = clips.astype({"label": float}) if numeric else clips
    dealt: dict[Group, str] = {}
    content = split.contents(folder, {entry.file for entry in usable}) if own else {}
    problems += _several_endings(content) if own and where.is_dir() else []
    no_dev = own and set(clips["partition"]) == {"train", "test"}  # as many public data sets come
    if not info.partition or no_dev:
        rows, parts = (clips["partition"] == "train", ("train", "dev")) if no_dev else (clips.index >= 0, PARTITIONS)
        groups, before = strata(clips.loc[rows, "label"].to_numpy()), split.read(kept) if kept else {}
        chosen = [entry for entry, wanted in zip(usable, rows, strict=True) if wanted]
        clips.loc[rows, "partition"], dealt, how = split.made(content, chosen, groups, before, parts)
        how += "; each third of the labels has its share" if numeric else ""
        # The folders of this machine are nothing to those who read a page.
        place = f", kept in {'/'.join(kept.parts[-4:])}; delete it for a new one" if kept else ""
        info = replace(info, partition=f"{info.partition}, its train " * no_dev + how + place)
    refuse_unfit(str(where), info, clips, _table(problems))
    data = told or "real"
    if data != "stand-in":
        warnings, differences = against_table1(info, clips)
        problems = warnings + problems
        if differences and not told:
            what = "Table 1" if info.table1 else "the whole corpus"
            data, note = "differing", f"differs from {what}: {'; '.join(differences)}"
    numbers = "labels are numbers: regression (--task classification takes them as names)" if numeric else ""
    note = "; ".join(filter(None, (note, numbers)))
    if own:
        problems = split.parted(clips) + ([] if numeric else split.alone(clips)) + problems
        note = "; ".join(filter(None, (note, f"partition: {info.partition}")))
    alike: dict[object, list[str]] = {}
    for entry, clip in zip(usable, clips["file"], strict=True) if own else ():
        alike.setdefault((content[entry.file], entry.start, entry.end), []).append(clip)
    twins = [tuple(same) for same in alike.values() if len(same) > 1]
    return Corpus(info, clips, _table(problems), data, note, dealt, twins)


def _several_endings(files: Iterable[str]) -> list[Problem]:
    """What is to be said of files in one folder that are called alike but for their endings."""
    alike = [same for same in by_stem(sorted(files)) if len(same) > 1]
    told = f"{counted(len(alike), 'name')} with several endings, each file a recording of its own; where they are one,"
    return [Problem("", "warning", f"{told} leave out the others: {', '.join(same)}") for same in alike[:1]]


def as_numbers(info: CorpusInfo) -> CorpusInfo:
    """A corpus of the paper whose labels as distributed are taken as the numbers that they are.

    Raises:
        DsliteError: if they are none.
    """
    if not info.numeric:
        raise DsliteError(
            f"The labels of {info.name} are no numbers on a scale; of the paper's corpora, --task regression takes "
            f"{', '.join(name for name, one in CORPORA.items() if one.numeric)}, and own data with numbers as labels."
        )
    labels = {label: label for label in info.labels}
    return replace(info, short=f"{info.short}, regression", classes=(), labels=labels)


def own_numeric(path: Path) -> bool:
    """Whether the labels of own data look like numbers to be predicted, not names of classes."""
    return _reader().numeric(path)


def own_durations(path: Path, most: int = 500) -> tuple[int, np.ndarray]:
    """How many clips own data name, and how long the usable ones are, float (n,) in s; of many, ``most`` evenly chosen.

    Both are empty where the data cannot be read: the stage that reads them says why.
    """
    try:
        _, entries, _ = _reader().entries(path)
    except (DsliteError, OSError):
        return 0, np.empty(0)
    clips, _, _ = _with_headers(path if path.is_dir() else path.parent, entries[:: -(-len(entries) // most) or 1])
    return len(entries), clips["duration"].to_numpy()


def own_chunk(path: Path) -> float:
    """Length of a chunk of own data in s: ``chunk`` of its ``corpus.toml``, else by its durations.

    The median, rounded down to half a second, from 1 to 4 s. By that rule the paper's corpora would have Table 2's
    lengths within half a second (CCS: 4 s for 3).
    """
    if given := _corpus_toml(path if path.is_dir() else path.parent)[3]:
        return given
    _, seconds = own_durations(path)
    return float(np.clip(np.floor(2 * np.median(seconds)) / 2, 1.0, 4.0)) if len(seconds) else 3.0


def told(problems: pd.DataFrame, most: int = 8) -> list[str]:
    """Problems (`Corpus.problems`) for people, a line for each reason; beyond ``most``, how many more there are."""
    lines = []
    for reason, files in problems.groupby("reason", sort=False)["file"]:
        others = f" and {counted(len(files) - 1, 'other file')}" * (len(files) > 1)
        lines.append(f"{files.iloc[0]}{others}: {reason}".removeprefix(": "))
    return lines[:most] + [f"and {len(lines) - most} more, listed on the corpus page"] * (len(lines) > most)


def _table(problems: list[Problem]) -> pd.DataFrame:
    # Names may hold bytes that are no text.
    rows = [[text.encode("utf-8", "backslashreplace").decode() for text in astuple(problem)] for problem in problems]
    return pd.DataFrame(rows, columns=["file", "kind", "reason"], dtype="str")


def _with_headers(folder: Path, entries: list[Entry]) -> tuple[pd.DataFrame, list[Entry], list[Problem]]:
    """The clips whose headers can be read (see `Corpus.clips`), their entries, and what is wrong with the others."""
    # Waiting for the disk is most of the work, and libsndfile lets go of Python's lock: threads help.
    with ThreadPoolExecutor(8) as pool:
        headers = list(pool.map(_header, [folder / entry.file for entry in entries], chunksize=64))
    rows, usable, broken = [], [], []
    for entry, found in zip(entries, headers, strict=True):
        if isinstance(found, str):
            broken.append(Problem(entry.file, "skipped", found))
            continue
        file, (duration, *rest) = entry.file, found
        if entry.start or entry.end < math.inf:
            end = min(entry.end, duration)
            file = segment(file, entry.start, end)
            if not 0 <= entry.start < end or entry.end > duration + 0.1 and entry.end < math.inf:
                told = f"the segment {entry.start:g}-{entry.end:g} s does not lie in the file, {duration:g} s long"
                broken.append(Problem(file, "skipped", told))
                continue
            duration = end - entry.start
        usable.append(entry)
        rows.append((file, entry.speaker, entry.label, entry.partition, entry.fold, duration, *rest))
    kinds = dict.fromkeys(("file", "speaker", "label", "partition", "fold"), "str")
    kinds |= {"duration": "float64", "rate": "int64", "channels": "int64"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds), usable, broken


def _header(path: Path) -> tuple[float, int, int] | str:
    """Duration (s), rate (Hz) and channels from a file's header, or why it has none to use."""
    try:
        if not path.stat().st_size:
            return "an empty file (0 bytes)"
        return header(path)
    except UnusableAudio as error:
        return f"the audio {error}"
    except soundfile.LibsndfileError as error:
        return f"not readable as audio: {error.error_string.strip().rstrip('.')}. {conversion(path)}"
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            return "a link to what is not here: fetch it (git-annex and DataLad: `git annex get .`)"
        return f"not readable: {error.strerror or error}"


def _corpus_toml(folder: Path, info: CorpusInfo | None = None) -> tuple[str, str, bool, float]:
    """What the folder's ``corpus.toml`` says: data, note, whether pages may hold sounds, chunk in s; empty if there is
    none. ``info`` is that of a corpus of the registry."""
    path = folder / "corpus.toml"
    if not path.is_file():
        return "", "", False, 0.0
    try:
        told = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DsliteError(f"{path} is not readable as TOML ({error}). Mend it or remove it.") from None
    if unknown := sorted(told.keys() - _SAID):
        raise DsliteError(f"{path} says {', '.join(unknown)}, which is not known; known are {', '.join(_SAID)}.")
    if not isinstance(told.get("note", ""), str):
        raise DsliteError(f"{path}: note is {told['note']!r}; a text in quotation marks was expected.")
    sounds = told.get("audio_in_reports", False)
    if not isinstance(sounds, bool):
        raise DsliteError(f"{path}: audio_in_reports is {sounds!r}; true or false was expected.")
    chunk = told.get("chunk", 0.0)
    seconds = isinstance(chunk, int | float) and not isinstance(chunk, bool) and 0.2 <= chunk <= LONGEST_CHUNK
    if "chunk" in told and (info or not seconds):
        lengths = f"a length of at least 0.2 s and at most {LONGEST_CHUNK} s"
        expected = "nothing: it is known for this corpus" if info else lengths
        raise DsliteError(f"{path}: chunk is {chunk!r}; expected {expected}.")
    if {"audio_in_reports", "chunk"} & told.keys():
        told.setdefault("data", "real")
    if told.get("data") not in DATA[:3]:
        raise DsliteError(f"{path}: data is {told.get('data')!r}; one of {', '.join(DATA[:3])} was expected.")
    if info and told.get("corpus", info.name) != info.name:
        raise DsliteError(
            f"{path} says that this is {told['corpus']!r}, but the folder is read as {info.name!r}. "
            "Rename the folder to what it holds, or mend the file."
        )
    return told["data"], told.get("note", ""), sounds, float(chunk)
