"""``--verify``: whether what a run left says what its predictions say.

What a stage can make again (the module ``again`` of its folder) is made again in a copy, every page is drawn again, and
both are compared with what lies there. Nothing of the folder is executed or changed.
"""

import ast
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from dslite import changes as changing
from dslite import store
from dslite.errors import DsliteError
from dslite.files import read_json
from dslite.layout import progress, results
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import CHANGED, NOTEBOOKS, CorpusPaths, Paths
from dslite.layout.settings import Settings
from dslite.readings import READINGS
from dslite.reporting import display
from dslite.run import crate, differing, outcome, plan, redrawing
from dslite.run.differing import Difference
from dslite.run.exporting import described
from dslite.run.index import shown_scores
from dslite.run.unpacking import unpack
from dslite.stages.catalogue import ACROSS, OF_CORPUS, STAGES

NOT_AGAIN = "they come from audio, models or clocks"
LACKING = "it cannot be made again"
ABSENT = "it is not there, though what is there makes it"
OTHER_CODE = "other code of dslite made it, and this one would say something else"

_FOUND = ("*.parquet", "**/*.tflite", "**/*.keras")
"""Files of a stage that are right, or wrong, or said to be unchecked."""


@dataclass
class Report:
    """How many values are right, which are wrong, and what was not checked -> why not."""

    right: int = 0
    wrong: list[Difference] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict:
        return {"right": self.right, "wrong": [vars(one) for one in self.wrong], "not_checked": self.unchecked}

    def lines(self) -> Iterator[str]:
        """For people."""
        for reason in dict.fromkeys(self.unchecked.values()):
            what = [name for name, why in self.unchecked.items() if why == reason]
            yield f"not checked, because {reason}: {', '.join(what)}"
        for one in self.wrong:
            said, mine = one.said or "nothing", one.recomputed or "nothing"
            yield f"WRONG {one.file}, {one.key}: it says {said}; recomputed: {mine}"
        yield f"{self.right:,} values are right, {len(self.wrong):,} are wrong."


def verify(place: Path) -> Report:
    """Checks the output folder of a run, or a zip of one or of its ``reports/``.

    Raises:
        DsliteError: if it is neither, or a zip that is refused.
    """
    with tempfile.TemporaryDirectory(prefix="dslite-verify-") as scratch:
        origin = place
        if not place.is_dir():
            origin = Path(scratch, "zip")
            unpack(place, origin)
            for index in origin.glob(f"*/{Paths(origin).index.name}"):  # a bundle
                index.parent.rename(Paths(origin).reports)
        there = [folder for folder in (Paths(origin).artifacts, Paths(origin).reports) if folder.is_dir()]
        if not there:
            more = f", or one of those in its {CHANGED}/" if (origin / CHANGED).is_dir() else ""
            raise DsliteError(
                f"{place} holds neither artifacts/ nor reports/: name the output of a run, or a zip{more}."
            )
        progress.listeners.append(lambda *_: None)
        found = _Verification(origin, Path(scratch, "copy"), Path(scratch))
        try:
            for folder in there:
                found.take(folder)
            none = dict.fromkeys(("picture", "picture_in_few_colours"), lambda *_: bytes(24))
            with patch.multiple(display, **none):  # pictures are not compared
                found.everything()
        finally:
            progress.listeners.pop()
        return found.report


class _Verification:
    """Of an output at ``origin``; ``copy`` holds a link for each of its files, which a file that is made again
    replaces."""

    def __init__(self, origin: Path, copy: Path, scratch: Path) -> None:
        self.origin, self.copy, self.scratch, self.report = origin, copy, scratch, Report()

    def take(self, folder: Path) -> None:
        """Has the files of a folder take part."""
        for place, folders, names in os.walk(folder):
            passed = ("standins", "tools") if Path(place).name == Paths(self.origin).artifacts.name else ()
            folders[:] = [name for name in folders if not name.startswith(".") and name not in passed]
            target = self.copy / Path(place).relative_to(self.origin)
            target.mkdir(parents=True, exist_ok=True)
            for file in (Path(place, name) for name in names):
                if file.is_symlink():
                    self.report.unchecked[self._name(target / file.name)] = "it is a link, and none is followed"
                else:
                    (target / file.name).symlink_to(file.resolve())

    def everything(self) -> None:
        """Checks all that was taken."""
        first = Paths(self.copy)
        self._redo(self._name(first.crate), partial(self._hashes, first), False)
        self._redo(Paths(self.origin).manifest.name, self._manifest, False)
        if not first.artifacts.exists():
            self.report.unchecked["all but the notebooks' pages"] = "there are no artifacts/ to compute them from"
        for paths in (first, *first.further()):
            for name in dict.fromkeys(name for stage in OF_CORPUS for name in paths.recorded(stage)):
                self._data(paths, name)
                for stage in (stage for stage in OF_CORPUS if paths.corpus(name).record(stage).exists()):
                    self._stage(paths, name, stage)
            for stage in (stage for stage in ACROSS if paths.across(stage).record(stage).exists()):
                other = self._other_code(paths, "", stage)
                again = import_module(f"dslite.stages.{stage}.again").again
                if finished := self._redo(stage, partial(again, paths), other):
                    said = read_json(paths.across(stage).record(stage))
                    then = {name: said[name] for name in differing.CIRCUMSTANCES if name in said}
                    finished = replace(finished, record=finished.record | then)
                    self._page(paths.across(stage), stage, finished, other)
            self._index(paths)
        for notebook in sorted(first.reports.rglob("*.ipynb")):
            self._as_notebook(notebook)
        if (self.origin / CHANGED).is_dir():
            self.report.unchecked[CHANGED] = "each of its folders is a run of its own"

    def _stage(self, paths: Paths, name: str, stage: str) -> None:
        places = paths.corpus(name)
        record = read_json(places.record(stage))
        try:
            finished = FinishedStage(settings_of(paths, name, record), record)
        except (KeyError, TypeError, DsliteError) as error:
            self._failed(self._name(places.record(stage)), error, False)
            return
        other = self._other_code(paths, name, stage)
        self._made_from(paths, name, stage)
        left = {self._name(file) for kind in _FOUND for file in places.file(stage).glob(kind)}
        if find_spec(f"dslite.stages.{stage}.again"):
            again = import_module(f"dslite.stages.{stage}.again").again
            self._redo(f"{name} {stage}", partial(again, finished), other)
            left -= self.remade
        self.report.unchecked |= dict.fromkeys(sorted(left), NOT_AGAIN)
        self._page(places, stage, finished, other)

    def _redo(self, what: str, make: Callable[[], object], other: bool) -> Any:
        """Makes something again and compares the files that this has written, which then give way to the links."""
        made = None
        try:
            made = make()
        except Exception as error:
            self._failed(what, error, other)
        self.remade = set()
        for file in [*self.copy.rglob("*")]:
            if file.is_symlink() or file.is_dir():
                continue
            name, said = self._name(file), self.origin / file.relative_to(self.copy)
            if said.is_file() and file.suffix not in (".png", ".ipynb"):
                self.remade.add(name)
                right, wrong, columns = differing.compare(name, said, file)
                drawn = file.suffix in (".html", ".tex", ".json") or any(one.key == differing.ROWS for one in wrong)
                self._note(right, wrong, other and drawn)
                if columns:
                    self.report.unchecked[f"{name} ({', '.join(columns)})"] = NOT_AGAIN
            elif file.suffix == ".parquet":
                self.report.unchecked[name] = ABSENT
            file.unlink()
            if said.is_file():
                file.symlink_to(said.resolve())
        return made

    def _page(self, places: CorpusPaths, stage: str, finished: object, other: bool) -> None:
        place, name = places.page(stage), self._name(places.page(stage))
        if not place.exists():
            return
        drawn = self._redo(name, partial(redrawing.page, NOTEBOOKS / f"{stage}.ipynb", finished, self.scratch), other)
        if not isinstance(drawn, tuple):
            return
        cells, failed = drawn
        html = place.read_text("utf-8")
        for cell, texts in differing.shown(html).items():
            if cell in failed:
                self.report.unchecked[f"{name} {cell}"] = f"it cannot be drawn again ({failed[cell]:.200})"
            elif cell:
                right, wrong = differing.texts(f"{name} {cell}", texts, cells.get(cell, []))
                self._note(right, wrong, other)
        if pictures := html.count("data:image/"):
            self.report.unchecked[f"{name} ({pictures})"] = "pictures are not compared, but what is written beside them"

    def _as_notebook(self, notebook: Path) -> None:
        page = notebook.with_suffix(".html")
        if page.exists():
            draft = self.scratch / notebook.name
            draft.write_bytes(notebook.read_bytes())
            same = redrawing.said(draft)
            for cell, texts in differing.shown(page.read_text("utf-8")).items():
                if cell:
                    name = f"{self._name(page)} {cell}, beside the notebook"
                    self._note(*differing.texts(name, texts, same.get(cell, [])), False)

    def _index(self, paths: Paths) -> None:
        """What leads to the pages: the index's scores, ``results.csv``, and pages that an index writes."""
        self._redo("results.csv", lambda: results.write(paths), False)
        for stage in (stage for stage in STAGES if STAGES[stage].index):
            entries = import_module(f"dslite.stages.{stage}.index").entries
            self._redo(f"what the index names of {stage}", partial(entries, paths, paths.recorded(stage)), True)
        if not paths.index.exists() or not paths.results.exists():
            return
        name, texts = self._name(paths.index), differing.shown(paths.index.read_text("utf-8"))
        said = [one for of in texts.values() for one in of]
        for corpus, rows in shown_scores(pd.read_csv(paths.results, na_filter=True)).items():
            for row in rows:
                mine = [row["uar"], f"{row['interval']} {row['system']}".strip()]
                there = any(said[at : at + 2] == mine for at in range(len(said)))
                self._same(name, f"{corpus}, {row['system']}", " ".join(mine) if there else "", " ".join(mine))

    def _hashes(self, paths: Paths) -> None:
        """Whether the files of the reports are those that the run has left."""
        said = crate.said(paths.crate)
        there = crate.hashes(paths.reports, paths) if paths.reports.exists() else {}
        unnamed = sorted(there.keys() - said.keys())
        if unnamed:
            self.report.unchecked[", ".join(unnamed) if said else "hashes of the reports"] = "no crate names them"
        for name, digest in said.items():
            self._same(f"{self._name(paths.reports)}/{name}", "sha256", digest, there.get(name, ""))

    def _manifest(self) -> None:
        """Whether the files of an export are those that its manifest names."""
        manifest = Paths(self.origin).manifest
        if not (told := read_json(manifest).get("files")):
            return
        files = (file for file in self.origin.rglob("*") if file.is_file() and not file.is_symlink())
        there = {file.relative_to(self.origin).as_posix(): file for file in files if file != manifest}
        for name, about in told.items():
            mine = described(there[name])["sha256"] if name in there else ""
            self._same(name, "sha256", about["sha256"], mine)
        self.report.unchecked |= dict.fromkeys(sorted(there.keys() - told.keys()), "the manifest does not name it")

    def _data(self, paths: Paths, name: str) -> None:
        """Whether cached spectrograms are those of the records, and of all predictions labels and speakers those of the
        corpus, or of another one of the output: a network may have learnt that one before (stage ``graph``)."""
        places = paths.corpus(name)
        for record in places.root.rglob("corpus/record.json"):
            of = Paths(record.parents[3]).corpus(record.parents[1].name)
            if not of.spectrograms.exists():
                self.report.unchecked[f"data_hash of {self._name(record)}"] = "the spectrograms are not there"
                continue
            said, mine = (
                read_json(record).get("data_hash"),
                store.data_hash(pd.read_parquet(of.chunks), of.spectrograms),
            )
            self._same(self._name(record), "data_hash", said, mine)
        if not places.found.exists():
            return
        own, *others = (
            pd.read_parquet(paths.corpus(of).found).set_index("file")
            for of in dict.fromkeys([name, *paths.recorded("corpus")])
        )
        for file in sorted(places.root.rglob("predictions.parquet")):
            table = pd.read_parquet(file)
            elsewhere = [] if table["file"].isin(own.index).any() else others
            clips = next((of for of in elsewhere if table["file"].isin(of.index).all()), own)
            known = clips.reindex(table["file"])
            for column in ("label", "speaker"):
                right, wrong, _ = differing.tables(
                    self._name(file), table[["file", column]], known[[column]].reset_index()
                )
                self._note(right, wrong, False)

    def _made_from(self, paths: Paths, corpus: str, stage: str) -> None:
        """Whether the records, and the split, that a stage was made from are those that lie there."""
        last = outcome.read(paths.outcome(f"{corpus}-{stage}"))
        for name, identity in (last.inputs if last else {}).items():
            if name == plan.SPLIT:
                split = paths.split(corpus)
                self._same(
                    self._name(split), f"{name}, from which {corpus} {stage} was made", plan.identity(split), identity
                )
            needed, _, of = name.partition(" of ")
            there = read_json(paths.corpus(of or corpus).record(needed)).get("identity")
            if needed in STAGES and there is not None:
                record = self._name(paths.corpus(of or corpus).record(needed))
                self._same(record, f"identity, from which {corpus} {stage} was made", there, identity)

    def _other_code(self, paths: Paths, corpus: str, stage: str) -> bool:
        """Whether other code than this one's made a stage's results or its page; without a log it is taken for this."""
        last = outcome.read(paths.outcome(f"{corpus}-{stage}" if corpus else stage))
        then = (last.made_from | last.page_from) if last else {}
        return outcome.of_other_code(then, f"dslite.stages.{stage}.work", plan.PAGE_MAKER, NOTEBOOKS / f"{stage}.ipynb")

    def _same(self, file: str, key: str, said: str, mine: str) -> None:
        self._note(said == mine, [] if said == mine else [Difference(file, key, said, mine)], False)

    def _note(self, right: int, wrong: list[Difference], other: bool) -> None:
        self.report.right += right
        if other:
            self.report.unchecked |= {f"{one.file}, {one.key}": OTHER_CODE for one in wrong}
        else:
            self.report.wrong += wrong

    def _failed(self, what: str, error: Exception, other: bool) -> None:
        if other or isinstance(error, FileNotFoundError | DsliteError):
            self.report.unchecked[what] = f"{LACKING} ({type(error).__name__}: {error})"
        else:
            self.report.wrong.append(Difference(what, type(error).__name__, "", str(error)))

    def _name(self, file: Path) -> str:
        return file.relative_to(self.copy).as_posix()


def settings_of(paths: Paths, name: str, record: dict) -> Settings:
    """What a stage ran with, as far as its record says it; where its audio and weights lay counts for nothing."""
    asked = record["parameters"]
    words = (word.partition(" ") for word in asked["changes"].split(", ") if word)
    changes = changing.checked({key: _value(value) for key, _, value in words})
    weights, seeds = asked.get("weights", "none"), asked.get("seeds", 1)
    return Settings(
        source=asked["corpus"],
        name=name,
        folder=Path(asked["audio"]),
        standin=asked["audio"] == "stand-in",
        reader="own_csv",
        data=None,
        weights=None,
        weights_file=None if weights == "none" else Path(weights),
        profile=record.get("profile", "demo"),
        reading=changing.to_reading(READINGS[asked["reading"]], changes),
        backbone=record.get("backbone", ""),
        seed=record.get("seed", asked.get("seed", 42)),
        output=paths.output,
        workers=1,
        task=asked["task"],
        chunk=asked.get("chunk", 0.0),
        changes=changes,
        seeds=seeds,
    )


def _value(word: str) -> object:
    if " and " in word:
        return [_value(one) for one in word.split(" and ")]
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
