"""Stage ``explain``: why the model decides as it does, clip by clip and over many, and whether that can be trusted.

What is explained is the model of the augmentation that is best on dev, fitted on train and dev; its clips are test's.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from dslite import audio, store
from dslite.errors import DsliteError
from dslite.explanation import baselines, evidence, explainers, trust
from dslite.explanation.choice import by_thirds, choose
from dslite.explanation.maps import Attribution
from dslite.explanation.view import View
from dslite.files import whole_file
from dslite.layout import progress, records
from dslite.layout.finished import FinishedStage
from dslite.layout.settings import Settings
from dslite.model import load_model
from dslite.scoring import TRAINED_ON
from dslite.stages.train import fits
from dslite.tasks import in_order, outputs

AUTO = "auto"
"""The baseline that :func:`dslite.explanation.baselines.choose` takes."""

WAYS = ("partition", "paper", "gradients")
"""Ways to a map that one clip is explained in, to compare them."""

SHARE = 0.8
"""Of all that raises the class (that moves the number where it went), what the evidence holds."""


@dataclass(frozen=True)
class Budget:
    """What explanations may cost; almost all of it is pictures that the model sees (13 ms each, EfficientNet-Lite0).

    Attributes:
        classes: how many are explained at most; an own corpus may have dozens, a page cannot.
        evaluations: per chosen clip. 100, as in the authors' notebook, tell about 50 of the 512 regions apart.
        sample: clips per class for the mean maps, drawn at random from test.
        sample_evaluations: per clip of the sample; an average needs less detail than a picture.
        curves: clips of the sample whose deletion and insertion curves are drawn.
        draws: random orders per curve.
        heads: clips of the sample that are explained again with the head shuffled.
        points: of the gradients' way; each costs a backward pass per class.
        again: whether the fit is made once more with another seed, to compare the maps.
    """

    classes: int
    evaluations: int
    sample: int
    sample_evaluations: int
    curves: int
    draws: int
    heads: int
    points: int
    again: bool


BUDGETS = {
    # Of ``demo`` on a stand-in, whose sounds are known: as much as shows what the page can.
    "stand-in": Budget(4, 48, 2, 32, 2, 1, 2, 8, again=False),
    # 1,900 pictures for four classes.
    "demo": Budget(8, 100, 3, 60, 4, 2, 2, 24, again=True),
    "tuned": Budget(8, 200, 8, 100, 6, 2, 2, 48, again=True),
    # Where fitting takes hours, 20 minutes of DenseNet121 are well spent on means that do not rest on three clips.
    "full": Budget(8, 500, 24, 200, 12, 4, 4, 128, again=True),
}


def work(settings: Settings, baseline: str = AUTO) -> FinishedStage:
    """Leaves SHAP maps of test clips, what they look like on average, what speaks for them, and whether to trust it.

    Args:
        settings: of the corpus.
        baseline: what a hidden region shows, one of :data:`dslite.explanation.baselines.WORDS`, or the one that
            :func:`dslite.explanation.baselines.choose` takes (``"auto"``).

    Raises:
        DsliteError: for another baseline; or if the output folder holds results of other parameters.
    """
    if baseline not in (AUTO, *baselines.WORDS):
        raise DsliteError(f"The baseline {baseline!r} is not one of {', '.join((AUTO, *baselines.WORDS))}.")
    evaluated = FinishedStage.of(settings, "evaluate")
    more = {"baseline": baseline}
    identity = records.identity("explain", {"evaluate": evaluated.record["identity"], **more}, settings.chosen)
    if record := records.made(settings, "explain", identity, **more):
        return FinishedStage(settings, record)
    started = records.start(settings, "explain")
    budget = BUDGETS["stand-in" if settings.standin and settings.profile == "demo" else settings.profile]
    shutil.rmtree(settings.paths.file("explain"), ignore_errors=True)  # other clips may have been chosen then
    fit = evaluated.fit_record(evaluated.chosen, "test")
    about = records.inherited(evaluated.record) | {name: fit[name] for name in ("augmentation", "trained_on")}
    subject = _Subject(evaluated, budget, baseline, fit["weights"] == "imagenet")
    clips = [_explain_clip(subject, number, row) for number, row in enumerate(subject.chosen.itertuples())]
    _compare_ways(subject, clips)
    maps, sample = _explain_sample(subject)
    failed, tables = _check_trust(subject, maps)
    record = {
        **about,
        **records.begin(settings, "explain", identity, started, **more),
        "made_from": {"evaluate": evaluated.record["identity"]},
        "front_end": asdict(subject.front_end),
        "explained": list(subject.explained),
        "baseline": baselines.WORDS[subject.hides],
        "chosen_by": "rule" if baseline == AUTO else "hand",
        "bases": {name: base.tolist() for name, base in subject.bases.items()},
        "failed": failed,
        "budget": asdict(budget),
        "clips": clips,
    }
    return records.write(settings, record, {"sample": sample} | tables)


class _Subject:
    """The model, its clips and how far the work is."""

    def __init__(self, stage: FinishedStage, budget: Budget, baseline: str, imagenet: bool):
        progress.report(0, 1, "loading the model")
        model = load_model(stage.paths.fit(stage.chosen, "test") / "model.keras")
        self.stage, self.budget, self.view = stage, budget, View.of(model)
        self.front_end = self.view.plot.parameters
        self.outputs, self.numeric = outputs(stage.classes), not stage.classes
        self.predictions = stage.predictions(stage.chosen, "test")
        groups = in_order(self.predictions["label"], stage.classes)
        self.predictions = by_thirds(self.predictions) if self.numeric else self.predictions
        there = set(self.predictions["label"])  # a reading that drops short files may leave a class without any
        self.explained = tuple(name for name in groups if name in there)[: budget.classes]
        self.chosen = choose(self.predictions, self.explained)
        self.chunks = stage.chunks
        self._samples = store.Samples(stage.paths.samples)
        self._stored = store.Spectrograms(stage.paths.spectrograms, self.chunks)
        clips, _ = stage.grouped
        learnt = clips[clips["partition"].isin(TRAINED_ON["test"])].set_index("file")["label"]
        self._learnt = self.chunks.assign(label=self.chunks["file"].map(learnt)).dropna(subset="label")
        self.baselines = {
            "silence": baselines.silence(self.front_end.mel_bins, self.front_end.level_type),
            "training mean": baselines.training_mean(self._trained_on()),
            "training plots": self._training_plots(),
        }
        frames = int(self.chunks["frames"].median())
        said = self.view.probabilities
        self.bases = {name: baselines.hidden(said, plots, frames) for name, plots in self.baselines.items()}
        self.hides = baselines.choose(self._decided(stage.clips)) if baseline == AUTO else baseline
        own = self.predictions["label"].value_counts()
        self.sampled = sum(min(budget.sample, own[label]) for label in self.explained)
        steps = (budget.curves, 2 * (budget.draws + 2)), (budget.heads, 5 + 5 * budget.again)
        self._all = 10 * len(self.chosen) + 25 + 5 * self.sampled + sum(n * cost for n, cost in steps)
        self._done = 0
        self.fits = budget.again and imagenet  # without, another seed would be another base model

    def _decided(self, clips: pd.DataFrame) -> dict[str, np.ndarray]:
        """How far each baseline is decided already: by its probabilities; of numbers by how many standard deviations of
        the training labels its value lies from their mean."""
        if not self.numeric:
            return self.bases
        labels = clips.loc[clips["partition"].isin(TRAINED_ON["test"]), "label"]
        return {name: np.abs(base - labels.mean()) / labels.std() for name, base in self.bases.items()}

    def said(self, predicted) -> tuple[int, str]:
        """Which output speaks for what is predicted, and that in words."""
        return (0, f"{predicted:.3g}") if self.numeric else (self.outputs.index(predicted), predicted)

    def did(self, work: int, text: str) -> None:
        self._done += work
        progress.report(min(self._done, self._all) / self._all * (0.5 if self.fits else 1.0), 1, text)

    def levels(self, chunk: int) -> np.ndarray:
        """Levels (frames, mel_bins) of a chunk, by its row."""
        return self._stored.batches([chunk])[0][1][0]

    def _trained_on(self) -> Iterator[np.ndarray]:
        """Levels (n, frames, mel_bins), in turn all chunks that the model was trained on."""
        rows = self._learnt.index
        for start in range(0, len(rows), 256):
            yield from (levels for _, levels in self._stored.batches(rows[start : start + 256]))

    def _training_plots(self) -> np.ndarray:
        """Levels (k, frames, mel_bins) of some training chunks: of one class each, while there are any, and no class is
        drawn twice before all were."""
        drawn = self._learnt.sample(frac=1.0, random_state=self.stage.settings.seed)
        turn = drawn.groupby("label").cumcount()
        rows = turn.sort_values(kind="stable").index[: baselines.PLOTS]
        plots = [self.levels(row) for row in rows]
        frames = min(map(len, plots))
        return np.stack([plot[:frames] for plot in plots])

    def wave(self, chunk: int) -> np.ndarray:
        """float32 (samples,): what the model hears of it."""
        row, p = self.chunks.iloc[chunk], self.front_end
        length = round(self.stage.settings.recipe.chunk * p.rate) or None
        return audio.cut(self._samples[row["file"]][round(row["start_s"] * p.rate) :], length, 1, p.window)[0]

    def seconds(self, levels: np.ndarray) -> float:
        """How long levels are."""
        p = self.front_end
        return ((len(levels) - 1) * p.hop + p.window) / p.rate

    def clearest(self, file: str, index: int) -> int:
        """The chunk of a file in which the model is surest of a class, by its row; of numbers the first."""
        rows = self.chunks.index[self.chunks["file"] == file]
        if self.numeric:
            return int(rows[0])
        return int(rows[np.argmax([self.view.probabilities(self.levels(row)[None])[0, index] for row in rows])])

    def explain(self, view: View, levels: np.ndarray, evaluations: int) -> Attribution:
        baseline = self.baselines[self.hides]
        if len(baseline) > 1:  # each mask costs several pictures: half as many more of these, and fewer masks
            evaluations = round(1.5 * evaluations / len(baseline))
        return explainers.partition(view.probabilities, levels, baseline, evaluations=evaluations)


def _explain_clip(subject: _Subject, number: int, row) -> dict:
    """Map and sounds of one chosen clip; returns what is to be said of it."""
    said, words = subject.said(row.predicted)
    at = subject.clearest(row.file, said)
    levels, wave = subject.levels(at), subject.wave(at)
    attribution = subject.explain(subject.view, levels, subject.budget.evaluations)
    lowered = subject.numeric and attribution.prediction[said] < attribution.base[said]
    speaks = replace(attribution, values=-attribution.values) if lowered else attribution
    kept = evidence.evidence_regions(speaks, said, SHARE)
    heard = evidence.evidence_audio(wave, kept, subject.front_end)
    again = subject.view.probabilities(subject.view.plot.quantise(heard[None]).numpy())[0]
    clip = {
        **{name: getattr(row, name) for name in ("label", "kind", "file", "true") if hasattr(row, name)},
        "predicted": words,
        "probability": float(row.predicted if subject.numeric else row.probability),
        "chunk": int(subject.chunks.at[at, "chunk"]),
        "chunks": int((subject.chunks["file"] == row.file).sum()),
        "start_s": float(subject.chunks.at[at, "start_s"]),
        "seconds": subject.seconds(levels),
        "padded": bool(subject.chunks.at[at, "padded"]),
        "of_chunk": float(attribution.prediction[said]),
        "base": float(attribution.base[said]),
        "gap": float(np.abs(attribution.gap).max()),
        "kept": float(kept.mean()),
        "heard_as": subject.said(again[0])[1] if subject.numeric else subject.outputs[again.argmax()],
        "heard_probability": float(again[said]),
    }
    paths = subject.stage.paths
    _save(paths.file("explain", f"clips/{number:02}.npz"), **attribution.arrays(), levels=levels, kept=kept)
    peak = float(np.abs(wave).max())
    for name, sound in (("original", wave), ("evidence", heard)):
        with whole_file(paths.file("explain", f"clips/{number:02}-{name}.mp3")) as draft:
            draft.write_bytes(evidence.encode(sound, subject.front_end.rate, peak))
    subject.did(10, f"{row.label}: {row.kind} clip explained")
    return clip


def _compare_ways(subject: _Subject, clips: list[dict]) -> None:
    """What one clip's decision rests on, in every way."""
    paths = subject.stage.paths
    number = next((n for n, clip in enumerate(clips) if clip["kind"] == "right"), 0)
    with np.load(paths.file("explain", f"clips/{number:02}.npz")) as stored:
        levels, ours = stored["levels"], Attribution.of(stored)
    hides = subject.baselines[subject.hides]
    picture = subject.view.plot.paint(levels[None]).numpy()[0]
    said = 0 if subject.numeric else subject.outputs.index(clips[number]["predicted"])
    few = min(explainers.EVALUATIONS, subject.budget.evaluations)  # inpainting costs more than the model
    ways: dict[str, Callable[[], Attribution]] = {
        "partition": lambda: ours.only([said]),
        "paper": lambda: explainers.paper_way(subject.view.probabilities_of_pictures, picture, few).only([said]),
        "gradients": lambda: explainers.gradients(subject.view, levels, hides, said, subject.budget.points),
    }
    for name in WAYS:
        found = ways[name]()
        pooled = replace(found, values=found.pooled())
        _save(paths.file("explain", f"ways/{name}.npz"), **pooled.arrays(), levels=levels, clip=number)
    subject.did(25, "one clip explained in three ways")


def _explain_sample(subject: _Subject) -> tuple[list[tuple[np.ndarray, Attribution]], pd.DataFrame]:
    """Maps of clips drawn at random from each class, what mean maps and checks rest on; and a row for each."""
    rng, rows, maps = np.random.default_rng(subject.stage.settings.seed), [], []
    for label in subject.explained:
        files = subject.predictions.loc[subject.predictions["label"] == label, "file"].to_numpy()
        for file in rng.permutation(files)[: subject.budget.sample]:
            chunk = int(subject.chunks.index[subject.chunks["file"] == file][0])
            levels = subject.levels(chunk)
            maps.append((levels, subject.explain(subject.view, levels, subject.budget.sample_evaluations)))
            rows.append({"file": file, "label": label, "seconds": subject.seconds(levels)})
            subject.did(5, f"{label}: clip {len(rows)} of {subject.sampled} for the mean maps")
    found = [attribution for _, attribution in maps]
    arrays = {name: np.stack([a.arrays()[name] for a in found]) for name in found[0].arrays()}
    _save(subject.stage.paths.file("explain", "sample.npz"), **arrays)
    return maps, pd.DataFrame(rows)


def _check_trust(
    subject: _Subject, maps: list[tuple[np.ndarray, Attribution]]
) -> tuple[list[str], dict[str, pd.DataFrame]]:
    """Deletion and insertion against random orders, the maps of a model with a shuffled head, and those of the same fit
    with another seed; returns which of these the maps fail, and the tables."""
    spread = np.linspace(0, len(maps) - 1, min(subject.budget.curves, len(maps))).round().astype(int)
    curves = []
    for at in spread:
        levels, found = maps[at]
        index, draws = int(found.prediction.argmax()), subject.budget.draws
        for name, plots in subject.baselines.items():
            curve = trust.curves(subject.view.probabilities, levels, found, index, plots, draws, seed=int(at))
            curves.append(curve.assign(clip=at, baseline=name))
        subject.did(2 * (draws + 2), "deletion and insertion")
    picked = [maps[at] for at in spread[: subject.budget.heads]]

    def again(view: View, levels: np.ndarray) -> Attribution:
        subject.did(5, "maps of a shuffled head, and of another seed")
        return subject.explain(view, levels, subject.budget.sample_evaluations)

    levels, before = zip(*picked, strict=True)
    head = trust.head_check(again, subject.view, levels, before=before)
    seeds = pd.DataFrame(columns=["clip", "similarity", "similarity_unsigned"], dtype=float)
    if subject.fits:
        corpus = FinishedStage.of(subject.stage.settings, "corpus")
        # In the full profile a fit takes as long as all else.
        told = progress.part(0.5, 0.5, "the same fit with the next seed")
        view = View.of(load_model(fits.again(corpus, subject.stage.chosen, told)))
        pairs = ((b.pooled()[b.prediction.argmax()], again(view, x).pooled()[b.prediction.argmax()]) for x, b in picked)
        seeds = pd.DataFrame([(at, *trust.similarity(*pair)) for at, pair in enumerate(pairs)], columns=seeds.columns)
    head, seeds = (table.assign(clip=spread[table["clip"].astype(int)]) for table in (head, seeds))
    tables = {"curves": pd.concat(curves, ignore_index=True), "head": head, "seeds": seeds}
    return trust.failed(**tables), tables


def _save(file, **arrays) -> None:
    with whole_file(file) as draft:
        np.savez_compressed(draft, **arrays)
