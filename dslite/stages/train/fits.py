"""The fits of one corpus, side by side: one process and one thread each, which repeats bit for bit and is faster.

One after the other they stay in the process of their notebook, if it has one thread: one import of TensorFlow less.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dslite.files import read_json, whole_file, write_json, write_table
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import NEXT_SEED, Paths
from dslite.layout.progress import Epoch
from dslite.layout.settings import Settings
from dslite.scoring import TRAINED_ON, coded, fit_name, main_score
from dslite.stages.train import process
from dslite.stages.train.pool import side_by_side
from dslite.weights import digest


@dataclass(frozen=True)
class Start:
    """What fits begin with, and what they learn from: as it stands those of a corpus, else those of a smaller network.

    Attributes:
        features: where features of the base model are kept.
        model: a fitted model's file, with whose base model and head they begin; None: with the base model's weights.
        teacher: that of the model that says of each plot of the second phase what is to be learnt; None: its label.
        zeros: whether weights that are 0 stay so.
        quantised: whether convolutions compute as they will in 8 bits.
    """

    features: Path
    model: Path | None = None
    teacher: Path | None = None
    zeros: bool = False
    quantised: bool = False


@dataclass(frozen=True)
class FitInputs:
    """What all fits of a corpus share: the settings, the names of the classes in their order, the hashes of the cached
    chunks and of the code that all results of the fits are made by, and what they begin with."""

    settings: Settings
    classes: tuple[str, ...]
    data_hash: str
    code: str
    start: Start


@dataclass(frozen=True)
class Fit:
    """One fit: its augmentation, the partition it is scored on, the folder it leaves its files in, and an identity
    that changes with everything that the model and its predictions depend on.

    ``partition`` has that of each file where it is not the corpus' own, ``title`` a name where that says too little.
    """

    augmentation: str
    target: str
    folder: Path
    identity: str
    partition: Mapping[str, str] | None = None
    title: str = ""

    @property
    def name(self) -> str:
        return self.title or fit_name(self.augmentation, self.target)

    @property
    def finished(self) -> bool:
        """Whether the folder holds this very fit, whole: the record is written last."""
        return read_json(self.folder / "record.json").get("identity") == self.identity

    def predictions(self) -> pd.DataFrame:
        """What it left, once it is finished: a row per file that it is scored on."""
        return pd.read_parquet(self.folder / "predictions.parquet")


def fitted_with(settings: Settings, data_hash: str) -> dict:
    """What a corpus' fits depend on but for their configuration and the labels that they see."""
    return {
        "data": data_hash,
        "profile": settings.profile,
        "backbone": settings.backbone,
        "weights": digest(settings.weights_file),
        "recipe": asdict(settings.recipe),
        "reading": settings.reading.parameters(),
        "seed": settings.seed,
    }


def planned(corpus: FinishedStage, augmentations: Iterable[str], folder: Callable[[str, str], Path]) -> list[Fit]:
    """A prepared corpus' fits, each with the augmentations; ``folder`` says where one goes, by augmentation and target.

    A fit's identity goes by the labels that it learns from and the files that it predicts, not by the labels of these.
    """
    found, augmentations = [], tuple(augmentations)
    for target in TRAINED_ON:
        key = _key(corpus, corpus.clips["partition"], target)
        found += [Fit(a, target, folder(a, target), records.hashed([key, a, target])) for a in augmentations]
    return found


def with_one(corpus: FinishedStage, augmentation: str, folder: Path) -> list[Fit]:
    """The same with one augmentation, each in the folder of its target below another."""
    return planned(corpus, [augmentation], lambda _, target: folder / target)


def held_out(corpus: FinishedStage, augmentation: str, files: np.ndarray, folder: Path, title: str) -> Fit:
    """A fit that learns from all of a corpus' files but some, bool (files,), which it predicts."""
    partition = pd.Series(np.where(files, "test", "train"))
    identity = records.hashed([_key(corpus, partition, "test"), augmentation, "test"])
    return Fit(augmentation, "test", folder, identity, dict(zip(corpus.clips["file"], partition, strict=True)), title)


def _key(corpus: FinishedStage, partition: pd.Series, target: str) -> str:
    """A hash of all that a fit depends on but for its augmentation."""
    clips = corpus.clips
    same = fitted_with(corpus.settings, corpus.record["data_hash"]) | {"classes": corpus.classes}
    learnt = clips.loc[partition.isin(TRAINED_ON[target]), ["file", "label"]].to_numpy().tolist()
    seen = {"learnt": learnt, "predicted": clips.loc[partition == target, "file"].tolist()}
    return records.identity("train", same | seen, corpus.settings.chosen)


def again(corpus: FinishedStage, augmentation: str, progress: Callable[..., None]) -> Path:
    """Makes a fit on train and dev once more with the next seed, where neither that has been done before nor a run with
    further seeds did; its model's file.

    Args:
        corpus: as prepared.
        augmentation: of the fit.
        progress: as for :func:`run`.
    """
    settings = corpus.settings
    other = FinishedStage(replace(settings, seed=settings.seed + 1, workers=1), corpus.record)
    further = Paths(Paths(settings.output).seed(other.settings.seed)).corpus(settings.name).fit(augmentation, "test")
    own = settings.paths.fit(augmentation, "test").with_name(NEXT_SEED)
    made, todo = (planned(other, [augmentation], lambda *_, at=at: at)[-1] for at in (further, own))
    if not made.finished:
        run(other, [made := todo], progress)
    return made.folder / "model.keras"


def run(
    corpus: FinishedStage,
    fits: Sequence[Fit],
    progress: Callable[..., None],
    apart: bool = False,
    start: Start | None = None,
) -> dict:
    """Runs what is not finished yet, and brings the labels in the tables of all fits up to date.

    Args:
        corpus: as prepared; its settings' ``workers`` run side by side. For one, see the head of this module.
        fits: the fits.
        progress: called with the share of the work that is done, 1, a short text, and the epochs that are new.
        apart: whether one after the other they go to a process of their own all the same, which may die alone.
        start: what they begin with, where that is not the base model, or its features lie elsewhere.

    Returns:
        For the record: ``backbone``, its ``weights`` (imagenet or random), ``weights_source``, ``hardware`` that the
        fits were made on, and ``warnings``, the corpus' among them.

    Raises:
        Died: a process of the pool did, for instance because memory ran out.
    """
    settings, code = corpus.settings, records.identity("train", {}, corpus.settings.chosen)
    start = start or Start(settings.paths.features)
    inputs = FitInputs(settings, corpus.classes, corpus.record["data_hash"], code, start)
    # The longest first, so that no core waits for a long one at the end; on one core, what dev is decided by.
    first = "test" if settings.workers > 1 else "dev"
    todo = sorted((f for f in fits if not f.finished), key=lambda f: (f.target != first, f.augmentation == "none"))
    total, done = len(todo) * process.work_done(settings.recipe, sum(settings.recipe.epochs)), {}
    if todo and (kept := [epoch for fit in fits if fit.finished for epoch in _labelled(inputs, fit)]):
        progress(0, 1, "some fits were finished before", kept)

    def tell(messages: list[tuple[str, float, str, list[Epoch]]]) -> None:
        done.update({name: work for name, work, _, _ in messages})
        name, _, text, _ = messages[-1]
        share = _EXTRACTION + (1 - _EXTRACTION) * sum(done.values()) / total
        progress(share, 1, f"{name}: {text}", [epoch for *_, epochs in messages for epoch in epochs])

    with side_by_side(settings.workers, tell, apart) as (pool, follow):
        finished = fits and not todo  # whoever made them: nobody needs features
        about = pool.submit(process.about, inputs).result() if finished else _extract(inputs, pool, progress)
        follow({pool.submit(process.fit, inputs, fit, about) for fit in todo})
    progress(1, 1, "all fits are finished", [epoch for fit in fits for epoch in _labelled(inputs, fit)])
    warnings = [*records.weights_warnings(about["weights"], about["source"]), *corpus.record["warnings"]]
    told = {"weights": about["weights"], "weights_source": about["source"], "warnings": warnings}
    made_on = {read_json(fit.folder / "record.json")["hardware"] for fit in fits}
    return {"backbone": settings.backbone, "hardware": "; ".join(sorted(made_on)), **told}


def _labelled(inputs: FitInputs, fit: Fit) -> list[Epoch]:
    """Labels and speakers as the corpus has them now, in a fit's predictions, and by them the UAR (of numbers the CCC)
    on dev per epoch."""
    files = [fit.folder / f"{name}.parquet" for name in ("predictions", "history")]
    clips, predicted, history = map(pd.read_parquet, [inputs.settings.paths.clips, *files])
    known = clips.set_index("file").loc[predicted["file"], ["speaker", "label"]]
    predicted = predicted.assign(**{name: known[name].to_numpy() for name in known})
    labels = coded(known["label"], inputs.classes)
    history["dev_uar"] = [main_score(labels, decided) for decided in history["dev_decided"]]
    for file, table in zip(files, (predicted, history), strict=True):
        write_table(file, table)
    return [Epoch(fit.name, e.phase, e.epoch, len(history), e.loss, e.dev_uar) for e in history.itertuples()]


_EXTRACTION = 0.05
"""Share of the bar that the features take."""


def _extract(inputs: FitInputs, pool: Executor, progress) -> dict:
    """Features of all chunks under the base model as it is before training, computed once for all fits."""
    about = pool.submit(process.about, inputs).result()
    features = inputs.start.features
    key = features.with_suffix(".json")
    if features.exists() and read_json(key) == about:
        return about
    # Parts end at whole batches, so that the numbers do not depend on how many parts there are.
    batch, total = inputs.settings.recipe.batch, about["chunks"]
    step = batch * max(1, -(-total // (batch * inputs.settings.workers * 4)))
    starts, parts = range(0, total, step), []
    for part in pool.map(partial(process.features, inputs, step), starts):
        parts.append(part)
        progress(_EXTRACTION * len(parts) / len(starts), 1, "features of the frozen base model")
    with whole_file(features) as draft:
        np.save(draft, np.concatenate(parts))
    write_json(key, about)
    return about
