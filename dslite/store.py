"""What the stage ``corpus`` caches: every clip's samples, and spectrograms before colours (128 bytes per frame)."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dslite import audio
from dslite.files import whole_file, write_table
from dslite.front_end import FrontEnd
from dslite.spectrogram import MelPlot

BATCH = 64
"""Chunks per pass through the front end."""

RATE = 16_000
"""Sample rate of everything that is cached, in Hz."""


class Samples:
    """Read access to the decoded clips, by file name.

    Args:
        file: the memory-mapped array, float32 (all samples,), mono at :data:`RATE`; beside it lies, as ``.parquet``,
            where each clip begins and how long it is.
    """

    def __init__(self, file: Path):
        self._samples = np.load(file, mmap_mode="r")
        places = pd.read_parquet(file.with_suffix(".parquet"))
        self._places = {row.file: (row.begin, row.begin + row.length) for row in places.itertuples()}

    def __getitem__(self, file: str) -> np.ndarray:
        """float32 (samples,) of one clip, as recorded: not normalised."""
        begin, end = self._places[file]
        return np.array(self._samples[begin:end])


class Spectrograms:
    """Read access to the cached chunks.

    Args:
        file: the memory-mapped array of levels (total_frames, mel_bins).
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
            Pairs of positions in ``indices`` (int (n,)) and levels ((n, frames, mel_bins)); a single pair where
            all chunks are equally long, as they are but for corpora of whole files.
        """
        indices = np.asarray(indices)
        lengths = self._lengths[indices]
        together = ((np.flatnonzero(lengths == frames), np.arange(frames)) for frames in np.unique(lengths))
        return [(rows, self._frames[self._offsets[indices[rows]][:, None] + frames]) for rows, frames in together]


def decode(
    files: Iterable[str], folder: Path, samples: Path, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """Decodes every clip, once for all stages; memory stays constant.

    Args:
        files: relative to ``folder``.
        folder: the corpus.
        samples: what to write, see :class:`Samples`.
        progress: called with files done.

    Returns:
        ``file``, ``kind``, ``reason`` of every file that could not be used (skipped), and of what was mended on the way
        (warning): one line per kind of mending.
    """
    places, problems, total = [], [], 0
    mended: dict[str, list[str]] = {}
    with whole_file(samples) as draft, draft.open("wb") as stream:
        _header(stream, "<f4", (total,))
        for done, file in enumerate(files, start=1):
            progress(done)
            try:
                wave, notes = audio.load_noted(folder / file, RATE)
            except audio.UnusableAudio as reason:
                problems.append((file, "skipped", f"The audio {reason}."))
                continue
            for note in notes:
                mended.setdefault(note, []).append(file)
            stream.write(wave.tobytes())
            places.append((file, total, len(wave)))
            total += len(wave)
        _header(stream, "<f4", (total,))
    write_table(samples.with_suffix(".parquet"), pd.DataFrame(places, columns=["file", "begin", "length"]))
    for note, which in mended.items():
        named = ", ".join(which[:3]) + " …" * (len(which) > 3)
        problems.append(("", "warning", f"{len(which)} files ({named}): {note}."))
    return pd.DataFrame(problems, columns=["file", "kind", "reason"])


def twins(samples: Path) -> list[tuple[str, ...]]:
    """Groups of decoded files that hold the same samples."""
    places, stored = pd.read_parquet(samples.with_suffix(".parquet")), np.load(samples, mmap_mode="r")
    found: dict[tuple[int, bytes], list[str]] = {}
    for row in places[places.duplicated("length", keep=False)].itertuples():
        content = hashlib.sha256(stored[row.begin : row.begin + row.length].tobytes()).digest()
        found.setdefault((row.length, content), []).append(row.file)
    return [tuple(files) for files in found.values() if len(files) > 1]


def build(
    files: Iterable[str],
    samples: Samples,
    chunk_seconds: float,
    front_end: FrontEnd,
    spectrograms: Path,
    progress: Callable[[int], None] = lambda done: None,
    short: str = "repeat",
    remainder: str = "drop",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cuts every clip into chunks with half a chunk of hop and caches their spectrograms; memory stays constant.

    Args:
        files: those of ``samples`` that are wanted, in order.
        samples: the decoded clips.
        chunk_seconds: length of a chunk in s; 0 stands for whole files.
        front_end: parameters of the spectrogram.
        spectrograms: the array to write, (total_frames, mel_bins) of :attr:`FrontEnd.level_type`.
        progress: called with files done.
        short: what becomes of files shorter than a chunk: ``"repeat"`` pads them by repetition, ``"drop"`` leaves them
            out, as the released code does (ledger F-16).
        remainder: what becomes of a file's rest, see :func:`dslite.audio.cut`.

    Returns:
        chunks: ``file``, ``chunk`` (0..), ``start_s``, ``frames``, ``offset``, ``padded`` (shorter than one chunk).
        problems: ``file``, ``kind``, ``reason`` of every file that was left out.
    """
    from dslite.keras_defaults import graph, tf

    plot = MelPlot(front_end)
    quantise = graph(plot.quantise, tf.TensorSpec([None, None], tf.float32))
    length = round(chunk_seconds * front_end.rate) or None
    hop = length // 2 if length else 1
    rows, problems, waiting, offset = [], [], [], 0
    with whole_file(spectrograms) as draft, draft.open("wb") as stream:

        def flush():
            if waiting:
                stream.write(quantise(np.stack(waiting)).numpy().tobytes())
                waiting.clear()

        _header(stream, np.dtype(front_end.level_type).str, (offset, front_end.mel_bins))
        for done, file in enumerate(files, start=1):
            progress(done)
            wave = samples[file]
            if short == "drop" and length and len(wave) < length:
                problems.append((file, "too short", f"The audio is shorter than one chunk of {chunk_seconds:g} s."))
                continue
            chunks = audio.cut(wave, length, hop, front_end.window, remainder)
            frames = front_end.frames(chunks.shape[1])
            padded = len(wave) < chunks.shape[1]
            for index, chunk in enumerate(chunks):
                if waiting and (len(waiting) == BATCH or len(waiting[0]) != len(chunk)):
                    flush()
                waiting.append(chunk)
                begin = 0 if padded else min(index * hop, len(wave) - len(chunk))
                rows.append((file, index, begin / front_end.rate, frames, offset, padded))
                offset += frames
        flush()
        _header(stream, np.dtype(front_end.level_type).str, (offset, front_end.mel_bins))
    columns = ["file", "chunk", "start_s", "frames", "offset", "padded"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(problems, columns=["file", "kind", "reason"])


def data_hash(chunks: pd.DataFrame, spectrograms: Path) -> str:
    """What is heard: chunks and every cached value; not how they came to be, and neither labels nor partitions."""
    total = hashlib.sha256(chunks.to_csv(index=False).encode())
    with spectrograms.open("rb") as stream:
        hashlib.file_digest(stream, lambda: total)
    return total.hexdigest()[:16]


def _header(stream, kind: str, shape: tuple[int, ...]) -> None:
    """Writes an array's header; numpy leaves room for a first axis that grows, so that it can be written again."""
    stream.seek(0)
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    stream.seek(0, 2)
