"""Regions of a spectrogram in Mel x time: what is hidden or shown as one, and where it lies in Hz and seconds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

BANDS, SPANS = 16, 32
"""Regions of a plot: 16 bands of 8 Mel bins, and 32 spans of time, 0.09 s each in a chunk of 3 s."""


@dataclass(frozen=True)
class Regions:
    """The grid on one spectrogram.

    Attributes:
        frames, mel_bins: size of the spectrogram.
        bands, spans: regions in frequency and in time. Counts, not sizes, are given, so that maps of files of unequal
            length (CSS) can be averaged. Where there are fewer frames than spans, some regions are empty.
    """

    frames: int
    mel_bins: int
    bands: int = BANDS
    spans: int = SPANS

    @cached_property
    def band_edges(self) -> np.ndarray:
        """Int (bands + 1,): Mel bins at which the bands begin and end."""
        return np.linspace(0, self.mel_bins, self.bands + 1).round().astype(int)

    @cached_property
    def span_edges(self) -> np.ndarray:
        """Int (spans + 1,): frames at which the spans begin and end."""
        return np.linspace(0, self.frames, self.spans + 1).round().astype(int)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Per region to per level: (..., bands, spans) -> (..., frames, mel_bins), as the levels lie."""
        values = np.repeat(values, np.diff(self.band_edges), axis=-2)
        return np.repeat(values, np.diff(self.span_edges), axis=-1).swapaxes(-1, -2)

    def hide(self, levels: np.ndarray, shown: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        """Puts a baseline wherever a region is not shown, *before* the colour map: no picture gets other colours.

        Args:
            levels: (frames, mel_bins).
            shown: bool (..., bands, spans).
            baseline: (k, any frames, mel_bins), of k plots; see :mod:`dslite.explanation.baselines`.

        Returns:
            (..., k, frames, mel_bins).
        """
        return np.where(self.spread(shown)[..., None, :, :], levels, lasting(baseline, self.frames))

    def tree(self) -> np.ndarray:
        """The hierarchy in which shap's Partition explainer takes the regions apart.

        The side with more regions is halved, frequency first, down to single regions; region (band, span) has the
        number ``band * spans + span``.

        Returns:
            float64 (regions - 1, 4) in SciPy's form: left and right child, number of regions (as the distance), and
            the same again (as the size); the root is the last row.
        """
        rows, total = [], self.bands * self.spans

        def grow(low: int, high: int, start: int, end: int) -> tuple[int, int]:
            size = (high - low) * (end - start)
            if size == 1:
                return low * self.spans + start, 1
            if high - low >= end - start:
                middle = (low + high) // 2
                left, right = grow(low, middle, start, end), grow(middle, high, start, end)
            else:
                middle = (start + end) // 2
                left, right = grow(low, high, start, middle), grow(low, high, middle, end)
            rows.append((left[0], right[0], size, size))
            return total + len(rows) - 1, size

        grow(0, self.bands, 0, self.spans)
        return np.array(rows, np.float64).reshape(-1, 4)


def lasting(baseline: np.ndarray, frames: int) -> np.ndarray:
    """A baseline as long as a plot, repeated or cut: (k, any frames, mel_bins) -> (k, frames, mel_bins)."""
    return baseline[:, np.arange(frames) % baseline.shape[1]]
