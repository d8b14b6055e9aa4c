"""Unpacking an archive that somebody else made."""

import re
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from dslite.errors import DsliteError

LARGEST = 4 << 30
"""Bytes that an archive may unpack to: RAVDESS song has about 0.5 GB, a zip bomb more than this."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip archive; all names are checked before the first byte is written.

    Args:
        archive: the zip file.
        folder: a new folder to unpack to. It may be left half full if this raises: it is the caller's to clear away.

    Raises:
        DsliteError: if a member would land outside the folder, is a link or a device, if they are too large altogether,
            or if the archive is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as contents:
            members = [member for member in contents.infolist() if not member.is_dir()]
            for member in members:
                _refuse_dangerous(archive, member)
            size = sum(member.file_size for member in members)
            if size > LARGEST:
                raise DsliteError(f"{archive} would unpack to {size / 1e9:.1f} GB; nothing was unpacked.")
            folder.mkdir(parents=True)
            for member in members:
                path = folder / PurePosixPath(member.filename)
                path.parent.mkdir(parents=True, exist_ok=True)
                # zipfile reads at most the size that the header states, and checks the CRC at the end.
                with contents.open(member) as source, path.open("xb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, EOFError, FileExistsError, NotImplementedError) as error:
        raise DsliteError(f"{archive} is not a sound zip archive ({error}); nothing of it was kept.") from None


def _refuse_dangerous(archive: Path, member: zipfile.ZipInfo) -> None:
    name = member.orig_filename.replace("\\", "/")
    path = PurePosixPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    outside = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in name
    if outside or kind not in (0, stat.S_IFREG):
        what = "lead out of the folder" if outside else "be a link or a device"
        raise DsliteError(f"{archive} has a member {name!r} that would {what}; nothing was unpacked.")
