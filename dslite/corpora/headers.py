"""Duration, rate and channels out of the headers of many audio files; nothing is decoded."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile


@dataclass(frozen=True)
class Header:
    """Duration in s, sampling rate in Hz, number of channels."""

    duration: float
    rate: int
    channels: int


def read_headers(paths: Sequence[Path]) -> list[Header | str]:
    """The header of each file, or the reason (a sentence) why it has no usable one.

    Waiting for the disk is most of the work, and libsndfile lets go of Python's lock: threads help.
    """
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(_read, paths, chunksize=64))


def _read(path: Path) -> Header | str:
    try:
        if not path.stat().st_size:
            return "an empty file (0 bytes)"
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        return f"not readable as audio: {error.error_string.strip().rstrip('.')}"
    except OSError as error:
        return f"not readable: {error.strerror or error}"
    if info.frames <= 0 or info.samplerate <= 0:
        return "a header without audio (0 samples)"
    return Header(info.frames / info.samplerate, info.samplerate, info.channels)
