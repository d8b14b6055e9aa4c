"""What exploring a clip gives, as data, and a reading at one lambda of SapAugment."""

from dataclasses import dataclass, replace

import numpy as np

from dslite.errors import DsliteError
from dslite.readings import Reading


@dataclass(frozen=True, eq=False)
class ExploredClip:
    """A file to look at.

    Attributes:
        name: of the file; other people's text.
        label, partition: its class and its partition; empty for somebody's own file.
        samples: float32 (n,), mono at the front end's rate.
        cut_short: whether only its beginning is here.
    """

    name: str
    label: str
    partition: str
    samples: np.ndarray
    cut_short: bool = False


@dataclass(frozen=True)
class OverTime:
    """What the model says while a window moves over a clip.

    Attributes:
        starts: float64 (n,), s.
        window, hop: s, as they were used.
        probabilities: float64 (n, classes).
    """

    starts: np.ndarray
    window: float
    hop: float
    probabilities: np.ndarray


@dataclass(frozen=True)
class ClipDecision:
    """A file's class by vote of its chunks (half a chunk of hop), the mean probabilities, and how many chunks."""

    predicted: str
    mean: np.ndarray
    chunks: int


@dataclass(frozen=True)
class Augmented:
    """A plot before and after augmentation.

    Attributes:
        before, partner, after: float32 (size, size, 3), RGB in 0-255; rows are frequency (top is high).
        partner_name, partner_label, partner_seconds: the training file that the square comes from, its class, and how
            long its plotted chunk is.
        square: top, bottom, left, right of the pasted square in pixels (half open).
        mask: width in pixels of the time mask and of the frequency mask.
        share: of the partner's class in the mixed label, in [0, 1].
        probabilities: float64 (2, classes), before and after.
    """

    before: np.ndarray
    partner: np.ndarray
    after: np.ndarray
    partner_name: str
    partner_label: str
    partner_seconds: float
    square: tuple[int, int, int, int]
    mask: int
    share: float
    probabilities: np.ndarray


def at_lambda(reading: Reading, lam: float) -> Reading:
    """The reading that does to every sample what ``reading`` does at one lambda, and never skips it.

    SapAugment reaches the pictures through three ranges that lambda interpolates. Shrunk to a point, they leave
    nothing for the loss rank to decide, so :func:`dslite.augmentation.draw` itself can be used.

    Raises:
        DsliteError: for a lambda outside [0, 1].
    """
    if not 0.0 <= lam <= 1.0:
        raise DsliteError(f"lambda is {lam}; expected a number from 0 to 1.")
    patch, mask = ((low + (high - low) * lam,) * 2 for low, high in (reading.patch, reading.mask))
    return replace(reading, patch=patch, mask=mask, probability=(1.0, 1.0), cutmix_partner="other")
