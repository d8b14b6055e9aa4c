"""Audio files become chunks of mono samples (paper, section 2.1)."""

import struct
from pathlib import Path

import numpy as np
import soundfile

from dslite.errors import DsliteError

QUIET = 1e-5
"""Peak amplitude (-100 dB of full scale) at or below which a file counts as silent."""


class UnusableAudio(DsliteError):
    """A file that cannot be used; the message is the reason, fit for a report."""


def load(file: Path, rate: int = 16_000) -> np.ndarray:
    """Reads one file as mono at a given rate.

    Several channels are averaged: a single one, as in the released code, may be the silent one.

    Args:
        file: any format that libsndfile reads.
        rate: sample rate in Hz to convert to (soxr, high quality).

    Returns:
        float32 (samples,), as recorded: not normalised.

    Raises:
        UnusableAudio: if the file is corrupt, truncated, empty, silent or holds NaN or infinity.
    """
    try:
        with soundfile.SoundFile(file) as stream:
            expected, own_rate = stream.frames, stream.samplerate
            samples = stream.read(dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile.LibsndfileError is a RuntimeError
        # libsndfile's message repeats the path, which a report must not hold.
        raise UnusableAudio(f"cannot be decoded ({str(error).split(': ', 1)[-1].strip().rstrip('.')})") from error
    if not len(samples):
        raise UnusableAudio("holds no samples")
    if len(samples) < expected:
        raise UnusableAudio(f"is truncated: its header promises {expected} samples, it holds {len(samples)}")
    if missing := _missing_bytes(file):
        raise UnusableAudio(f"is truncated: {missing} bytes that its header promises are not there")
    if not np.isfinite(samples).all():
        raise UnusableAudio(f"holds {np.count_nonzero(~np.isfinite(samples))} samples that are NaN or infinite")
    mono = samples.mean(axis=1)
    if np.abs(mono).max() <= QUIET:
        raise UnusableAudio("is silent")
    if own_rate != rate:
        import librosa  # here, because it is slow to import and most corpora need no conversion

        mono = librosa.resample(mono, orig_sr=own_rate, target_sr=rate, res_type="soxr_hq")
    return np.ascontiguousarray(mono, np.float32)


def _missing_bytes(file: Path) -> int:
    """Bytes that a RIFF file's data chunk lacks; libsndfile shortens such a file without a word."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        riff, _, wave = struct.unpack("<4sI4s", stream.read(12).ljust(12, b"\0"))
        if (riff, wave) != (b"RIFF", b"WAVE"):
            return 0
        while len(header := stream.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                streamed = length in (0, 0xFFFFFFFF)  # written by a program that did not know the length
                return 0 if streamed else max(0, stream.tell() + length - size)
            stream.seek(length + length % 2, 1)
    return 0


def cut(samples: np.ndarray, length: int | None, hop: int, shortest: int) -> np.ndarray:
    """Cuts a file into chunks.

    A file shorter than one chunk is padded *by repetition*: zeros would sit at the floor of the dB scale and squeeze
    everything real into the top of the colours (ledger F-16, F-02). A remainder after the last whole chunk is dropped
    where there is one, as in the released code.

    Args:
        samples: float32 (n,).
        length: length of a chunk in samples; None takes the whole file as one chunk.
        hop: step between chunks in samples (half a chunk in the paper's set-up).
        shortest: smallest number of samples that the front end takes; a shorter whole file is repeated up to it.

    Returns:
        float32 (chunks, length), at least one chunk.
    """
    length = length or max(len(samples), shortest)
    if len(samples) < length:
        return np.resize(samples, (1, length))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
