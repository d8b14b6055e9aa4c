"""``--import-results``: what ``--export-results`` has packed elsewhere, checked and taken into an output."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from pyarrow import parquet

from dslite import corpora
from dslite.errors import DsliteError
from dslite.files import read_json, sha256, write_json
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.reporting.pages import to_html
from dslite.run import agreeing, exporting, redrawing, session
from dslite.run.copied import ABSENT, LACKING, OTHER_CODE
from dslite.run.unpacking import unpack
from dslite.run.verify import verify
from dslite.stages.catalogue import chain

_MOST_CELLS = 20_000_000
"""Of one table: ten times those of the largest corpus' predictions, and a few hundred MB. A table of few bytes can hold
more than a machine has memory for."""


def take(paths: Paths, zipped: Path) -> Iterator[str]:
    """Checks a zip and moves its corpora in, each whole and with pages that are drawn here; says so for people.

    Args:
        paths: the output, which nobody else writes to meanwhile.
        zipped: what ``--export-results`` wrote.

    Raises:
        DsliteError: if it is refused, or the output holds other results of one of its corpora.
    """
    with tempfile.TemporaryDirectory(prefix=".import.", suffix=".part", dir=paths.artifacts) as folder:
        there = Paths(Path(folder).resolve())
        unpack(zipped, there.output)
        try:
            marks = _marks(zipped, there)
            for name, mark in marks.items():
                _refuse_other(paths, name, mark, zipped)
            report = verify(there.output)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DsliteError(
                f"{zipped} is refused: what it says cannot be read ({type(error).__name__}: {error})."
            ) from error
        wrong = [f"{one.file}, {one.key}: {one.said or 'nothing'}, not {one.recomputed}" for one in report.wrong]
        known = (OTHER_CODE, LACKING, ABSENT)
        unsure = [f"{what}: {why}" for what, why in report.unchecked.items() if why.startswith(known)]
        if found := wrong + unsure:
            raise DsliteError(f"{zipped} is refused: it does not say what its predictions say: {'; '.join(found[:5])}.")
        for name, mark in marks.items():
            # Of the very same files, when they were checked first: pages and scorecard say so.
            write_json(there.corpus(name).elsewhere, read_json(paths.corpus(name).elsewhere) or mark)
            lacking = _draw(there, name, zipped)
            _move(there, paths, name)
            yield f"{name}: computed elsewhere, on {mark['computed']} ({mark['hardware']}), now in {paths.output}"
            for stage, cells in lacking.items():
                yield f"  {paths.corpus(name).page(stage)} lacks what takes audio ({', '.join(cells)})"
        yield f"{report.right:,} values of {zipped.name} are right, none is wrong."


def _marks(zipped: Path, there: Paths) -> dict[str, dict]:
    """Corpus -> what is to lie beside it, once all files of an unpacked export are those of its manifest.

    Raises:
        DsliteError: if they are not, or other versions made them.
    """
    told, title = read_json(there.manifest), f"{zipped} is refused:"
    recordings = told.get("recordings") is True
    mine = exporting.made_by()
    if (made := {key: told.get(key) for key in mine}) != mine:
        raise DsliteError(
            f"{title} its {there.manifest.name} says {made}, expected {mine}: use one commit on both sides."
        )
    found = {file.relative_to(there.output).as_posix(): file for file in there.output.rglob("*") if file.is_file()}
    found.pop(there.manifest.name)
    for name in sorted(set(found) ^ set(told["files"])):
        raise DsliteError(f"{title} {name!r} {'is not in its manifest' if name in found else 'is missing'}.")
    for name, file in found.items():
        if told["files"][name] != exporting.described(file):
            raise DsliteError(f"{title} {name!r} is not as its manifest says (SHA-256, bytes).")
    marks, digest = {}, sha256(zipped)
    for corpus, about in told["corpora"].items():
        words = (about[key] for key in ("computed", "hardware"))
        if corpora.slug(corpus) != corpus or not all(type(word) is str and word.isprintable() for word in words):
            raise DsliteError(f"{title} {corpus!r} is no corpus.")
        stages = exporting.finished(there, corpus)
        if lacking := set(chain("evaluate")) - set(stages):
            raise DsliteError(f"{title} {corpus} is not finished: {', '.join(sorted(lacking))}.")
        for stage in stages:
            place = there.corpus(corpus).record(stage)
            if (of := [read_json(place)[key] for key in ("corpus", "stage")]) != [corpus, stage]:
                raise DsliteError(f"{title} {place.relative_to(there.output)} is a record of {' '.join(map(str, of))}.")
        places = there.corpus(corpus)
        tables = [places.clips, places.found, places.scores, places.pairs]
        tables += [places.confusion] * bool(read_json(places.record("evaluate"))["classes"])
        for place in (place for place in tables if not place.is_file()):
            raise DsliteError(f"{title} {place.relative_to(there.output)} is missing.")
        for place in there.output.rglob("*.parquet"):
            about_table = parquet.read_metadata(place)
            if (cells := about_table.num_rows * about_table.num_columns) > _MOST_CELLS:
                said = f"has {cells:,} cells, at most {_MOST_CELLS:,} are read"
                raise DsliteError(f"{title} {place.relative_to(there.output)} {said}.")
        marks[corpus] = {
            **about,
            **made,
            "file": zipped.name,
            "sha256": digest,
            "checked": time.strftime("%Y-%m-%d"),
            "checked_by": version("dslite"),
            "identity": digest,  # of what is made from it
            "files": {name: told["files"][name] for name in exporting.files(there, corpus, stages, recordings)},
        }
    for name in sorted(set(found) - {name for mark in marks.values() for name in mark["files"]} - {*exporting.CRATE}):
        raise DsliteError(f"{title} {name!r} is nothing that --export-results packs.")
    if not marks:
        raise DsliteError(f"{title} there is no corpus in it.")
    return marks


def _refuse_other(paths: Paths, corpus: str, mark: dict, zipped: Path) -> None:
    """Raises a :class:`DsliteError` if an output holds other results of a corpus than those of its mark."""
    places = paths.corpus(corpus)
    there = [folder for folder in (places.root, places.pages) if folder.exists()]
    if there and read_json(places.elsewhere).get("files") != mark["files"]:
        raise DsliteError(
            f"{zipped} is not taken: {paths.output} holds other results of {corpus}. If they are to give way, delete "
            f"{' and '.join(map(str, there))}; else name another --output."
        )


def _draw(there: Paths, corpus: str, zipped: Path) -> dict[str, list[str]]:
    """Draws the pages of a corpus; stage -> the cells that could not be drawn, as what they show was not exported."""
    places, lacking = there.corpus(corpus), {}
    places.pages.mkdir(parents=True)
    for stage in exporting.finished(there, corpus):
        finished = agreeing.finished(there, corpus, stage)
        drawn, failed = redrawing.draw(NOTEBOOKS / f"{stage}.ipynb", finished, there.output)
        for cell, why in failed.items():
            if not why.startswith(FileNotFoundError.__name__):
                raise DsliteError(f"{zipped} is refused: the page of {corpus} {stage} cannot be drawn ({cell}: {why}).")
        to_html(drawn, places.page(stage), f"{session.title(corpus)}: {stage}")
        lacking |= {stage: list(failed)} if failed else {}
    return lacking


def _move(there: Paths, paths: Paths, corpus: str) -> None:
    """Moves a corpus in; with its artefacts it is there; where its pages then lack, the same command brings them."""
    source, target = there.corpus(corpus), paths.corpus(corpus)
    paths.crate.unlink(missing_ok=True)  # of what the reports held before
    for folder in (paths.logs, paths.reports):
        folder.mkdir(parents=True, exist_ok=True)
    for job in (f"{corpus}-{stage}" for stage in exporting.finished(there, corpus)):
        os.replace(there.outcome(job), paths.outcome(job))
    if target.root.exists():  # the very same files
        os.replace(source.elsewhere, target.elsewhere)
    else:
        os.replace(source.root, target.root)
    shutil.rmtree(target.pages, ignore_errors=True)
    os.replace(source.pages, target.pages)
