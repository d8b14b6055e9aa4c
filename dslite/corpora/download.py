"""RAVDESS, song or speech, from Zenodo: the one corpus that needs no agreement, only its licence accepted."""

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from dslite.corpora.reading import locate
from dslite.corpora.registry import REGISTRY, Archive
from dslite.errors import DsliteError
from dslite.files import sha256

DOWNLOADS = {"ravdess": "RAVDESS song", "ravdess_speech": "RAVDESS speech"}
"""The corpora that can be downloaded, and what people call them."""

ATTEMPTS = 5
"""A broken connection is taken up again so often before the user is asked to."""

PAUSE_S = 2.0
_BLOCK = 1 << 18
_TIMEOUT_S = 30
_ROOM = 3.5
"""Free disk space that is asked for, in archive sizes: the archive and what it unpacks to (about twice as much)."""

Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in all."""


def download_ravdess(
    data: Path,
    name: str = "ravdess",
    *,
    accept: bool,
    progress: Progress = lambda done, size: None,
    archive: Archive | None = None,
    pause_s: float = PAUSE_S,
) -> Path:
    """Downloads RAVDESS song or speech and unpacks it to ``data``/``name``/Actor_NN/*.wav.

    A broken download goes on where it stopped, in this call or a later one. An archive that somebody has put into
    ``data`` under its own name is taken instead, and kept. Nothing is unpacked before size and SHA-256 agree, and the
    folder appears whole or not at all. Where it already holds the corpus nothing is done.

    Args:
        data: the folder that holds the corpora; it is created.
        name: one of `DOWNLOADS`.
        accept: that the user has seen the licence and accepts it.
        progress: told after every block, with bytes done and in all.
        archive: what to download, if not what the registry names.
        pause_s: seconds to wait before a broken connection is tried again.

    Returns:
        The corpus' folder.

    Raises:
        DsliteError: if the licence is not accepted, something else lies in the folder, the disk is too full, the server
            cannot be reached or does not hand out the file, or what came is not the archive that was expected.
    """
    folder, info = data / name, REGISTRY[name]
    archive = archive or info.archive
    if locate(name, data):
        return folder
    if not accept:
        raise DsliteError(
            f"RAVDESS ({info.citation}; {info.url}) is licensed under {info.licence}. The download has "
            f"{info.archive.size / 1e6:.0f} MB. To accept the licence and start, add --accept-licence (of make "
            "ravdess: ACCEPT=1)."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DsliteError(
            f"{folder} holds something that is not {DOWNLOADS[name]}. Move it away, or name another data folder."
        )
    _make_room(data, archive)
    by_hand, part = data / archive.name, data / f".{archive.name}.part"
    if not by_hand.exists():
        _fetch(archive, part, progress, pause_s)
    whole = by_hand if by_hand.exists() else part
    _verify(archive, whole)
    draft = data / f".{name}.unpacking"
    shutil.rmtree(draft, ignore_errors=True)  # of a run that was killed while it unpacked
    try:
        with zipfile.ZipFile(whole) as contents:  # the very file that the checksum is of: no stranger's
            contents.extractall(draft)
        if folder.is_dir():
            folder.rmdir()
        os.replace(draft, folder)
    except OSError as error:
        raise DsliteError(f"{whole} cannot be unpacked ({error.strerror}). Make room and run it again.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    part.unlink(missing_ok=True)
    return folder


def _by_hand(archive: Archive, data: Path) -> str:
    """What to do where there is no network."""
    return (
        f"Without a network, fetch {archive.url} by hand ({archive.size:,} bytes, SHA-256 {archive.sha256}); put it "
        f"into {data} as {archive.name} and run the same command again."
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
            "unpack the archive. Make room or name another data folder."
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
                    f"you. See {REGISTRY['ravdess'].url}. {_by_hand(archive, part.parent)}"
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
            f"Run the same command again: it goes on from there. {_by_hand(archive, part.parent)}"
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
                f"another file, or a page of a network in between. See {REGISTRY['ravdess'].url}. "
                f"{_by_hand(archive, part.parent)}"
            )
        with part.open("ab" if have else "wb") as file:
            while have <= archive.size and (block := answer.read(_BLOCK)):
                file.write(block)
                have += len(block)
                progress(min(have, archive.size), archive.size)


def _verify(archive: Archive, whole: Path) -> None:
    found = sha256(whole)
    if found != archive.sha256:
        downloaded = whole.name != archive.name  # else somebody has put it there
        if downloaded:
            whole.unlink()
        raise DsliteError(
            f"{whole} is not the expected archive of {archive.url}: its SHA-256 is {found}, expected was "
            f"{archive.sha256}. {'It was deleted' if downloaded else 'Delete it'}; nothing was unpacked. Run the same "
            "command again, and if it happens twice, do not trust the source."
        )
