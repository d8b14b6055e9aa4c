"""Classification of long files and live streams with a sliding window, in constant memory."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from dslite.deployment.runtime import LiteModel
from dslite.errors import DsliteError

BLOCK_SECONDS = 1.0
"""A file is read in blocks of this length."""


@dataclass(frozen=True)
class Window:
    """What the model says of one window: its start in s, and float32 (classes,) probabilities."""

    start_s: float
    probabilities: np.ndarray


def windows(blocks: Iterable[np.ndarray], samples: int, hop: int) -> Iterator[np.ndarray]:
    """Cuts a stream into overlapping chunks exactly as :func:`dslite.audio.cut` cuts a whole file.

    No more than one chunk and one block are held. A stream shorter than one chunk is padded by repetition when it
    ends; a remainder after the last whole chunk is dropped.

    Args:
        blocks: float32 (any,) pieces of a mono signal.
        samples: length of a chunk.
        hop: step between chunks, 1 to ``samples``.

    Yields:
        float32 (samples,).
    """
    if not 1 <= hop <= samples:
        raise ValueError(f"The hop is {hop} samples; expected 1 to {samples}.")
    held, any_yet = np.empty(0, np.float32), False
    for block in blocks:
        held = np.concatenate([held, np.asarray(block, np.float32)])
        start = 0
        while len(held) - start >= samples:
            yield held[start : start + samples]
            start, any_yet = start + hop, True
        held = held[start:].copy()
    if len(held) and not any_yet:
        yield np.resize(held, samples)


def file_blocks(file: Path, rate: int) -> Iterator[np.ndarray]:
    """Reads a file piece by piece as float32 mono at ``rate`` Hz, resampled on the way.

    Raises:
        DsliteError: if the file cannot be decoded.
    """
    try:
        with soundfile.SoundFile(file) as stream:
            resample = _resampler(stream.samplerate, rate)
            size = round(BLOCK_SECONDS * stream.samplerate)
            left = stream.frames
            while left > 0:
                block = stream.read(size, dtype="float32", always_2d=True).mean(axis=1)
                left = left - size if len(block) else 0
                yield resample(block, left <= 0)
    except (OSError, RuntimeError) as error:
        raise DsliteError(f"{file} cannot be decoded; expected audio that libsndfile reads. ({error})") from error


def _resampler(own_rate: int, rate: int):
    if own_rate == rate:
        return lambda block, last: block
    import soxr  # librosa's resampler, here because most files need none

    stream = soxr.ResampleStream(own_rate, rate, 1, dtype="float32", quality="HQ")
    return lambda block, last: stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)


def stream(model: LiteModel, source: Path | Iterable[np.ndarray], hop_s: float | None = None) -> Iterator[Window]:
    """Classifies a file or a live stream window by window.

    Args:
        model: an exported file.
        source: an audio file of any rate, or blocks of mono samples at ``model.card.rate`` Hz as they come.
        hop_s: step between windows in s; half a window if not given, as in training.

    Yields:
        A :class:`Window` as soon as its last sample is there.

    Raises:
        DsliteError: if the file cannot be decoded.
    """
    samples, rate = model.card.samples, model.card.rate
    hop = round(hop_s * rate) if hop_s else samples // 2
    blocks = file_blocks(source, rate) if isinstance(source, str | Path) else source
    for index, chunk in enumerate(windows(blocks, samples, hop)):
        yield Window(index * hop / rate, model(chunk[None])[0])


def real_time_factor(model: LiteModel, file: Path) -> dict[str, float]:
    """Streams a file and times it.

    Returns:
        ``audio_s``, ``seconds`` (reading, resampling and classifying), ``factor`` (seconds per second of audio; below
        1 is faster than the audio plays) and ``windows``.
    """
    with soundfile.SoundFile(file) as sound:
        audio_s = sound.frames / sound.samplerate
    begin = time.perf_counter()
    count = sum(1 for _ in stream(model, file))
    seconds = time.perf_counter() - begin
    return {"audio_s": audio_s, "seconds": seconds, "factor": seconds / audio_s, "windows": count}
