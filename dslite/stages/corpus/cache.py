"""From decoded clips to cached spectrograms: what fits begin with, whatever front end they have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from dslite import store
from dslite.corpora.checks import UnfitCorpus
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.readings import CACHED, PAINTED
from dslite.wording import counted


@dataclass(frozen=True)
class Cached:
    """What was cached.

    Attributes:
        clips: those of the given clips that have chunks.
        chunks: as :func:`dslite.store.build` returns them.
        problems: of files that were left out for being short.
        warnings: the same for people, a sentence each.
        data_hash: of chunks and cached values (:func:`dslite.store.data_hash`).
    """

    clips: pd.DataFrame
    chunks: pd.DataFrame
    problems: pd.DataFrame
    warnings: list[str]
    data_hash: str


def cache(
    settings: Settings,
    clips: pd.DataFrame,
    classes: Sequence[str],
    samples: Path,
    progress: Callable[[int], None] = lambda done: None,
    before: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> Cached:
    """Caches the spectrograms of decoded clips.

    Args:
        settings: how long a chunk is, the reading's front end, what becomes of short files, where to write.
        clips: a row per decoded file: ``file``, ``label``, ``partition``.
        classes: in their order; none where labels are numbers.
        samples: the decoded clips, see :class:`dslite.store.Samples`.
        progress: called with files done.
        before: ``chunks`` and ``problems`` as they were returned for these very spectrograms, which then stay.

    Raises:
        UnfitCorpus: if a partition lacks a class; where only short files were left out of dev or test, it is a warning.
    """
    reading, place = settings.reading, settings.paths.spectrograms
    stored, length, how = store.Samples(samples) if len(clips) else {}, settings.recipe.chunk, reading.front_end()
    chunks, short = before or store.build(
        clips["file"], stored, length, how, place, progress, reading.short_files, reading.remainder
    )
    kept = clips[clips["file"].isin(chunks["file"])].reset_index(drop=True)
    told = "shorter than one chunk and left out of train, dev and test, as the released code does (F-16)."
    left_out = [f"{counted(len(short), 'file')} {told}"] if len(short) else []
    learnt = (kept, classes) if classes else (kept.assign(label="any label"), ["any label"])
    left_out += _require_all_classes(settings.name, *learnt, short, left_out)
    return Cached(kept, chunks, short, left_out, store.data_hash(chunks, place))


def cached_as(variant: Settings, decoded: FinishedStage, place: Path, report: Callable[..., None]) -> FinishedStage:
    """A corpus as another front end sees it: an output of its own, shared by all with the same chunks and plots.

    Args:
        variant: the settings with that front end.
        decoded: the corpus as decoded.
        place: the folder for such outputs.
        report: called with work done, all work and a text, before it is made.
    """
    reading, chunk = variant.reading, variant.recipe.chunk
    asked = {"corpus": decoded.record["identity"], "chunk": chunk, "reading": reading.parameters("corpus")}
    # How it is painted, too: the features of the frozen base model lie there as well.
    seen = {name: getattr(reading, name) for name in (*CACHED, *PAINTED)}
    folder = records.hashed(seen | {"chunk": chunk})
    settings = replace(variant, output=place / folder)
    identity = records.identity("corpus", asked, settings.chosen)
    last = records.last(settings, "corpus")
    if last.get("identity") == identity:
        return FinishedStage(settings, last)
    report(0, 1, "spectrograms")
    cached = cache(settings, decoded.found, decoded.classes, decoded.paths.samples)
    more = {"files": len(cached.clips), "chunks": len(cached.chunks), "data_hash": cached.data_hash}
    record = decoded.record | more | {"identity": identity}
    return records.write(settings, record, {"clips": cached.clips, "chunks": cached.chunks})


def _require_all_classes(
    name: str, clips: pd.DataFrame, classes: Sequence[str], short: pd.DataFrame, left_out: list[str]
) -> list[str]:
    """Warns where files that a reading leaves out were all of a class in dev or test; refuses it in train."""
    parts = ("train", "dev", "test")
    found = set(zip(clips["partition"], clips["label"], strict=True))
    gone = [f"{label} in {part}" for part in parts for label in classes if (part, label) not in found]
    if not gone:
        return []
    said = f"no usable audio is left for {', '.join(gone)}"
    if all(("train", label) in found for label in classes) and {part for part, _ in found} == set(parts):
        return [f"Because of that {said}; scores are averaged over the other classes."]
    told = f"{name}: {said}; every partition needs every class. {left_out[0]} The other readings pad them."
    raise UnfitCorpus(told, short)
