"""What the headers of audio files promise, held against what is there: libsndfile shortens without a word what was cut,
and believes a WAV that says another length than it has."""

import io
import re
import struct
from pathlib import Path
from typing import BinaryIO

import soundfile

from dslite.errors import UnusableAudio

SHARE, SECONDS = 0.01, 0.1
"""A file that lacks at most this share, or this many seconds, of what its header promises is not truncated."""

SHORTENED = "the end lacks a little of what the header promises"
UNTOLD = "the header does not say how long the file is; decoded to its end"
"""What is noted of a file that lacks less, and of one that says no length."""

UNKNOWN = 2**62
"""libsndfile's number of samples where a stream names none is at least this."""

_STREAMED = 0x7FFF0000
"""A WAV written to a pipe promises at least this many bytes (SoX, ffmpeg), for want of the true number."""

_CHUNKED = {
    "AIFF": (12, b"SSND", ">4sI", 0, 2),
    "RF64": (12, b"data", "<4sI", 0, 2),
    "W64": (40, b"data", "<4s12xQ", 24, 8),
}
"""Of a format: where its chunks begin, which one holds samples, how one begins, how many bytes of that its length
counts too, and what lengths are filled up to."""


_GSM_BLOCK = 65, 320
"""Bytes and samples of what GSM in a WAV comes in."""

_W64_TAG, _W64_KIND = slice(64, 66), slice(88, 90)
"""Where a W64 says what its samples are, and where it does if that says "in the extension" (0xFFFE)."""


def refuse_cut(file: Path, stream: soundfile.SoundFile) -> list[str]:
    """What is to be noted of an AIFF, AU, W64 or RF64 that lacks a little of what its header promises.

    Raises:
        UnusableAudio: if it is truncated; libsndfile shortens such a file without a word.
    """
    promised, held = _lengths(file, stream.format)
    missing = promised - held
    streamed = 0x7F000000 if stream.format in ("AIFF", "AU") else UNKNOWN  # what SoX and ffmpeg write to a pipe
    if missing <= 0 or held <= 0 or promised >= streamed:
        return []
    if missing > max(SHARE * promised, SECONDS * stream.samplerate * held / max(1, stream.frames)):
        raise UnusableAudio(f"is truncated: {missing} bytes that its header promises are not there")
    return [SHORTENED]


def _lengths(file: Path, kind: str) -> tuple[int, int]:
    """How many bytes of samples the header of a file promises, and how many there are; 0 where it does not say."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        if kind == "AU":
            mark, begin, promised = struct.unpack(">4sII", stream.read(12).ljust(12, b"\0"))
            return (promised, size - begin) if mark == b".snd" else (0, 0)
        if kind not in _CHUNKED:
            return 0, 0
        begin, wanted, form, counted, filled = _CHUNKED[kind]
        long, head = 0, struct.calcsize(form)
        stream.seek(begin)
        while len(start := stream.read(head)) == head:
            name, length = struct.unpack(form, start)
            if name == wanted:
                length = long if kind == "RF64" and length == 2**32 - 1 else length - counted
                return length, size - stream.tell()
            if name == b"ds64":
                long = struct.unpack("<8xQ", stream.read(16).ljust(16, b"\0"))[0]
                stream.seek(-16, 1)
            stream.seek(max(0, -(-length // filled) * filled - counted), 1)
    return 0, 0


def frames(file: Path, stream: soundfile.SoundFile) -> int:
    """Samples per channel, without the block (40 ms, noise) that libsndfile makes up behind an odd number of blocks of
    GSM in a WAV, whose bytes are odd then and filled up by one."""
    if (stream.format, stream.subtype) != ("WAV", "GSM610"):
        return stream.frames
    with file.open("rb") as raw:
        begin, promised, _ = _samples_of_wav(raw)
    held = file.stat().st_size - begin
    blocks = (min(promised, held) or held) // _GSM_BLOCK[0]
    return min(stream.frames, blocks * _GSM_BLOCK[1]) if begin else stream.frames


def further_streams(file: Path, stream: soundfile.SoundFile) -> list[str]:
    """What is to be noted of an Ogg file that holds several recordings one after another (a chained one)."""
    if stream.format != "OGG":
        return []
    content = file.read_bytes()
    pages = re.compile(rb"OggS\0(.)", re.S)
    first = next((page.start() for page in pages.finditer(content) if not page[1][0] & 2), len(content))
    if content.find(b"OggS\0\2", first) < 0:
        return []
    return [
        "several recordings lie in it one after another (chained Ogg), and the first alone is read: cut it into files"
    ]


def mended(file: Path) -> tuple[Path | io.BytesIO, list[str]]:
    """The file, or a copy in memory: where a WAV's data chunk has another length than its header says, one that says
    so; where a W64 (ffmpeg's, of floats) says in an extension what its samples are, one that says it where it is read.

    Raises:
        UnusableAudio: if it is truncated; libsndfile shortens such a file without a word.
    """
    size = file.stat().st_size
    # By this name soundfile would ask for a rate, whatever is in the file.
    source = io.BytesIO(file.read_bytes()) if file.suffix.lower() == ".raw" else file
    with file.open("rb") as stream:
        start = stream.read(_W64_KIND.stop)
        whole = len(start) == _W64_KIND.stop
        w64 = whole and start.startswith(b"riff\x2e\x91\xcf\x11") and start[40:44] == b"fmt "
        # libsndfile would take what an extension calls floats for integers.
        if w64 and start[_W64_TAG] == b"\xfe\xff" and start[_W64_KIND] != b"\1\0":
            content = io.BytesIO(file.read_bytes())
            content.getbuffer()[_W64_TAG] = start[_W64_KIND]
            return content, []
        begin, length, bytes_per_second = _samples_of_wav(stream)
    held = size - begin
    if begin and held >= 2**32:
        raise UnusableAudio("is longer than a WAV's header can say (4 GiB): make an RF64 or a FLAC of it, or cut it")
    if not begin or length in range(1, held + 1) or held <= 0:
        return source, []
    if 0 < length < _STREAMED:
        if length - held > max(SHARE * length, SECONDS * bytes_per_second):
            raise UnusableAudio(f"is truncated: {length - held} bytes that its header promises are not there")
        note = SHORTENED
    else:
        note = UNTOLD
    content = io.BytesIO(file.read_bytes())
    struct.pack_into("<I", content.getbuffer(), begin - 4, held)
    struct.pack_into("<I", content.getbuffer(), 4, size - 8)
    return content, [note]


def _samples_of_wav(stream: BinaryIO) -> tuple[int, int, int]:
    """Where the samples of a WAV begin (0 where it is none, or has none), and how many bytes of them, and bytes per
    second, its header promises."""
    stream.seek(0)
    riff, _, wave = struct.unpack("<4sI4s", stream.read(12).ljust(12, b"\0"))
    bytes_per_second = 0
    while (riff, wave) == (b"RIFF", b"WAVE") and len(start := stream.read(8)) == 8:
        name, length = struct.unpack("<4sI", start)
        if name == b"data":
            return stream.tell(), length, bytes_per_second
        if name == b"fmt ":
            bytes_per_second = struct.unpack("<8xI", stream.read(12).ljust(12, b"\0"))[0] if length >= 12 else 0
            length -= min(length, 12)
        stream.seek(length + length % 2, 1)
    return 0, 0, 0
