"""Stage results to play with: one corpus' model and any clip, as arrays. :mod:`dslite.explore.page` shows them.

Nothing here is written to disk, and nothing is computed twice for the same clip and the same choice.
"""

import tempfile
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from dslite import audio, augmentation, corpora, scoring
from dslite.backbones import base_model
from dslite.errors import DsliteError
from dslite.explanation.view import View
from dslite.explore.data import Augmented, ClipDecision, ExploredClip, OverTime, at_lambda
from dslite.files import read_json
from dslite.keras_defaults import graph, tf
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.layout.results import evaluated
from dslite.layout.settings import Settings
from dslite.model import load_model
from dslite.network import mask_colour
from dslite.run import estimates
from dslite.run.notebook import with_earlier
from dslite.run.resolve import resolve
from dslite.stages.catalogue import STAGES, chain
from dslite.store import Samples, Spectrograms
from dslite.wording import spoken

_AUDIO = "audio that libsndfile reads (WAV, FLAC, OGG, MP3)"

LONGEST = 120.0
"""Seconds of somebody's own file that are looked at; the rest is left out, and the page says so."""

WINDOWS = 120
"""Most windows of one curve over time: a finer hop is made coarser, so that a long file does not take minutes."""

_kept = lru_cache(maxsize=32)
"""Of a method of an explorer: its last results are remembered, by its arguments as they were given."""


def choices(settings: Settings) -> list[str]:
    """Names of corpora: first those that have been evaluated in this output folder, then the others that are known."""
    return list(dict.fromkeys([*evaluated(Paths(settings.output)), *corpora.REGISTRY]))


def other(settings: Settings, corpus: str) -> Settings:
    """The settings of another corpus, one of :func:`choices`: those that its results in this output folder were made
    with, if there are any; what nothing is known about is taken from those of the present one."""
    values = settings.as_parameters() | {"corpus": corpus}
    if corpus in evaluated(Paths(settings.output)):
        made = read_json(Paths(settings.output).corpus(corpus).record("evaluate"))["parameters"]
        values |= {name: made[name] for name in ("corpus", "profile", "reading", "backbone", "seed")}
        values["task"] = made.get("task", "auto")
    return resolve(**values)


def cost(settings: Settings) -> str:
    """What it takes until this corpus can be explored, in a sentence; empty where it has been evaluated.

    Whether the results that are there are out of date is not asked, because the audio and the weights would have to be
    read for it: :func:`load` finds out, and makes anew what is.
    """
    if settings.paths.record("evaluate").exists():
        return ""
    load = estimates.workload(settings)
    guess = sum(STAGES[stage].seconds(load) for stage in chain("evaluate"))
    what = "a SYNTHETIC stand-in" if settings.standin else "the real audio"
    return (
        f"{settings.name} has not been trained below {settings.output} yet: eight fits on {what}, {settings.backbone}, "
        f"{settings.profile} profile, about {spoken(guess / settings.workers)}. It is kept for next time."
    )


def load(settings: Settings) -> "Explorer":
    """The explorer of a corpus; what has not been made in its output folder is made now, with progress.

    Raises:
        DsliteError: as the stages do, e.g. where the folder holds results of other parameters.
    """
    if settings.numeric:
        raise DsliteError(f"The labels of {settings.name} are numbers, and the explorer is for classes alone.")
    if price := cost(settings):
        print(price)
    # What comes before explanations is what an explorer needs: everything up to the scores.
    return Explorer(FinishedStage.of(with_earlier(settings, "explain"), "evaluate"))


class Explorer:
    """One evaluated corpus, its model (the augmentation that is best on dev, trained on train + dev), and any clip."""

    def __init__(self, stage: FinishedStage):
        self.stage, self.classes = stage, stage.classes
        model = load_model(stage.paths.fit(stage.chosen, "test") / "model.keras")
        self.front_end, self.reading = model.get_layer("plot").parameters, stage.settings.reading
        self.view = View.of(model)
        self._quantise = graph(self.view.plot.quantise, tf.TensorSpec([None, None], tf.float32))

    @property
    def chunk(self) -> float:
        """Length in s of the chunks that the model was trained on; 0 for whole files."""
        return self.stage.settings.recipe.chunk

    # clips ------------------------------------------------------------------------------------------------------------

    def files(self, partition: str = "test", label: str = "") -> list[str]:
        """The usable files of a partition, of one class or of all."""
        clips = self.stage.clips
        wanted = (clips["partition"] == partition) & ((clips["label"] == label) | (label == ""))
        return sorted(clips.loc[wanted, "file"])

    @cached_property
    def first(self) -> str:
        """The file that is shown first: the first test file that a window can move over, else the first one."""
        clips = self.stage.clips.set_index("file")["duration"]
        files = self.files()
        return next((file for file in files if clips[file] >= self.chunk + 1), files[0])

    @_kept
    def clip(self, file: str) -> ExploredClip:
        """A file of the corpus, by its name there.

        Raises:
            DsliteError: if the corpus has no such usable file.
        """
        found = self.stage.clips[self.stage.clips["file"] == file]
        if found.empty:
            raise DsliteError(f"{self.stage.settings.name} has no usable file {file!r}; one is {self.first!r}.")
        label, partition = found[["label", "partition"]].iloc[0]
        return ExploredClip(file, label, partition, Samples(self.stage.paths.samples)[file])

    def own(self, file: Path) -> ExploredClip:
        """Somebody's own audio file.

        Raises:
            DsliteError: if it is not there, cannot be decoded, is empty, silent or truncated.
        """
        if not file.is_file():
            raise DsliteError(f"{file} does not exist; expected {_AUDIO}.")
        return self._own(file, file.name)

    def uploaded(self, name: str, content: bytes) -> ExploredClip:
        """The same from bytes; the name is only shown, never used as a path."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "upload"
            file.write_bytes(content)
            return self._own(file, name)

    def _own(self, file: Path, name: str) -> ExploredClip:
        rate = self.front_end.rate
        try:
            samples, most = audio.load(file, rate), round(LONGEST * rate)
        except audio.UnusableAudio as reason:
            raise DsliteError(f"{name} {reason}; expected {_AUDIO}.") from reason
        return ExploredClip(name, "", "", samples[:most], len(samples) > most)

    # what the model makes of them -------------------------------------------------------------------------------------

    def waves(self, clip: ExploredClip, window: float = 0.0, hop: float = 0.0) -> np.ndarray:
        """The clip's chunks as :func:`dslite.audio.cut` cuts them, float32 (chunks, samples), at least one.

        A ``window`` and a ``hop`` are in s; 0 stands for the chunk that the model was trained on, and for half of one.
        """
        rate = self.front_end.rate
        length = round((window or self.chunk) * rate) or None
        step = round(hop * rate) or (length // 2 if length else 1)
        return audio.cut(clip.samples, length, step, self.front_end.window, self.reading.remainder)

    def levels(self, waves: np.ndarray) -> np.ndarray:
        """float32 (n, samples) -> levels (n, frames, mel_bins), the plots before colours."""
        return np.concatenate([self._quantise(waves[i : i + 32]).numpy() for i in range(0, len(waves), 32)])

    @_kept
    def plot(self, clip: ExploredClip, chunk: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """One chunk: float32 (samples,) and uint8 (frames, mel_bins)."""
        waves = self.waves(clip)
        wave = waves[min(chunk, len(waves) - 1)]
        return wave, self.levels(wave[None])[0]

    @_kept
    def decision(self, clip: ExploredClip) -> ClipDecision:
        """What the model says of the whole file, decided as for the scores."""
        said, rule = self.view.probabilities(self.levels(self.waves(clip))), self.reading.decision
        predicted, mean, chunks = scoring.decide(said, np.zeros(len(said), int), rule)
        return ClipDecision(self.classes[predicted[0]], mean[0], int(chunks[0]))

    @_kept
    def over_time(self, clip: ExploredClip, hop: float = 0.25, window: float = 0.0) -> OverTime:
        """Probabilities while a window moves over the clip.

        Args:
            clip: one that is shorter than the window is repeated and gives a single row.
            hop: s, above 0; made coarser where it would give more than :data:`WINDOWS` windows.
            window: s; 0 for the chunk that the model was trained on. It has never seen others.
        """
        rate = self.front_end.rate
        seconds = len(clip.samples) / rate
        window = window or self.chunk or seconds
        if not hop > 0 or window * rate < self.front_end.window:
            least = self.front_end.window / rate
            raise DsliteError(f"hop {hop} s, window {window} s: expected a hop above 0, a window from {least} s.")
        hop = max(hop, (seconds - window) / (WINDOWS - 1))
        waves = self.waves(clip, window, hop)
        said = self.view.probabilities(self.levels(waves))
        return OverTime(np.arange(len(waves)) * round(hop * rate) / rate, window, hop, said)

    @_kept
    def augmented(
        self, clip: ExploredClip, chunk: int, lam: float, seed: int, cutmix: bool = True, specaugment: bool = True
    ) -> Augmented:
        """SapAugment's two augmentations of one chunk at a given lambda, with a partner from the training files.

        Args:
            lam: in [0, 1].
            seed: of positions and partner; with the same seed, lambda alone changes the sizes.
            cutmix, specaugment: which of the two act.
        """
        file, label, partner = self._partner(clip, seed)
        pictures = np.concatenate([self.view.plot.paint(x[None]) for x in (self.plot(clip, chunk)[1], partner)])
        # A batch of two: the clip's partner is the only other sample.
        reading, p = at_lambda(self.reading, lam), self.front_end
        plan = augmentation.draw(np.zeros(2, np.float32), [seed, 0], reading, cutmix, specaugment, p.size)
        fill = mask_colour(base_model(self.stage.settings.backbone), self.reading.mask_fill)
        after = augmentation.apply(plan, pictures, pictures[::-1], fill)[0].numpy()
        return Augmented(
            before=pictures[0],
            partner=pictures[1],
            after=after,
            partner_name=file,
            partner_label=label,
            partner_seconds=((len(partner) - 1) * p.hop + p.window) / p.rate,
            square=tuple(int(side[0]) for side in (plan.top, plan.bottom, plan.left, plan.right)),
            mask=int(plan.time_width[0]),
            share=float(augmentation.mix_labels(plan, np.eye(2, dtype=np.float32), p.size)[0, 1]),
            probabilities=self.view.probabilities_of_pictures(np.stack([pictures[0], after])),
        )

    def sap_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """SapAugment's lambda over the loss rank in a batch: shares of 32 samples (32,) and lambda (32,)."""
        ranks = np.arange(1, 33, dtype=np.float32)
        return ranks / 32, augmentation.sap_lambda(ranks, self.reading).numpy()

    @_kept
    def shap(self, clip: ExploredClip, chunk: int = 0):
        """The SHAP map of one chunk, an :class:`dslite.explanation.maps.Attribution`; what is hidden is silent."""
        from dslite.explanation import baselines, explainers  # imports shap: only who asks pays

        baseline = baselines.silence(self.front_end.mel_bins, self.front_end.level_type)
        return explainers.partition(self.view.probabilities, self.plot(clip, chunk)[1], baseline)

    def _partner(self, clip: ExploredClip, seed: int) -> tuple[str, str, np.ndarray]:
        """A training file other than the clip, its class, and the levels of one of its chunks."""
        files = self.stage.chunks["file"]
        others = np.flatnonzero(files.isin(self.files("train")) & (files != clip.name))
        index = int(np.random.default_rng([seed, 1]).choice(others))
        label = self.stage.clips.set_index("file").loc[files[index], "label"]
        levels = Spectrograms(self.stage.paths.spectrograms, self.stage.chunks).batches([index])[0][1][0]
        return files[index], label, levels
