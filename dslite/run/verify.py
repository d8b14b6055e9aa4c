"""``--verify``: whether what a run left says what its predictions say.

What a stage can make again (the module ``again`` of its folder) is made again in a copy, every page is drawn again, and
both are compared with what lies there. Nothing of the folder is executed or changed.
"""

import multiprocessing
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from dslite import store
from dslite.errors import Died, DsliteError
from dslite.files import read_json, sha256
from dslite.layout import progress, results
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import CHANGED, NOTEBOOKS, CorpusPaths, Paths
from dslite.reporting import display
from dslite.run import agreeing, crate, differing, exporting, outcome, outputs, plan, redrawing, session, signals
from dslite.run.copied import (
    ABSENT,
    ALONE,
    BESIDE,
    ITS_NOTEBOOK,
    LACKING,
    NOT_AGAIN,
    SPLIT_ABSENT,
    Copy,
    Report,
    parts_of,
)
from dslite.run.differing import Difference
from dslite.run.index import shown_scores, write_index
from dslite.run.unpacking import unpack
from dslite.scoring import TRAINED_ON
from dslite.stages.catalogue import ACROSS, OF_CORPUS, STAGES


def verify(place: Path, workers: int = 1) -> Report:
    """Checks the output folder of a run, or a zip of one or of its ``reports/``.

    Args:
        place: the folder or zip.
        workers: processes for the corpora, forks of this one, which must not have computed with TensorFlow if there
            are several.

    Raises:
        DsliteError: if it is neither, or a zip that is refused.
    """
    with tempfile.TemporaryDirectory(prefix="dslite-verify-") as scratch:
        origin = place
        if not place.is_dir():
            origin = Path(scratch, "zip")
            unpack(place, origin, models=True)  # none is opened
            bundles = [index.parent for index in origin.glob(f"*/{Paths(origin).index.name}")]
            if len(bundles) == 1 and not Paths(origin).reports.exists():
                bundles[0].rename(Paths(origin).reports)
        if not parts_of(origin):
            more = f", or one of those in its {CHANGED}/" if (origin / CHANGED).is_dir() else ""
            raise DsliteError(
                f"{place} holds neither artifacts/ nor reports/: name the output of a run, or a zip{more}."
            )
        found = _Verification(origin, Path(scratch))
        silent = patch.object(progress, "listeners", [lambda *_: None])
        none = dict.fromkeys(("picture", "picture_in_few_colours"), lambda *_: bytes(24))
        with silent, patch.multiple(display, **none):  # pictures are not compared
            found.everything(workers)
        if not (found.compared or found.report.right or found.report.wrong):
            raise DsliteError(f"{place}: nothing of it can be compared ({', '.join(found.report.unchecked)}).")
        return found.report


@contextmanager
def _processes(count: int) -> Iterator[Callable]:
    """:func:`map`, by so many processes side by side; where forks are not safe, in this one."""
    if count < 2 or sys.platform != "linux":
        yield map
        return
    try:
        # Arrow and BLAS have threads by now, and provide for forks; TensorFlow's, which do not, begin once it computes.
        with ProcessPoolExecutor(count, multiprocessing.get_context("fork"), signals.leave) as pool:
            yield pool.map
    except BrokenProcessPool as error:
        raise Died("A process of --verify was killed, most likely because memory ran out: try --cores 1.") from error


class _Verification(Copy):
    """All that is to be checked of an output."""

    def everything(self, workers: int) -> None:
        """Checks all that was taken."""
        first = Paths(self.folder)
        runs = (first, *first.further())
        places = [(paths, name) for paths in runs for stage in OF_CORPUS for name in paths.recorded(stage)]
        corpora = [(paths.output.relative_to(self.folder), name) for paths, name in dict.fromkeys(places)]
        self.again(self.name(first.crate), self._hashes, first)
        self.again(Paths(self.origin).manifest.name, self._manifest)
        if not first.artifacts.exists():
            self.report.unchecked["all but the notebooks' pages"] = "there are no artifacts/ to compute them from"
        with _processes(min(workers, len(corpora))) as mapped:
            for one in mapped(self._corpus, corpora):
                self.merge(one)
        for paths in runs:
            for stage in (stage for stage in ACROSS if paths.across(stage).record(stage).exists()):
                self.attempt(self.name(paths.across(stage).record(stage)), self._across, paths, stage)
            self.attempt(self.name(paths.index), self._index, paths)
        for notebook in sorted(first.reports.rglob("*.ipynb")):
            self.attempt(self.name(notebook), self._as_notebook, notebook)
        notes = [place for of in runs for place in (of.logs, of.plan, of.lock, of.crate)]
        for file in sorted(file for file in self.folder.rglob("*") if file.is_symlink()):
            if self.name(file) not in self.compared and not {*notes} & {file, *file.parents}:
                made = file.is_relative_to(first.artifacts)
                self.report.unchecked.setdefault(self.name(file), NOT_AGAIN if made else ALONE)
        exported = (self.origin / name for name in exporting.CRATE)
        parts = (*parts_of(self.origin), Paths(self.origin).manifest, *exported)
        for other in sorted(other for other in self.origin.iterdir() if other not in parts):
            runs_of_their_own = "each of its folders is a run of its own"
            self.report.unchecked[other.name] = runs_of_their_own if other.name == CHANGED else BESIDE

    def _corpus(self, which: tuple[Path, str]) -> Copy:
        """What comes of one corpus of one run, by the run's folder in the output, in a copy of its own."""
        mine = _Verification(self.origin, Path(tempfile.mkdtemp(dir=self.scratch)))
        paths, name = Paths(mine.folder / which[0]), which[1]
        mine.attempt(mine.name(paths.corpus(name).found), mine._data, paths, name)
        for stage in (stage for stage in OF_CORPUS if paths.corpus(name).record(stage).exists()):
            mine.attempt(mine.name(paths.corpus(name).record(stage)), mine._stage, paths, name, stage)
        return mine

    def _stage(self, paths: Paths, name: str, stage: str) -> None:
        places = paths.corpus(name)
        finished = agreeing.finished(paths, name, stage)
        for key, said, mine in agreeing.pairs(places, name, stage, finished.record):
            self.same(self.name(places.record(stage)), key, str(said), str(mine))
        other = self._other_code(paths, name, stage)
        self._made_from(paths, name, stage)
        if find_spec(f"dslite.stages.{stage}.again"):
            self.again(f"{name} {stage}", self._again, stage, finished, other=other)
        self.attempt(self.name(places.page(stage)), self._page, places, stage, finished, other)

    def _again(self, stage: str, finished: FinishedStage) -> None:
        """Makes what a stage can make again, once all is there that it was made from."""
        for needed in STAGES[stage].needs:
            finished.paths.record(needed).stat()
        import_module(f"dslite.stages.{stage}.again").again(finished)

    def _across(self, paths: Paths, stage: str) -> None:
        other = self._other_code(paths, "", stage)
        again = import_module(f"dslite.stages.{stage}.again").again
        if STAGES[stage].needs and not results.evaluated(paths):
            self.report.unchecked[stage] = f"{LACKING} (no corpus' scores are there)"
        elif finished := self.again(stage, again, paths, other=other):
            said = read_json(paths.across(stage).record(stage))
            then = {name: said[name] for name in differing.CIRCUMSTANCES if name in said}
            finished = replace(finished, record=finished.record | then)
            places = paths.across(stage)
            self.attempt(self.name(places.page(stage)), self._page, places, stage, finished, other)

    def _page(self, places: CorpusPaths, stage: str, finished: object, other: bool) -> None:
        place, name = places.page(stage), self.name(places.page(stage))
        if not place.exists():
            if Paths(places.root.parents[1]).reports.is_dir():
                self.report.unchecked.setdefault(name, ABSENT)
            return
        template, head = NOTEBOOKS / f"{stage}.ipynb", self._head(place)
        drawn = self.again(name, redrawing.page, template, finished, self.scratch, *head, other=other)
        if not isinstance(drawn, tuple):
            return
        page, failed = drawn
        self.compared.add(name)
        html = place.read_text("utf-8")
        for cell, why in failed.items():
            if other or why.startswith(FileNotFoundError.__name__):
                self.report.unchecked[f"{name} {cell}"] = f"it cannot be drawn again ({self.here(why):.200})"
            else:
                self.report.wrong.append(Difference(f"{name} {cell}", "it cannot be drawn again", "", self.here(why)))
        self.note(*differing.pages(name, differing.shown(html), differing.shown(page), failed), other)
        if pictures := html.count("data:image/"):
            self.report.unchecked[f"{name} ({pictures})"] = "pictures are not compared, but what is written beside them"

    def _as_notebook(self, notebook: Path) -> None:
        page = notebook.with_suffix(".html")
        if page.exists() and page.stem in STAGES:
            right = self.report.right
            draft = self.scratch / notebook.name
            draft.write_bytes(notebook.read_bytes())
            both = page.read_text("utf-8"), redrawing.drawn(draft, *self._head(page))
            said, mine = (differing.shown(html, code=True) for html in both)
            self.note(*differing.pages(f"{self.name(page)} beside its notebook", said, mine), other=True)
            if self.name(page) not in self.compared:  # who changes one can change the other
                self.report.right = right
                self.report.unchecked[self.name(page)] = ITS_NOTEBOOK
            self.compared |= {self.name(notebook), self.name(page)}

    def _head(self, page: Path) -> tuple[str, str]:
        """Title of a notebook's page, and its way to the index."""
        if (stage := STAGES[page.stem]).across:
            return stage.title, "index.html"
        return f"{session.title(page.parent.name)}: {page.stem}", "../index.html"

    def _index(self, paths: Paths) -> None:
        """What leads to the pages: the index's scores, ``results.csv``, and pages that an index writes."""
        if paths.index.exists() or paths.results.exists():  # a further seed has neither
            self.again("results.csv", results.write, paths)
        for stage in (stage for stage in STAGES if find_spec(f"dslite.stages.{stage}.index")):
            entries, there = import_module(f"dslite.stages.{stage}.index").entries, paths.recorded(stage)
            other = any(self._other_code(paths, corpus, stage) for corpus in there)
            self.again(f"what the index names of {stage}", entries, paths, there, other=other)
        if not paths.index.exists() or not paths.artifacts.exists():
            return
        self.compared.add(self.name(paths.index))
        self.report.unchecked[f"{self.name(paths.index)} (all but its scores)"] = ALONE
        known, draft = results.gather(paths), self.scratch / paths.index.name
        corpora = [outputs.corpus(name, paths) for name in shown_scores(known)]
        write_index(draft, corpora, (), {}, {}, [], {}, known)
        said, mine = (_scored_rows(of.read_text("utf-8")) for of in (paths.index, draft))
        for corpus, row in zip(corpora, mine, strict=False):  # below are those of notebooks across corpora
            found = [one for one in said if one.startswith(row[: row.index("</span>")])]
            place = f"{self.name(paths.index)} {corpus['name']}"
            self.note(*differing.pages(place, {"": found}, {"": [row]}), False)

    def _hashes(self, paths: Paths) -> None:
        """Whether the files of the reports are those that the run has left."""
        said = crate.said(paths.crate)
        there = crate.hashes(paths.reports, paths) if paths.reports.exists() else {}
        unnamed = sorted(there.keys() - said.keys())
        if unnamed:
            self.report.unchecked[", ".join(unnamed) if said else "hashes of the reports"] = "no crate names them"
        for name, digest in said.items():
            self.same(f"{self.name(paths.reports)}/{name}", "sha256", digest, there.get(name, ""))

    def _manifest(self) -> None:
        """Whether the files of an export are those that its manifest names, and imported ones still are."""
        manifest = Paths(self.origin).manifest
        told = read_json(manifest).get("files", {})
        paths = Paths(self.folder)
        marks = {mark.parent.name: read_json(mark) for mark in paths.artifacts.glob("*/elsewhere.json")}
        if not told and not marks:
            return
        for corpus, about in (*read_json(manifest).get("corpora", {}).items(), *marks.items()):
            record = paths.corpus(corpus).record("train")
            self.same(self.name(record), "hardware", read_json(record).get("hardware"), about.get("hardware"))
        files = (file for file in self.origin.rglob("*") if file.is_file() and not file.is_symlink())
        there = {file.relative_to(self.origin).as_posix(): file for file in files if file != manifest}
        for name, about in [one for of in (told, *(mark["files"] for mark in marks.values())) for one in of.items()]:
            mine = sha256(there[name]) if name in there else ""
            self.same(name, "sha256", about["sha256"], mine)
        if told:
            self.report.unchecked |= dict.fromkeys(sorted(there.keys() - told.keys()), "the manifest does not name it")

    def _data(self, paths: Paths, name: str) -> None:
        """Whether cached spectrograms are those of the records, and of all predictions labels and speakers those of the
        corpus, or of another one of the output: a network may have learnt that one before (stage ``graph``)."""
        places = paths.corpus(name)
        for record in places.root.rglob("corpus/record.json"):
            of = Paths(record.parents[3]).corpus(record.parents[1].name)
            if not of.spectrograms.exists():
                self.report.unchecked[f"data_hash of {self.name(record)}"] = "the spectrograms are not there"
                continue
            said = read_json(record).get("data_hash")
            mine = store.data_hash(pd.read_parquet(of.chunks), of.spectrograms)
            self.same(self.name(record), "data_hash", said, mine)
            self.compared.add(self.name(of.spectrograms))
        if not places.found.exists():
            return
        corpora = dict.fromkeys([name, *paths.recorded("corpus")])
        own, *others = (pd.read_parquet(paths.corpus(of).found).set_index("file") for of in corpora)
        clips = pd.read_parquet(places.clips)
        columns = ["file", "label", "speaker", "partition"]
        said, mine = own.reindex(clips["file"]).reset_index()[columns], clips[columns]
        self.note(*differing.tables(self.name(places.found), said, mine)[:2], False)
        for file in sorted(places.root.rglob("predictions.parquet")):
            self.attempt(self.name(file), self._known, file, own, others)

    def _known(self, file: Path, own: pd.DataFrame, others: list[pd.DataFrame]) -> None:
        """Whether predictions are of files of their partition, with the labels and speakers of the corpus' files, and
        what is decided of a file of one chunk is what is most probable."""
        table, name, partition = pd.read_parquet(file), self.name(file), file.parent.name
        elsewhere = [] if table["file"].isin(own.index).any() else others
        clips = next((of for of in elsewhere if table["file"].isin(of.index).all()), own)
        said = table.assign(partition=partition) if partition in TRAINED_ON else table
        mine = clips.reindex(table["file"]).reset_index().assign(predicted=_decided(table))
        for column in ("label", "speaker", "partition", "predicted"):
            if column in said:
                self.note(*differing.tables(name, said[["file", column]], mine[["file", column]])[:2], False)
        places = CorpusPaths(file.parents[3], file)
        if places.clips.exists() and file.parents[2].name in ("train", "baseline") and partition in TRAINED_ON:
            kept = pd.read_parquet(places.clips).query("partition == @partition")["file"]
            odd = sorted({*table["file"]} ^ {*kept})
            there = f"{len(table)} files" + f", without or besides {', '.join(odd[:3])}" * bool(odd)
            self.same(name, f"files of {partition}", there, f"{len(kept)} files")
        self.report.unchecked[f"{name} (all but label and speaker)"] = NOT_AGAIN
        self.compared.add(name)

    def _made_from(self, paths: Paths, corpus: str, stage: str) -> None:
        """Whether the records, and the split, that a stage was made from are those that lie there."""
        last = outcome.read(paths.outcome(f"{corpus}-{stage}"))
        for name, identity in (last.inputs if last else {}).items():
            if name == plan.SPLIT:
                place, split = self.name(paths.split(corpus)), paths.split(corpus)
                split = split if split.exists() else Paths(self.origin).split(corpus)  # outside of changed runs
                if split.exists() or not identity:
                    key = f"{name}, from which {corpus} {stage} was made"
                    self.same(place, key, plan.identity(split), identity)
                else:
                    self.report.unchecked[place] = SPLIT_ABSENT
            needed, _, of = name.partition(" of ")
            there = read_json(paths.corpus(of or corpus).record(needed)).get("identity")
            if needed in STAGES and there is not None:
                record = self.name(paths.corpus(of or corpus).record(needed))
                self.same(record, f"identity, from which {corpus} {stage} was made", there, identity)

    def _other_code(self, paths: Paths, corpus: str, stage: str) -> bool:
        """Whether other code than this one's made a stage's results or its page; without a log it is taken for this."""
        last = outcome.read(paths.outcome(f"{corpus}-{stage}" if corpus else stage))
        then = (last.made_from | last.page_from) if last else {}
        return outcome.of_other_code(then, f"dslite.stages.{stage}.work", plan.PAGE_MAKER, NOTEBOOKS / f"{stage}.ipynb")


def _decided(table: pd.DataFrame) -> np.ndarray:
    """What a prediction table should have ``predicted``, as far as its probabilities say: what is most probable of a
    file of one chunk, however files are decided; of ties, and of any other file, what it has."""
    told, given = table.filter(regex="^p_"), table["predicted"].to_numpy()
    if not len(told.columns) or "chunks" not in table:
        return given
    probabilities, names = told.to_numpy(), told.columns.str.removeprefix("p_")
    at, rows = names.get_indexer(given), np.arange(len(table))
    highest = probabilities.max(axis=1)  # NaN where a system has no probabilities
    sure = (table["chunks"] == 1) & ((at < 0) | (probabilities[rows, at] < highest)) & ~np.isnan(highest)
    return np.where(sure, names[probabilities.argmax(axis=1)], given)


def _scored_rows(index: str) -> list[str]:
    """The rows of the table of an index, without the states of notebooks and what the paper printed."""
    cells = r'<td (?:colspan="\d+" )?class="(?:state-|ds-published ).*?</td>\n'
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', index, re.DOTALL)
    return [re.sub(cells, "", row, flags=re.DOTALL) for row in rows]
