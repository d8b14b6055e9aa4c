"""RAVDESS song from Zenodo: the one corpus that needs no agreement, only its licence accepted."""

import hashlib
import http.client
import os
import re
import shutil
import stat
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from dslite.corpora.reading import locate
from dslite.corpora.registry import CORPORA, Archive
from dslite.errors import DsliteError

ATTEMPTS = 5
"""A broken connection is taken up again so often before the user is asked to."""

PAUSE_S = 2.0
_BLOCK = 1 << 18
_TIMEOUT_S = 30
_ROOM = 3.5
"""Free disk space that is asked for, in archive sizes: the archive and what it unpacks to (about twice as much)."""

LARGEST = 4 << 30
"""Bytes that an archive may unpack to: RAVDESS song has about 0.5 GB, a zip bomb more than this."""

Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in all."""


def download_ravdess(
    data: Path,
    *,
    accept: bool,
    progress: Progress = lambda done, size: None,
    archive: Archive = CORPORA["ravdess"].archive,
    pause_s: float = PAUSE_S,
) -> Path:
    """Downloads RAVDESS song and unpacks it to ``data``/ravdess/Actor_NN/*.wav.

    A broken download goes on where it stopped, in this call or a later one. Nothing is unpacked before size, MD5 and
    SHA-256 agree, and the folder appears whole or not at all. Where it already holds the corpus nothing is done.

    Args:
        data: the folder that holds the corpora; it is created.
        accept: that the user has seen the licence and accepts it.
        progress: told after every block, with bytes done and in all.
        archive: what to download.
        pause_s: seconds to wait before a broken connection is tried again.

    Returns:
        The corpus' folder.

    Raises:
        DsliteError: if the licence is not accepted, something else lies in the folder, the disk is too full, the server
            cannot be reached or does not hand out the file, or what came is not the archive that was expected.
    """
    folder = data / "ravdess"
    if locate("ravdess", data):
        return folder
    if not accept:
        raise DsliteError(licence_text())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DsliteError(
            f"{folder} holds something that is not RAVDESS song. Move it away, or name another data folder."
        )
    _make_room(data, archive)
    part = data / f".{archive.name}.part"
    _fetch(archive, part, progress, pause_s)
    _verify(archive, part)
    draft = data / ".ravdess.unpacking"
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed while it unpacked
    try:
        _unpack(part, draft)
        if folder.is_dir():
            folder.rmdir()
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    part.unlink()
    return folder


def licence_text() -> str:
    """What must be read and accepted before the download."""
    info = CORPORA["ravdess"]
    size = info.archive.size / 1e6
    return (
        f"RAVDESS ({info.citation}; {info.url}) is licensed under {info.licence}. The download has {size:.0f} MB. "
        "To accept the licence and start, add --accept-licence."
    )


def _make_room(data: Path, archive: Archive) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(data).free
    except OSError as error:
        raise DsliteError(f"{data} cannot be used as the data folder ({error.strerror}). Name another one.") from None
    if free < _ROOM * archive.size:
        raise DsliteError(
            f"{data} has {free / 1e6:,.0f} MB free; {_ROOM * archive.size / 1e6:,.0f} MB are needed to download and "
            "unpack RAVDESS song. Make room or name another data folder."
        )


def _fetch(archive: Archive, part: Path, progress: Progress, pause_s: float) -> None:
    """Brings ``part`` to the archive's size."""
    for attempt in range(ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        if have == archive.size:
            return
        if have > archive.size:
            part.unlink()  # never a beginning of this archive
        if attempt:
            time.sleep(pause_s)
        try:
            _go_on(archive, part, progress)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the server has less than we do: not a beginning of its file
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != 429:
                raise DsliteError(
                    f"{archive.url} answers {error.code} {error.reason}: the archive is not there any more, or not for "
                    f"you. See {CORPORA['ravdess'].url}; unpack {archive.name} by hand into the folder ravdess."
                ) from None
            problem = f"{error.code} {error.reason}"
        except (http.client.HTTPException, OSError) as error:  # a URLError says why in its reason alone
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            problem = "the connection ended early"
    have = part.stat().st_size if part.exists() else 0
    if have != archive.size:
        raise DsliteError(
            f"The download of {archive.url} broke off at {have / 1e6:.1f} of {archive.size / 1e6:.1f} MB ({problem}). "
            "Run the same command again: it goes on from there."
        )


def _go_on(archive: Archive, part: Path, progress: Progress) -> None:
    """One connection's worth of download, appended to ``part``; never more than the archive's size and a block."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(archive.url, headers={"User-Agent": "dslite", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and not resumed:
            have = 0  # the server sends the whole file again
        if answer.status == 206 and not resumed:
            raise http.client.HTTPException("the server sent another part of the file than was asked for")
        length = answer.headers.get("Content-Length")
        if length is not None and have + int(length) != archive.size:
            raise DsliteError(
                f"{archive.url} hands out {have + int(length):,} bytes where the archive has {archive.size:,}: "
                f"another file, or a page of a network in between. See {CORPORA['ravdess'].url}."
            )
        with part.open("ab" if have else "wb") as file:
            while have <= archive.size and (block := answer.read(_BLOCK)):
                file.write(block)
                have += len(block)
                progress(min(have, archive.size), archive.size)


def _verify(archive: Archive, part: Path) -> None:
    md5 = partial(hashlib.md5, usedforsecurity=False)
    for name, checksum, expected in (("MD5", md5, archive.md5), ("SHA-256", hashlib.sha256, archive.sha256)):
        with part.open("rb") as file:
            found = hashlib.file_digest(file, checksum).hexdigest()
        if found != expected:
            part.unlink()
            raise DsliteError(
                f"What was downloaded from {archive.url} is not the expected archive: its {name} is {found}, expected "
                f"was {expected}. It was deleted and nothing was unpacked; run the same command again, and if it "
                "happens twice, do not trust the source."
            )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip archive to a new folder; all names are checked before the first byte is written.

    Raises:
        DsliteError: if a member would land outside the folder, is a link or a device, if they are too large altogether,
            or if the archive is damaged; the folder may be left half full then.
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
