"""Audio files become chunks of mono samples (paper, section 2.1)."""

from pathlib import Path

import numpy as np

from dslite.decoding import record
from dslite.errors import UnusableAudio
from dslite.wording import counted

QUIET = 1e-5
"""Peak amplitude (-100 dB of full scale) at or below which a file counts as silent."""

LOUDEST = 1e10
"""Peak amplitude above which samples are none: integers of 32 bits, written as floats, lie below; its square, a power,
is still finite."""

SHORTEST = 0.01
"""Length in s below which a file has nothing to be heard: a few samples that were cut off, or none."""


def load(file: Path, rate: int = 16_000) -> np.ndarray:
    """The samples of :func:`load_noted`."""
    return load_noted(file, rate)[0]


def load_noted(file: Path, rate: int = 16_000) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads one file as mono at a given rate.

    Several channels are averaged: a single one, as in the released code, may be the silent one. Where they cancel each
    other out, the loudest is used.

    Args:
        file: any format that :mod:`dslite.decoding` reads.
        rate: sample rate in Hz to convert to (soxr, high quality).

    Returns:
        float32 (samples,), as recorded: not normalised. And what was mended on the way, for a report.

    Raises:
        UnusableAudio: if the file is corrupt, truncated, empty, shorter than a frame, silent, or holds what no
            samples are.
    """
    found = record(file)
    samples, notes = found.samples, found.notes
    if not len(samples):
        raise UnusableAudio("holds no samples")
    if not np.isfinite(samples).all():
        raise UnusableAudio(f"holds {np.count_nonzero(~np.isfinite(samples))} samples that are NaN or infinite")
    if len(samples) < SHORTEST * found.rate:
        raise UnusableAudio(f"holds {counted(len(samples), 'sample')}, less than {1000 * SHORTEST:g} ms")
    mono, peaks = samples.mean(axis=1), np.abs(samples).max(axis=0)
    if peaks.max() > LOUDEST:
        raise UnusableAudio(f"reaches {peaks.max():.3g}: samples lie between -1 and 1, of integers within 32 bits")
    if np.ptp(mono) / 2 <= QUIET:
        swings = np.ptp(samples, axis=0) / 2
        if swings.max() <= QUIET:
            raise UnusableAudio("is silent")
        mono = samples[:, swings.argmax()]
        notes = (*notes, "the channels cancel each other out; the loudest is used instead of their mean")
    if found.rate != rate:
        import librosa  # here, because it is slow to import and most corpora need no conversion

        mono = librosa.resample(mono, orig_sr=found.rate, target_sr=rate, res_type="soxr_hq")
    if found.rate < rate:
        # Above half of the file's own rate there is nothing, and a plot may show rounding there: let it be that of the
        # 16-bit file that a phone or another program would make of it, or they would see other pictures.
        mono = np.round(mono * 32_768) / 32_768
    return np.ascontiguousarray(mono, np.float32), notes


def cut(samples: np.ndarray, length: int | None, hop: int, shortest: int, remainder: str = "drop") -> np.ndarray:
    """Cuts a file into chunks.

    A file shorter than one chunk is padded *by repetition*: zeros would sit at the floor of the dB scale and squeeze
    everything real into the top of the colours (ledger F-16, F-02).

    Args:
        samples: float32 (n,).
        length: length of a chunk in samples; None takes the whole file as one chunk.
        hop: step between chunks in samples (half a chunk in the paper's set-up).
        shortest: smallest number of samples that the front end takes; a shorter whole file is repeated up to it.
        remainder: what becomes of samples after the last whole chunk: ``"drop"`` leaves them out, as the released code
            does; ``"overlap"`` adds a last chunk that ends with the file.

    Returns:
        float32 (chunks, length), at least one chunk.
    """
    length = length or max(len(samples), shortest)
    if len(samples) < length:
        return np.resize(samples, (1, length))
    windows = np.lib.stride_tricks.sliding_window_view(samples, length)
    if remainder == "overlap" and (len(windows) - 1) % hop:
        return np.concatenate([windows[::hop], windows[-1:]])
    return windows[::hop]
