"""SHAP maps as data: one form for every explainer, and their mean over clips."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from dslite.explanation.regions import BANDS, SPANS
from dslite.resampling import DRAWS


@dataclass(frozen=True)
class Attribution:
    """What each part of one spectrogram does to the probability of each class.

    Attributes:
        values: float64 (classes, rows, columns): SHAP values, in units of probability; rows are parts of the Mel axis
            (the first is the lowest), columns are parts of the time. However fine, the parts are equally large.
        base: float64 (classes,): probabilities of the wholly hidden spectrogram.
        prediction: float64 (classes,): probabilities of the spectrogram as it is.
        method: how it was made, in words for a caption.
        evaluations: pictures that the model saw for it.
    """

    values: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    method: str
    evaluations: int

    @property
    def gap(self) -> np.ndarray:
        """float64 (classes,): ``prediction - base - sum of the values``; 0 where the map accounts for everything."""
        return self.prediction - self.base - self.values.sum(axis=(1, 2))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays, for ``np.savez``; :meth:`of` is the way back."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Attribution":
        """The map that :meth:`arrays` took apart; further arrays are passed over."""
        found = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**found | {"method": str(found["method"]), "evaluations": int(found["evaluations"])})

    def only(self, indices: Sequence[int]) -> "Attribution":
        """The maps of some classes."""
        at = list(indices)
        return replace(self, values=self.values[at], base=self.base[at], prediction=self.prediction[at])

    def pooled(self, bands: int = BANDS, spans: int = SPANS) -> np.ndarray:
        """The sums over a grid of regions, float64 (classes, bands, spans); parts across an edge are divided."""
        return _pool(_pool(self.values, 1, bands), 2, spans)


def _pool(values: np.ndarray, axis: int, parts: int) -> np.ndarray:
    n = values.shape[axis]
    running = np.moveaxis(np.cumsum(values, axis=axis), axis, -1)
    running = np.concatenate([np.zeros_like(running[..., :1]), running], axis=-1)
    at = np.linspace(0.0, n, parts + 1)
    low = np.minimum(at.astype(int), n - 1)
    share = at - low
    edges = running[..., low] * (1 - share) + running[..., low + 1] * share
    return np.moveaxis(np.diff(edges, axis=-1), -1, axis)


@dataclass(frozen=True)
class MeanMap:
    """The SHAP map of one class over many clips of it.

    Attributes:
        label: the class, of the clips and of the map.
        mean, spread: float64 (bands, spans): mean and standard deviation over clips.
        agreement: float64 (bands, spans), in [0, 1]: share of the clips whose value has the sign of the mean.
        clips: how many there are.
    """

    label: str
    mean: np.ndarray
    spread: np.ndarray
    agreement: np.ndarray
    clips: int


def _by_class(attributions: Sequence[Attribution], labels, classes) -> Iterator[tuple[str, np.ndarray]]:
    """Each class with clips, and their maps of its own output (of numbers the only one): (clips, bands, spans)."""
    for index, label in enumerate(classes):
        own = [found for found, of in zip(attributions, labels, strict=True) if of == label]
        if own:
            yield label, np.stack([found.pooled()[min(index, len(found.base) - 1)] for found in own])


def mean_maps(attributions: Sequence[Attribution], labels: Sequence[str], classes: Sequence[str]) -> list[MeanMap]:
    """The mean map of each class over the clips of that class.

    Args:
        attributions: one per clip; time is relative where their lengths differ.
        labels: the true class of each clip.
        classes: in the order of the model's outputs (or thirds of the labels); those without a clip are left out.
    """
    found = []
    for label, maps in _by_class(attributions, labels, classes):
        mean = maps.mean(axis=0)
        agreement = (np.sign(maps) == np.sign(mean)).mean(axis=0)
        found.append(MeanMap(label, mean, maps.std(axis=0), agreement, len(maps)))
    return found


def band_profile(
    attributions: Sequence[Attribution], labels: Sequence[str], classes: Sequence[str], seed: int, draws: int = DRAWS
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What each band of frequencies does to a class over all clips of it, with its uncertainty.

    This is what a sentence such as "the fundamental frequency lowers the class" (paper 3.5) has to rest on.

    Args:
        attributions, labels, classes: as for :func:`mean_maps`.
        seed: of the bootstrap over clips.
        draws: number of draws.

    Returns:
        Per class with at least two clips: mean, and the 95 % bounds below and above it, float64 (bands,) each.
    """
    rng, profiles = np.random.default_rng(seed), {}
    for label, maps in _by_class(attributions, labels, classes):
        if len(maps) > 1:
            clips = maps.sum(axis=2)
            means = clips[rng.integers(0, len(clips), (draws, len(clips)))].mean(axis=1)
            profiles[label] = (clips.mean(axis=0), *np.percentile(means, [2.5, 97.5], axis=0))
    return profiles
