"""Stage ``explain``: why the model decides as it does, clip by clip and over many, and whether that can be trusted.

What is explained is the model of the augmentation that is best on dev, fitted on train and dev; its clips are test's.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from dslite import audio
from dslite.errors import DsliteError
from dslite.explanation import evidence, explainers, trust
from dslite.explanation.choice import choose
from dslite.explanation.maps import Attribution
from dslite.explanation.regions import silence, training_mean
from dslite.explanation.view import View
from dslite.files import whole_file
from dslite.layout import progress, records
from dslite.layout.settings import Settings
from dslite.model import load_model
from dslite.reporting.explanations import Explained
from dslite.reporting.provenance import provenance_line
from dslite.stages.corpus import work as stages
from dslite.stages.corpus.work import Stage
from dslite.stages.explain.cards import card_picture
from dslite.stages.train import fits
from dslite.store import Spectrograms

BASELINES = {
    "silence": "silence: level 0, the floor of the plot",
    "training mean": "training mean: the mean level of each Mel bin over all chunks that the model was trained on",
}
"""What a hidden region may show -> the same in words."""

WAYS = ("partition", "paper", "gradients")
"""Ways to a map that one clip is explained in, to compare them."""

SHARE = 0.8
"""Of all that raises the class, what the evidence holds."""


@dataclass(frozen=True)
class Budget:
    """What explanations may cost; almost all of it is pictures that the model sees (6.5 ms each, SqueezeNet).

    Attributes:
        classes: how many are explained at most; an own corpus may have dozens, a page cannot.
        evaluations: per chosen clip. 100, as in the authors' notebook, tell about 50 of the 256 regions apart.
        sample: clips per class for the mean maps, drawn at random from test.
        sample_evaluations: per clip of the sample; an average needs less detail than a picture.
        curves: clips of the sample whose deletion and insertion curves are drawn.
        draws: random orders per curve.
        heads: clips of the sample that are explained again with the head shuffled.
        points: of the gradients' way; each costs a backward pass per class.
    """

    classes: int
    evaluations: int
    sample: int
    sample_evaluations: int
    curves: int
    draws: int
    heads: int
    points: int


BUDGETS = {
    # 1,900 pictures for four classes: with them, eight corpora cost two cores less than two minutes in all.
    "demo": Budget(8, 100, 3, 60, 4, 2, 2, 24),
    # Where fitting takes hours, 20 minutes of DenseNet121 are well spent on means that do not rest on three clips.
    "full": Budget(8, 500, 24, 200, 12, 4, 4, 128),
}


def explain(settings: Settings, baseline: str = "silence") -> Stage:
    """Stage ``explain``: SHAP maps of test clips, what they look like on average, and what speaks for them.

    Args:
        settings: of the corpus.
        baseline: what a hidden region shows, one of :data:`BASELINES`.

    Raises:
        DsliteError: for another baseline; or if the output folder holds results of other parameters.
    """
    if baseline not in BASELINES:
        raise DsliteError(f"The baseline {baseline!r} is not one of {', '.join(BASELINES)}.")
    evaluated = stages.evaluate(settings)
    more = {"baseline": baseline}
    identity = {"evaluate": evaluated.record["identity"], **more}
    if record := records.made(settings, "explain", identity, **more):
        return Stage(settings, record)
    started, budget, places = time.monotonic(), BUDGETS[settings.profile], settings.paths
    places.record("explain").unlink(missing_ok=True)  # first: no record, no finished stage
    shutil.rmtree(places.record("explain").parent, ignore_errors=True)  # other clips may have been chosen then
    fit = evaluated.fit_record(evaluated.chosen, "test")
    about = records.inherited(evaluated.record) | {name: fit[name] for name in ("augmentation", "trained_on")}
    about |= {"profile": settings.profile, "reading": settings.reading.name, "seed": settings.seed}
    bench = _Bench(evaluated, budget, baseline)
    clips = [_explain_clip(bench, number, row, about) for number, row in enumerate(bench.chosen.itertuples())]
    base = _compare_ways(bench, clips)
    maps = _explain_sample(bench)
    _check_trust(bench, maps)
    record = {
        **about,
        **records.begin(settings, "explain", identity, started, **more),
        "front_end": asdict(bench.front_end),
        "explained": list(bench.explained),
        "baseline": BASELINES[baseline],
        "base": dict(zip(evaluated.classes, base.tolist(), strict=True)),
        "budget": asdict(budget),
        "clips": clips,
    }
    records.write(settings, record)
    return Stage(settings, record)


class _Bench:
    """The model, its clips and how far the work is."""

    def __init__(self, stage: Stage, budget: Budget, baseline: str):
        progress.report(0, 1, "loading the model")
        model = load_model(stage.paths.fit(stage.chosen, "test") / "model.keras")
        self.stage, self.budget, self.view = stage, budget, View.of(model)
        self.front_end = self.view.plot.parameters
        self.classes = stage.classes
        self.predictions = stage.predictions(stage.chosen, "test")
        there = set(self.predictions["label"])  # a reading that drops short files may leave a class without any
        self.explained = tuple(name for name in stage.classes if name in there)[: budget.classes]
        self.chosen = choose(self.predictions, self.explained)
        self.chunks = pd.read_parquet(stage.paths.chunks)
        self._stored = Spectrograms(stage.paths.spectrograms, self.chunks)
        silent = baseline == "silence"
        self.baseline = silence(self.front_end.mel_bins) if silent else training_mean(self._trained_on())
        own = self.predictions["label"].value_counts()
        self.sampled = sum(min(budget.sample, own[label]) for label in self.explained)
        steps = (budget.curves, budget.draws + 2), (budget.heads, 5)
        self._all = 10 * len(self.chosen) + 25 + 5 * self.sampled + sum(n * cost for n, cost in steps)
        self._done = 0

    def did(self, work: int, text: str) -> None:
        self._done += work
        progress.report(min(self._done, self._all), self._all, text)

    def levels(self, chunk: int) -> np.ndarray:
        """uint8 (frames, mel_bins) of a chunk, by its row."""
        return self._stored.batches([chunk])[0][1][0]

    def _trained_on(self) -> Iterator[np.ndarray]:
        """uint8 (n, frames, mel_bins), in turn all chunks that the model was trained on."""
        clips = self.stage.clips
        files = clips.loc[clips["partition"].isin(fits.TARGETS["test"]), "file"]
        rows = np.flatnonzero(self.chunks["file"].isin(files))
        for start in range(0, len(rows), 256):
            yield from (levels for _, levels in self._stored.batches(rows[start : start + 256]))

    def wave(self, chunk: int) -> np.ndarray:
        """float32 (samples,): what the model hears of it."""
        row, p = self.chunks.iloc[chunk], self.front_end
        samples = audio.load(self.stage.settings.folder / row["file"], p.rate)
        length = round(self.stage.settings.recipe.chunk * p.rate) or None
        return audio.cut(samples, length, length // 2 if length else 1, p.window)[row["chunk"]]

    def seconds(self, levels: np.ndarray) -> float:
        """How long levels are."""
        p = self.front_end
        return ((len(levels) - 1) * p.hop + p.window) / p.rate

    def clearest(self, file: str, index: int) -> int:
        """The chunk of a file in which the model is surest of a class, by its row."""
        rows = self.chunks.index[self.chunks["file"] == file]
        return int(rows[np.argmax([self.view.probabilities(self.levels(row)[None])[0, index] for row in rows])])

    def explain(self, view: View, levels: np.ndarray, evaluations: int) -> Attribution:
        return explainers.partition(view.probabilities, levels, self.baseline, evaluations=evaluations)


def _explain_clip(bench: _Bench, number: int, row, about: dict) -> dict:
    """Map, sounds and picture of one chosen clip; returns what is to be said of it."""
    said = bench.classes.index(row.predicted)
    at = bench.clearest(row.file, said)
    levels, wave = bench.levels(at), bench.wave(at)
    attribution = bench.explain(bench.view, levels, bench.budget.evaluations)
    kept = evidence.evidence_regions(attribution, said, SHARE)
    heard = evidence.evidence_audio(wave, kept, bench.front_end)
    again = bench.view.probabilities(bench.view.plot.quantise(heard[None]).numpy())[0]
    clip = {
        **{name: getattr(row, name) for name in ("label", "kind", "file", "predicted")},
        "probability": float(row.probability),
        "chunk": int(bench.chunks.at[at, "chunk"]),
        "chunks": int((bench.chunks["file"] == row.file).sum()),
        "start_s": float(bench.chunks.at[at, "start_s"]),
        "seconds": bench.seconds(levels),
        "padded": bool(bench.chunks.at[at, "padded"]),
        "of_chunk": float(attribution.prediction[said]),
        "base": float(attribution.base[said]),
        "gap": float(np.abs(attribution.gap).max()),
        "kept": float(kept.mean()),
        "heard_as": bench.classes[again.argmax()],
        "heard_probability": float(again[said]),
    }
    paths = bench.stage.paths
    _save(paths.explain(f"clips/{number:02}.npz"), attribution, levels=levels, kept=kept)
    peak = float(np.abs(wave).max())
    for name, sound in (("original", wave), ("evidence", heard)):
        _write(paths.explain(f"clips/{number:02}-{name}.mp3"), evidence.encode(sound, bench.front_end.rate, peak))
    other = bench.classes.index(row.label) if row.kind == "wrong" else _runner_up(attribution.prediction, said)
    shown = Explained("", levels, clip["seconds"], bench.classes, attribution)
    mel_hz = bench.front_end.mel_frequencies()
    _write(paths.explain(f"clips/{number:02}.png"), card_picture(shown, (said, other), mel_hz, provenance_line(about)))
    bench.did(10, f"{row.label}: {row.kind} clip explained")
    return clip


def _runner_up(probabilities: np.ndarray, said: int) -> int:
    order = np.argsort(-probabilities, kind="stable")
    return int(order[order != said][0])


def _compare_ways(bench: _Bench, clips: list[dict]) -> np.ndarray:
    """One clip explained in every way; returns the probabilities of the wholly hidden spectrogram."""
    paths = bench.stage.paths
    number = next((n for n, clip in enumerate(clips) if clip["kind"] == "right"), 0)
    with np.load(paths.explain(f"clips/{number:02}.npz")) as stored:
        levels, ours = stored["levels"], Attribution.of(stored)
    hidden = np.broadcast_to(bench.baseline, (1, *levels.shape))
    picture = bench.view.plot.paint(levels[None]).numpy()[0]
    ways: dict[str, Callable[[], Attribution]] = {
        "partition": lambda: ours,
        "paper": lambda: explainers.paper_way(bench.view.probabilities_of_pictures, picture),
        "gradients": lambda: explainers.gradients(bench.view, levels, hidden, bench.budget.points),
    }
    for name in WAYS:
        found = ways[name]()
        _save(paths.explain(f"ways/{name}.npz"), replace(found, values=found.pooled()), levels=levels, clip=number)
    bench.did(25, "one clip explained in three ways")
    return ours.base


def _explain_sample(bench: _Bench) -> list[tuple[np.ndarray, Attribution]]:
    """Maps of clips drawn at random from each class: what mean maps and checks rest on."""
    rng, rows, maps = np.random.default_rng(bench.stage.settings.seed), [], []
    for label in bench.explained:
        files = bench.predictions.loc[bench.predictions["label"] == label, "file"].to_numpy()
        for file in rng.permutation(files)[: bench.budget.sample]:
            chunk = int(bench.chunks.index[bench.chunks["file"] == file][0])
            levels = bench.levels(chunk)
            maps.append((levels, bench.explain(bench.view, levels, bench.budget.sample_evaluations)))
            rows.append({"file": file, "label": label, "seconds": bench.seconds(levels)})
            bench.did(5, f"{label}: clip {len(rows)} of {bench.sampled} for the mean maps")
    found = [attribution for _, attribution in maps]
    arrays = {name: np.stack([a.arrays()[name] for a in found]) for name in found[0].arrays()}
    with whole_file(bench.stage.paths.explain("sample.npz")) as draft:
        np.savez_compressed(draft, **arrays)
    _table(bench, "sample", pd.DataFrame(rows))
    return maps


def _check_trust(bench: _Bench, maps: list[tuple[np.ndarray, Attribution]]) -> None:
    """Deletion and insertion against random orders, and the maps of a model with a shuffled head."""
    spread = np.linspace(0, len(maps) - 1, min(bench.budget.curves, len(maps))).round().astype(int)
    curves = []
    for at in spread:
        levels, found = maps[at]
        index, draws = int(found.prediction.argmax()), bench.budget.draws
        curve = trust.curves(bench.view.probabilities, levels, found, index, bench.baseline, draws, seed=int(at))
        curves.append(curve.assign(clip=at))
        bench.did(draws + 2, "deletion and insertion")
    _table(bench, "curves", pd.concat(curves, ignore_index=True))
    picked = [maps[at] for at in spread[: bench.budget.heads]]

    def again(view: View, levels: np.ndarray) -> Attribution:
        bench.did(5, "maps of a shuffled head")
        return bench.explain(view, levels, bench.budget.sample_evaluations)

    head = trust.head_check(again, bench.view, [levels for levels, _ in picked], before=[found for _, found in picked])
    _table(bench, "head", head.assign(clip=spread[head["clip"]]))


def _save(file, attribution: Attribution, **more) -> None:
    with whole_file(file) as draft:
        np.savez_compressed(draft, **attribution.arrays(), **more)


def _write(file, content: bytes) -> None:
    with whole_file(file) as draft:
        draft.write_bytes(content)


def _table(bench: _Bench, name: str, table: pd.DataFrame) -> None:
    with whole_file(bench.stage.paths.explain(f"{name}.parquet")) as draft:
        table.to_parquet(draft, index=False)
