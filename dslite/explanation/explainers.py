"""Three ways to a SHAP map: regions masked before the colour map, the paper's way, and gradients."""

from collections.abc import Callable
from contextlib import contextmanager

import numba
import numpy as np

from dslite.errors import DsliteError
from dslite.explanation.maps import Attribution
from dslite.explanation.regions import Regions, lasting


@contextmanager
def _uncompiled():
    """numba would compile a dozen small helpers of shap anew in every process, which takes 6 s; on some hundred regions
    they take 0.1 s as plain Python, and give the same. Other users of numba are left alone."""
    before, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        yield
    finally:
        numba.config.DISABLE_JIT = before


with _uncompiled():
    import shap

EVALUATIONS = 100
"""Evaluations of the model per clip, as in the authors' notebook (ledger F-45)."""

_BATCH = 16  # of the Partition explainer: large enough for the model, small enough that it still looks where it pays

_GRADIENT_BATCH = 8  # a backward pass keeps every layer's output: 8 pictures take DenseNet121 0.7 GB


class RegionMasker(shap.maskers.Masker):
    """Hides regions of a spectrogram behind a baseline, before the colour map.

    Args:
        regions: the grid.
        baseline: (k, any frames, mel_bins), see :mod:`dslite.explanation.baselines`.
    """

    def __init__(self, regions: Regions, baseline: np.ndarray):
        self.regions, self.baseline = regions, baseline
        self.shape = (1, regions.bands * regions.spans)
        self.clustering = regions.tree()
        self.immutable_outputs = True

    def mask_shapes(self, _levels) -> list[tuple[int, int]]:
        return [(self.regions.bands, self.regions.spans)]

    def __call__(self, mask, levels):
        """Mask bool (regions,) and levels (frames, mel_bins) to the masked levels (1, k, frames, mel_bins)."""
        shown = self._standardize_mask(mask, levels).reshape(self.regions.bands, self.regions.spans)
        return (self.regions.hide(levels, shown, self.baseline)[None],)


def partition(
    probabilities: Callable[[np.ndarray], np.ndarray],
    levels: np.ndarray,
    baseline: np.ndarray,
    evaluations: int = EVALUATIONS,
) -> Attribution:
    """Owen values of regions in Mel x time, by shap's Partition explainer: the default.

    Args:
        probabilities: levels (n, frames, mel_bins) -> (n, classes), such as :meth:`View.probabilities`.
        levels: (frames, mel_bins).
        baseline: what a hidden region shows, (k, any frames, mel_bins); see :mod:`dslite.explanation.baselines`.
        evaluations: how many masks are tried; each costs k pictures.

    Returns:
        values (classes, bands, spans). Their gap is 0 but for rounding; with few evaluations, neighbouring regions
        that were not told apart share their value evenly.
    """
    regions = Regions(*levels.shape)

    def averaged(plots: np.ndarray) -> np.ndarray:  # (n, k, frames, mel_bins)
        said = probabilities(plots.reshape(-1, *levels.shape))
        return said.reshape(*plots.shape[:2], -1).mean(axis=1)

    values, base = _owen(averaged, RegionMasker(regions, baseline), levels, evaluations)
    method = f"shap Partition, {regions.bands} x {regions.spans} regions masked before the colour map"
    seen = evaluations * len(baseline)
    return _attribution(probabilities(levels[None])[0], np.moveaxis(values, -1, 0), base, method, seen)


def paper_way(
    probabilities: Callable[[np.ndarray], np.ndarray], picture: np.ndarray, evaluations: int = EVALUATIONS
) -> Attribution:
    """The authors' way, to compare with: shap's image masker on the coloured picture, inpainted with Telea's method.

    Its inpainting casts pictures to uint8. A picture in [0, 1] would become black; hence 0-255 is required here, and
    whole numbers, from which the cast takes nothing. What it paints need not be a colour of the colour map.

    Args:
        probabilities: float32 (n, size, size, 3), RGB in 0-255 -> (n, classes).
        picture: float32 (size, size, 3), RGB in 0-255.
        evaluations: how many masked pictures the model may see.

    Returns:
        values (classes, size, size): sums over the three colours, rows turned so that the lowest frequency is first.

    Raises:
        ValueError: for a picture that is not in 0-255.
        DsliteError: if OpenCV is not installed.
    """
    if not 1.0 < picture.max() <= 255.0 or picture.min() < 0.0:
        raise ValueError(f"The picture lies in {picture.min():g}-{picture.max():g}; expected RGB in 0-255.")
    picture = picture.round().astype(np.float32)
    try:
        with _uncompiled():
            masker = shap.maskers.Image("inpaint_telea", picture.shape)
    except ImportError as error:
        raise DsliteError(
            "The paper's way inpaints with OpenCV, which is not installed: pip install opencv-python-headless."
        ) from error
    values, base = _owen(probabilities, masker, picture, evaluations)
    values = np.moveaxis(values.sum(axis=2), -1, 0)[:, ::-1]
    method = "shap Partition, image masker with inpainting (the paper's way)"
    return _attribution(probabilities(picture[None])[0], values, base, method, evaluations)


def gradients(view, levels: np.ndarray, baseline: np.ndarray, index: int, samples: int = 32) -> Attribution:
    """Expected gradients (Erion et al., 2021) of one class with respect to the levels, as fine as the spectrogram.

    The gradient is averaged along straight lines from the baseline to the spectrogram, one point per sample, evenly
    spaced; on the way every colour is one of the colour map. With a baseline of one plot this is integrated gradients.
    The gap says what the few samples miss.

    Args:
        view: a :class:`dslite.explanation.view.View`.
        levels: (frames, mel_bins).
        baseline: (k, any frames, mel_bins); ``samples`` should be a multiple of k.
        index: the class.
        samples: points; each costs a forward and a backward pass.

    Returns:
        values (1, mel_bins, frames).
    """
    background = lasting(baseline, len(levels))
    ends = background[np.random.default_rng(0).permutation(samples) % len(background)].astype(np.float32)
    way = levels.astype(np.float32) - ends
    along = ((np.arange(samples, dtype=np.float32) + 0.5) / samples)[:, None, None]
    base, prediction = view.probabilities(background).mean(axis=0), view.probabilities(levels[None])[0]
    points, weights = ends + along * way, np.eye(len(base), dtype=np.float32)[index]
    parts = [points[i : i + _GRADIENT_BATCH] for i in range(0, samples, _GRADIENT_BATCH)]
    slopes = np.concatenate([view.gradient(part, weights).numpy() for part in parts])
    values, one = (slopes * way).mean(axis=0).T[None], [index]
    return _attribution(prediction[one], values, base[one], "expected gradients on the levels", samples)


def _attribution(prediction, values, base, method: str, evaluations: int) -> Attribution:
    values, base, prediction = (np.asarray(array, np.float64) for array in (values, base, prediction))
    return Attribution(values, base, prediction, f"{method}; {evaluations} evaluations", evaluations)


def _owen(probabilities: Callable, masker, whole: np.ndarray, evaluations: int) -> tuple[np.ndarray, np.ndarray]:
    """The Partition explainer's values (last axis: classes) and base values of one input."""
    before = np.random.get_state()  # noqa: NPY002 - shap orders regions of equal importance by it: fixed here
    np.random.seed(0)  # noqa: NPY002
    try:
        explainer = shap.explainers.PartitionExplainer(probabilities, masker)
        found = explainer(whole[None], max_evals=evaluations, batch_size=_BATCH, silent=True)
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return found.values[0], found.base_values[0]
