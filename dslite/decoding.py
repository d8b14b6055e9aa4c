"""Audio files as people have them: headers that are slightly wrong, unknown or zero lengths, MP3, what is no audio.

libsndfile decodes; MP3 and streams of unknown length go through miniaudio, since libsndfile takes the length of an MP3
from its first frames' bit rate and gives up on a FLAC that does not say how long it is.
"""

import io
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from dslite.errors import UnusableAudio
from dslite.headers import SECONDS, SHARE, SHORTENED, UNKNOWN, UNTOLD, frames, further_streams, mended, refuse_cut

LOWEST_RATE = 1_000
"""Hz; below it no speech is left, and a header that says less is broken."""

_MP3_HEADER = re.compile(
    rb"\xff[\xe2-\xff]..(?:.{9}|.{17}|.{32})(?:Xing|Info)...[\x03\x07\x0b\x0f].{4}(?P<bytes>.{4})", re.S
)
"""What most encoders begin an MP3 with: how many frames and bytes follow."""

_SOUGHT = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")
"""Beginnings of libsndfile's names of such codings; that of FLAC is PCM, too."""

_MP3_BEGIN = re.compile(rb"ID3|\xff[\xe2-\xff]")
_MP3_FRAME = 1_441
"""Bytes of the longest frame."""


@dataclass(frozen=True)
class Recording:
    """A decoded file.

    Attributes:
        samples: float32 (samples, channels).
        rate: Hz.
        notes: what was mended on the way, each a clause fit for a report that continues "... files: ".
    """

    samples: np.ndarray
    rate: int
    notes: tuple[str, ...]


def segment(file: str, start: float, end: float) -> str:
    """The name of a part of a file, in s: a media fragment (W3C), ``long.wav#t=1.5,3``."""
    return f"{file}#t={start:.6f}".rstrip("0").rstrip(".") + f",{end:.6f}".rstrip("0").rstrip(".")


def record(file: Path) -> Recording:
    """Decodes a file, whole, or the part of it that :func:`segment` named.

    Raises:
        UnusableAudio: if it is no audio, corrupt, truncated or of a format that is not read.
    """
    name, mark, part = file.name.rpartition("#t=")
    if not mark or file.exists():
        return _whole(file)
    start, end = map(float, part.split(","))
    if start < 0:  # which a slice would count from the end
        raise UnusableAudio(f"has no part from {part.replace(',', ' to ')} s")
    whole = file.with_name(name)
    if _sought(whole):  # of a recording of a day no more is read
        with suppress(OSError, RuntimeError), soundfile.SoundFile(whole) as stream:  # else it is told what is wrong
            stream.seek(first := min(round(start * stream.samplerate), stream.frames))
            last = round(end * stream.samplerate)
            return Recording(stream.read(last - first, "float32", always_2d=True), stream.samplerate, ())
    found = _last(whole)
    return replace(found, samples=found.samples[round(start * found.rate) : round(end * found.rate)])


@lru_cache(maxsize=1)
def _sought(file: Path) -> bool:
    """Whether every sample of a file can be sought, and nothing is to be mended or told of it."""
    with suppress(OSError, RuntimeError, UnusableAudio):
        source, notes = mended(file)
        with soundfile.SoundFile(source) as stream:
            coded = stream.subtype.startswith(_SOUGHT) and not _needs_miniaudio(stream)
            if coded and not isinstance(source, io.BytesIO) and not refuse_cut(file, stream):
                stream.seek(stream.frames - 1)
                return len(stream.read(1)) == 1
    return False


def _whole(file: Path) -> Recording:
    try:
        source, notes = mended(file)
        with soundfile.SoundFile(source) as stream:
            rate, channels, expected = stream.samplerate, stream.channels, frames(file, stream)
            notes += refuse_cut(file, stream) + further_streams(file, stream)
            if _needs_miniaudio(stream):
                samples = _miniaudio(file, channels, rate)
                if expected >= UNKNOWN:
                    notes.append(UNTOLD)
                expected = _mp3_frames(file) if stream.format == "MP3" else len(samples)
            else:
                # The number is told, because a stream that cannot seek (GSM) asks for it.
                samples = stream.read(expected, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile.LibsndfileError is a RuntimeError
        # libsndfile's message repeats the path, which a report must not hold.
        said = str(error).split(": ", 1)[-1].strip().rstrip(".")
        raise UnusableAudio(foreign(file) or f"cannot be decoded ({said}). {conversion(file)}") from error
    except MemoryError:
        raise UnusableAudio(
            f"does not fit into memory: its header promises {expected * channels:,} samples, in a file of "
            f"{file.stat().st_size:,} bytes. If that is right, cut it into parts"
        ) from None
    if (missing := expected - len(samples)) > 0:
        if missing > max(SHARE * expected, SECONDS * rate):
            raise UnusableAudio(f"is truncated: its header promises {expected} samples, it holds {len(samples)}")
        notes.append(SHORTENED)
    return Recording(samples, rate, tuple(notes))


_last = lru_cache(maxsize=1)(_whole)  # the parts of a file are asked for one after another


def header(file: Path) -> tuple[float, int, int]:
    """Duration (s), rate (Hz) and channels; nothing is decoded but streams that do not say their length.

    Raises:
        UnusableAudio, OSError, soundfile.LibsndfileError: as :func:`record`.
    """
    if kind := foreign(file):
        raise UnusableAudio(kind)
    source, _ = mended(file)
    with soundfile.SoundFile(source) as stream:
        count, rate, channels = frames(file, stream), stream.samplerate, stream.channels
        refuse_cut(file, stream)
        if stream.format == "MP3":
            count = _mp3_frames(file)
        elif _needs_miniaudio(stream):
            count = len(_miniaudio(file, channels, rate))
    if count <= 0:
        raise UnusableAudio("has a header without audio (0 samples)")
    if rate < LOWEST_RATE:
        raise UnusableAudio(f"has an impossible rate in its header ({rate} Hz)")
    return count / rate, rate, channels


def readable(file: Path) -> bool:
    """Whether :func:`header` finds audio in a file."""
    try:
        return bool(header(file))
    except (UnusableAudio, OSError, RuntimeError):
        return False


def foreign(file: Path) -> str:
    """What a file is that no decoder here reads, and what to do about it; empty for any other."""
    with file.open("rb") as stream:
        start = stream.read(64)
    if start.startswith(b"version https://git-lfs"):
        return "is not there: this is a Git LFS pointer. Fetch the audio with `git lfs pull`"
    kinds = {b"\x1a\x45\xdf\xa3": "WebM or Matroska", b"#!AMR": "AMR", b"\x30\x26\xb2\x75": "Windows Media"}
    kind = next((kind for mark, kind in kinds.items() if start.startswith(mark)), "")
    if start[4:8] == b"ftyp":
        kind = "M4A or MP4"
    return f"is {kind}, which is not read here. {conversion(file)}" if kind else ""


def conversion(file: Path) -> str:
    """The command that makes files that are read of those that end like ``file`` and that other programs play, in the
    corpus' folder and all below."""
    which, into = f"-name {shlex.quote(f'*{file.suffix}')}", '"${f%.*}.wav"'
    if not file.suffix:
        which, into = "! -name '*.*'", '"$f.wav"'
    elif file.suffix.lower() == ".wav":
        into = '"${f%.*}.flac" && mv "$f" "$f.original"'
    loop = f"""find . -type f {which} -exec sh -c 'for f; do ffmpeg -i "$f" {into}; done' sh {{}} +"""
    return f"If they play elsewhere, convert all, in the corpus' folder: {loop}"


def _needs_miniaudio(stream: soundfile.SoundFile) -> bool:
    return stream.format == "MP3" or stream.frames >= UNKNOWN


def _mp3_frames(file: Path) -> int:
    """Samples per channel of an MP3, at the rate that it begins with, from the headers of all its frames."""
    import miniaudio

    try:
        found = [miniaudio.mp3_get_info(part) for part in _joined(file.read_bytes())]
    except miniaudio.MiniaudioError as error:
        raise UnusableAudio(f"cannot be decoded ({error})") from error
    return sum(round(info.num_frames * found[0].sample_rate / info.sample_rate) for info in found)


def _miniaudio(file: Path, channels: int, rate: int) -> np.ndarray:
    import miniaudio

    kind = miniaudio.SampleFormat.FLOAT32
    try:
        parts = [miniaudio.decode(part, kind, channels, rate).samples for part in _joined(file.read_bytes())]
    except miniaudio.MiniaudioError as error:
        raise UnusableAudio(f"cannot be decoded ({error})") from error
    return np.concatenate([np.asarray(part, np.float32) for part in parts]).reshape(-1, channels)


def _joined(content: bytes) -> list[bytes]:
    """The MP3s that were written one after another into one (``cat a b``): a decoder ends with what the first one's
    header promises. Whatever else is one whole."""
    parts, begin = [], 0
    while begun := _MP3_HEADER.search(content, begin, begin + (1 << 20)):
        end = begun.start() + int.from_bytes(begun["bytes"], "big")
        # Some count the bytes without the frame that says so: a single frame more is no other file.
        if end < begun.end() or len(content) - end <= _MP3_FRAME or not _MP3_BEGIN.match(content, end):
            break
        parts.append(content[begin:end])
        begin = end
    return [*parts, content[begin:]]
