"""What lies in a folder: walking it, finding audio in it by name, its fingerprint."""

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from dslite.decoding import readable
from dslite.errors import DsliteError

# fmt: off
AUDIO_ENDINGS = (
    ".3ga", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".dss", ".flac", ".gsm",
    ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".mpeg", ".mpga", ".nist", ".oga", ".ogg",
    ".opus", ".rf64", ".sf", ".snd", ".sph", ".spx", ".tta", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma",
    ".wv",
)
# fmt: on
"""Endings that corpora come in. Not all are read; of the others, a report says what to do."""


_SYSTEMS = ("$RECYCLE.BIN", "@eaDir", "lost+found", "System Volume Information", "__MACOSX")
"""Folders that systems make beside people's own."""

RIGHTS = "Give yourself the right to read it (chmod -R u+rX)"
"""What to do about a file or folder that cannot be read."""


def walk(folder: Path) -> Iterator[os.DirEntry]:
    """All files below ``folder``, through links too, each folder once; hidden files and folders, and those that systems
    make, are left out.

    Links to nothing and folders that cannot be read are among them, so that somebody tells of what is behind them.

    Raises:
        DsliteError: if ``folder`` itself cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    waiting: list[Path | os.DirEntry] = [folder]
    while waiting:
        current = waiting.pop()
        try:
            status = os.stat(current)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(os.fspath(current)) as found:
                entries = list(found)
        except OSError as error:
            if isinstance(current, Path):
                raise DsliteError(f"The folder {folder} cannot be read ({error.strerror}). {RIGHTS}.") from None
            yield current
            continue
        for entry in entries:
            if hidden(entry.name):
                continue
            if entry.is_symlink() and not os.path.exists(entry.path):  # a circle of links would raise below
                yield entry
            elif entry.is_dir():
                waiting.append(entry)
            elif entry.is_file():
                yield entry


def hidden(name: str) -> bool:
    """Whether files or folders of that name are no business of a corpus."""
    return name.startswith(".") or name in _SYSTEMS


def is_audio(name: str) -> bool:
    """Whether the name ends like an audio file."""
    return name.lower().endswith(AUDIO_ENDINGS)


def audio_below(folder: Path, *places: Path) -> list[str]:
    """Audio files below the ``places`` in ``folder`` (in all of it if none): sorted, relative, POSIX."""
    return sorted(
        Path(os.path.relpath(entry.path, folder)).as_posix()
        for place in places or (folder,)
        if place.is_dir()
        for entry in walk(place)
        if is_audio(entry.name)
    )


class Shelf:
    """Audio files that can be asked for by the name that a label file uses.

    A name is found in any Unicode normal form (disks and spreadsheets differ in it), and with any audio ending
    (corpora get converted to FLAC).

    Attributes:
        files: what can be asked for.
        instead: file that cannot be read -> the one of :attr:`files` that it was converted to, which its name means.
    """

    def __init__(self, files: Iterable[str], instead: Mapping[str, str] = {}):
        self.instead = instead
        self.files = [file for file in files if file not in instead]
        self._exact = {_normal(file): file for file in self.files}
        self._exact |= {_normal(file): converted for file, converted in instead.items()}
        self._stems = {os.path.splitext(name)[0]: file for name, file in self._exact.items() if is_audio(name)}
        self._lower = {name.lower(): file for name, file in self._exact.items()}

    def find(self, name: str) -> str | None:
        """The file on disk that ``name`` (relative POSIX path) means; None if there is none."""
        name = _normal(name)
        return self._exact.get(name) or self._stems.get(os.path.splitext(name)[0] if is_audio(name) else name)

    def in_other_capitals(self, name: str) -> str | None:
        """A file on disk that is called so but for capital letters, which some systems do not tell apart."""
        return self._lower.get(_normal(name).lower())


def shelf_below(folder: Path, *places: Path) -> Shelf:
    """The audio that :func:`audio_below` finds."""
    files = audio_below(folder, *places)
    return Shelf(files, _converted(folder, files))


def shelf_of(folder: Path, names: Iterable[str]) -> Shelf:
    """The audio in those folders that names (relative POSIX paths) lie in, and what is named exactly, whatever its
    ending."""
    names = sorted(set(names))
    files = [file for place in sorted({PurePosixPath(name).parent for name in names})
             for file in _lying(folder, place, names)]  # fmt: skip
    shelf = Shelf(file for file in files if is_audio(file) and not PurePosixPath(file).name.startswith("."))
    named = {_normal(name) for name in names}
    files = shelf.files + [file for file in files if _normal(file) in named and not shelf.find(file)]
    return Shelf(files, _converted(folder, files, named))


def _lying(folder: Path, place: PurePosixPath, names: Iterable[str]) -> list[str]:
    """All files in a folder and links to nothing; where it cannot be read, the names in it: opening them tells why."""
    try:
        files = [(place / name).as_posix() for name in sorted(os.listdir(folder / place))]
    except PermissionError:
        return [name for name in names if PurePosixPath(name).parent == place]
    except OSError:  # there is none, or its name is longer than a disk allows
        return []
    # Not a pipe or a device, which would never end.
    return [file for file in files if os.path.isfile(folder / file) or not os.path.exists(folder / file)]


def _converted(folder: Path, files: Iterable[str], named: Iterable[str] = ()) -> dict[str, str]:
    """Files that cannot be read -> the one that can, and lies beside them under the same name but for the ending; what
    is ``named`` is a clip of its own."""
    instead: dict[str, str] = {}
    for same in by_stem(files):
        unread = [file for file in same if not readable(folder / file)] if len(same) > 1 else []
        for other in (file for file in same if unread and file not in unread and _normal(file) not in named):
            instead |= dict.fromkeys(unread, other)
    return instead


def by_stem(files: Iterable[str]) -> list[list[str]]:
    """Files in groups that are called alike but for their endings, in one folder."""
    alike = defaultdict(list)
    for file in files:
        alike[os.path.splitext(file)[0]].append(file)
    return list(alike.values())


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
