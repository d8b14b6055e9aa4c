"""What lies in a folder: walking it, finding audio in it by name, its fingerprint."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

# fmt: off
AUDIO_ENDINGS = (
    ".3ga", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac", ".m4a", ".mka",
    ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".nist", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".sph", ".spx",
    ".tta", ".voc", ".w64", ".wav", ".wave", ".webm", ".wma", ".wv",
)
# fmt: on
"""Endings that corpora come in. Not all are read; of the others, a report says what to do."""


def walk(folder: Path) -> Iterator[os.DirEntry]:
    """All files below ``folder``, through links too, each folder once; hidden files and folders are left out."""
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        current = waiting.pop()
        status = os.stat(current)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(current) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    waiting.append(entry.path)
                elif entry.is_file():
                    yield entry


def is_audio(name: str) -> bool:
    """Whether the name ends like an audio file."""
    return name.lower().endswith(AUDIO_ENDINGS)


def audio_below(folder: Path, *places: Path) -> list[str]:
    """Audio files below the ``places`` in ``folder`` (in all of it if none): sorted, relative, POSIX."""
    found = (
        os.path.relpath(entry.path, folder)
        for place in places or (folder,)
        if place.is_dir()
        for entry in walk(place)
        if is_audio(entry.name)
    )
    return sorted(PurePosixPath(*Path(path).parts).as_posix() for path in found)


class Shelf:
    """Audio files that can be asked for by the name that a label file uses.

    A name is found in any Unicode normal form (disks and spreadsheets differ in it), and with any audio ending
    (corpora get converted to FLAC).
    """

    def __init__(self, files: Iterable[str]):
        self.files = list(files)
        self._exact = {_normal(file): file for file in self.files}
        self._stems = {os.path.splitext(name)[0]: file for name, file in self._exact.items()}

    def find(self, name: str) -> str | None:
        """The file on disk that ``name`` (relative POSIX path) means; None if there is none."""
        name = _normal(name)
        return self._exact.get(name) or self._stems.get(os.path.splitext(name)[0] if is_audio(name) else name)


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def digest(folder: Path, files: Iterable[Path]) -> str:
    """SHA-256 (hex) over relative path, size and modification time of the files, in sorted order."""
    lines = []
    for file in files:
        try:
            status = file.stat()
        except OSError:  # vanished, or named but never there: that is part of what the folder looks like
            lines.append(f"{os.path.relpath(file, folder)}\0missing")
        else:
            lines.append(f"{os.path.relpath(file, folder)}\0{status.st_size}\0{status.st_mtime_ns}")
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
