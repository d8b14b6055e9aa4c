"""Zips from elsewhere, unpacked without trust: names, kinds and sizes are looked at before anything is written."""

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from dslite.errors import DsliteError
from dslite.files import room

LARGEST = 4_000_000_000
"""Bytes that a zip may hold once it is unpacked."""

PROGRAMS = (".keras", ".pkl", ".pickle", ".joblib", ".dill", ".h5", ".pt", ".pth", ".py", ".pyc", ".so", ".sh", ".exe")
"""Endings of files that run something when they are opened; first that of models that a run leaves."""


def members(archive: zipfile.ZipFile, models: bool) -> list[zipfile.ZipInfo]:
    """The files of a zip; with ``models`` also Keras models, which a run leaves.

    Raises:
        DsliteError: for a zip with a name twice or outside, a link, a file that would run something, or too much in it.
    """
    files = [one for one in archive.infolist() if not one.is_dir()]
    seen: set[str] = set()
    for one in files:
        place = PurePosixPath(one.filename)
        kind = stat.S_IFMT(one.external_attr >> 16)
        wrong = {
            "leads out of the folder": place.is_absolute() or ".." in place.parts or "\\" in one.filename,
            "is a link": kind not in (0, stat.S_IFREG),
            "could run a program": place.suffix.lower() in PROGRAMS[models:],
            "is in it twice": one.filename.lower() in seen,
        }
        if reasons := [reason for reason, holds in wrong.items() if holds]:
            raise DsliteError(f"{archive.filename} is refused: {one.filename!r} {reasons[0]}.")
        seen.add(one.filename.lower())
    if (size := sum(one.file_size for one in files)) > LARGEST:
        raise DsliteError(
            f"{archive.filename} is refused: unpacked it has {size:,} bytes, at most {LARGEST:,} are taken."
        )
    return files


def unpack(zipped: Path, folder: Path, models: bool = False) -> None:
    """Unpacks a zip into an empty folder; ``models`` as for :func:`members`.

    Raises:
        DsliteError: as :func:`members`, for a file that is no zip or is damaged, and for want of room.
    """
    if not zipped.exists():
        raise DsliteError(f"There is no {zipped}: check the name.")
    try:
        with zipfile.ZipFile(zipped) as archive, room(folder):
            for one in members(archive, models):
                place = folder / one.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, place.open("xb") as target:
                    shutil.copyfileobj(source, target)  # ends at the size that was said, and checks the CRC
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, OSError) as error:
        raise DsliteError(f"{zipped} is refused: it is no whole zip ({error}). Fetch it again.") from error
