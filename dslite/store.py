"""The cache of spectrograms before colours: 128 bytes per frame, memory-mapped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio
from dslite.files import whole_file
from dslite.spectrogram import FrontEnd, MelPlot

BATCH = 64
"""Chunks per pass through the front end."""

SHORT = "too short"
"""The kind of problem that a file shorter than a chunk is, where such files are left out."""


class Spectrograms:
    """Read access to the cached chunks.

    Args:
        file: the memory-mapped array, uint8 (total_frames, mel_bins).
        chunks: table with a row per chunk: ``offset`` (first row in the array) and ``frames``.
    """

    def __init__(self, file: Path, chunks: pd.DataFrame):
        self._frames = np.load(file, mmap_mode="r")
        self._offsets = chunks["offset"].to_numpy()
        self._lengths = chunks["frames"].to_numpy()

    def __len__(self) -> int:
        return len(self._offsets)

    def batches(self, indices) -> list[tuple[np.ndarray, np.ndarray]]:
        """The chunks at ``indices``, put together by length.

        Returns:
            Pairs of positions in ``indices`` (int (n,)) and levels (uint8 (n, frames, mel_bins)); a single pair where
            all chunks are equally long, as they are but for corpora of whole files.
        """
        indices = np.asarray(indices)
        lengths = self._lengths[indices]
        return [
            (rows, self._read(indices[rows], n)) for n in np.unique(lengths) for rows in [np.flatnonzero(lengths == n)]
        ]

    def _read(self, indices: np.ndarray, frames: int) -> np.ndarray:
        return self._frames[self._offsets[indices][:, None] + np.arange(frames)]


def build(
    clips: pd.DataFrame,
    folder: Path,
    chunk_seconds: float,
    front_end: FrontEnd,
    spectrograms: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    short: str = "repeat",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reads every clip, cuts it into chunks with half a chunk of hop and caches their spectrograms.

    Memory stays constant: chunks are written as they come.

    Args:
        clips: a row per file, with ``file`` relative to ``folder``.
        folder: the corpus.
        chunk_seconds: length of a chunk in s; 0 stands for whole files.
        front_end: parameters of the spectrogram.
        spectrograms: the array to write, uint8 (total_frames, mel_bins).
        progress: called with files done and files in all.
        short: what becomes of files shorter than a chunk: ``"repeat"`` pads them by repetition, ``"drop"`` leaves them
            out, as the released code does (ledger F-16).

    Returns:
        chunks: ``file``, ``chunk`` (0..), ``start_s``, ``frames``, ``offset``, ``padded`` (shorter than one chunk).
        problems: ``file``, ``kind``, ``reason`` of every file that could not be used.
    """
    import tensorflow as tf

    plot = MelPlot(front_end)
    quantise = tf.function(plot.quantise, input_signature=[tf.TensorSpec([None, None], tf.float32)])
    length = round(chunk_seconds * front_end.rate) or None
    hop = length // 2 if length else 1
    rows, problems, waiting, offset = [], [], [], 0
    with whole_file(spectrograms) as draft, draft.open("wb") as stream:

        def write_header():
            # numpy leaves room in the header for a first axis that grows, so it can be written again at the end.
            stream.seek(0)
            header = {"descr": "|u1", "fortran_order": False, "shape": (offset, front_end.mel_bins)}
            np.lib.format.write_array_header_1_0(stream, header)

        def flush():
            if waiting:
                stream.write(quantise(np.stack(waiting)).numpy().tobytes())
                waiting.clear()

        write_header()

        for done, file in enumerate(clips["file"], start=1):
            progress(done, len(clips))
            try:
                samples = audio.load(folder / file, front_end.rate)
            except audio.UnusableAudio as reason:
                problems.append((file, "skipped", f"The audio {reason}."))
                continue
            if short == "drop" and length and len(samples) < length:
                problems.append((file, SHORT, f"The audio is shorter than one chunk of {chunk_seconds:g} s."))
                continue
            chunks = audio.cut(samples, length, hop, front_end.window)
            frames = front_end.frames(chunks.shape[1])
            padded = len(samples) < chunks.shape[1]
            for index, chunk in enumerate(chunks):
                if waiting and (len(waiting) == BATCH or len(waiting[0]) != len(chunk)):
                    flush()
                waiting.append(chunk)
                rows.append((file, index, index * hop / front_end.rate, frames, offset, padded))
                offset += frames
        flush()
        write_header()
    columns = ["file", "chunk", "start_s", "frames", "offset", "padded"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(problems, columns=["file", "kind", "reason"])
